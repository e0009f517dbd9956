// Opening and looking at a damaged trace: whatever its bytes are, one sentence or a moment that is safe to use.
//
// Input: the first byte, modulo 3, chooses how the rest becomes a file.
//   0  the rest is the file, byte for byte: headers, footer, walking. Checksums stop most damage at the door.
//   1  the rest is a list of chunks {type:8 | flags:8 | bytes:16 | ticks:32 | payload}, put into a file whose headers and checksums
//      are right, those of columns included: what the decoders of payloads, the model and the analyses do with nonsense.
//   2  the rest is a list of accidents {what:8 | length:8 | from:16 | to:16} that happen to a good trace: bits flip, pieces are cut out, put
//      elsewhere, put in twice or overwritten, the end is lost. No accident may bring events that were never written.
// The file is a memfd, opened by its name in /proc, so that nothing is left behind.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include "instrumentation/wire/segment.h"

#include "traces/analyses/profile.h"
#include "traces/analysis.h"
#include "traces/column_scan.h"
#include "traces/event_columns.h"
#include "traces/event_feed.h"
#include "traces/exports/tables.h"
#include "traces/exports/timeline.h"
#include "traces/packing.h"
#include "traces/replay.h"
#include "traces/tables.h"
#include "traces/trace_writer.h"

namespace {

using namespace coroscope;
using namespace coroscope::traces;

template <typename T>
void append(std::vector<std::uint8_t>& to, const T& value) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    to.insert(to.end(), first, first + sizeof value);
}

// Columns whose table and checksums are right, whatever stands in them: the payload's first bytes are taken for the table.
void mend_columns(std::vector<std::uint8_t>& payload) {
    if (payload.size() < kColumnsHeadBytes) return;
    ColumnEntry entries[kColumnsCount];
    std::memcpy(entries, payload.data() + sizeof(ColumnsHead), sizeof entries);
    std::size_t at = kColumnsHeadBytes;
    for (std::size_t i = 0; i < kColumnsCount; ++i) {
        entries[i].column = static_cast<std::uint8_t>(i);
        const std::size_t left = payload.size() - at;
        if (i + 1 == kColumnsCount || entries[i].stored_bytes > left)
            entries[i].stored_bytes = static_cast<std::uint32_t>(left);
        if (entries[i].compression == Compression::kNone) entries[i].unpacked_bytes = entries[i].stored_bytes;
        entries[i].hash = checksum(payload.data() + at, entries[i].stored_bytes);
        at += entries[i].stored_bytes;
    }
    std::memcpy(payload.data() + sizeof(ColumnsHead), entries, sizeof entries);
}

void append_chunk(std::vector<std::uint8_t>& file, ChunkHeader header, std::uint64_t seed,
                  std::vector<std::uint8_t> payload) {
    header.magic = kChunkMagic;
    header.compression = Compression::kNone;
    header.payload_bytes = header.unpacked_bytes = payload.size();
    std::size_t hashed = payload.size();
    if (header.type == ChunkType::kEvents && header.layout == EventsLayout::kColumns) {
        mend_columns(payload);
        hashed = std::min(hashed, kColumnsHeadBytes);
        header.scan_bytes = static_cast<std::uint32_t>(payload.size());
    }
    header.payload_hash = checksum(payload.data(), hashed);
    header.header_hash = header_checksum(header, {}, {}, seed);
    append(file, header);
    file.insert(file.end(), payload.begin(), payload.end());
}

std::vector<std::uint8_t> assemble(const std::uint8_t* data, std::size_t bytes) {
    std::vector<std::uint8_t> file;
    FileHeader header{};
    std::memcpy(header.magic, kTraceMagic, sizeof header.magic);
    header.version_major = kTraceMajor;
    header.wire_major = wire::kWireMajor;
    header.hash = checksum(&header, offsetof(FileHeader, hash));
    append(file, header);
    ChunkHeader chunk{};
    chunk.type = ChunkType::kMeta;
    append_chunk(file, chunk, header.hash, encode_meta({}));
    for (std::uint32_t number = 1; bytes >= 8; ++number) {
        std::uint16_t length = 0;
        std::uint32_t ticks = 0;
        std::memcpy(&length, data + 2, sizeof length);
        std::memcpy(&ticks, data + 4, sizeof ticks);
        chunk = {};
        chunk.number = number;
        chunk.type = static_cast<ChunkType>(data[0] % 12);
        chunk.layout = static_cast<EventsLayout>(data[0] / 12 % 4);
        chunk.ring = data[1] & 7;
        chunk.context_known = data[1] >> 3 & 1;
        chunk.context_ticks = chunk.ticks_min = ticks;
        chunk.ticks_max = ticks + (std::uint64_t{data[1]} << 12);
        chunk.lost_count = data[1] >> 7;
        chunk.lost_since_ticks = chunk.lost_count != 0 ? ticks : 0;
        data += 8;
        bytes -= 8;
        const std::size_t payload_bytes = length < bytes ? length : bytes;
        append_chunk(file, chunk, header.hash, {data, data + payload_bytes});
        data += payload_bytes;
        bytes -= payload_bytes;
    }
    return file;
}

// A good trace: a few chunks of events of either kind, keyframes between them, a footer.
std::vector<std::uint8_t> make_good_trace() {
    const int fd = memfd_create("good", MFD_CLOEXEC);
    TraceMeta meta;
    meta.program = "/good";
    meta.clock.multiplier = 1ULL << 32;
    meta.clock.shift = 32;
    {
        auto writer = TraceWriter::create("/proc/self/fd/" + std::to_string(fd), meta);
        if (!writer.ok()) std::abort();
        for (std::uint32_t piece = 0; piece < 6; ++piece) {
            EventsChunk chunk;
            chunk.ring = piece % 2;
            chunk.first_position = piece / 2 * std::uint64_t{300};
            chunk.context_ticks = chunk.ticks_min = 1000 + piece * 1000;
            chunk.ticks_max = chunk.ticks_min + 300;
            chunk.events_count = 300;
            chunk.counts[static_cast<std::size_t>(wire::EventType::kWake)] = 300;
            for (std::uint32_t i = 0; i < 300; ++i) {
                chunk.slots.push_back(wire::make_slot(chunk.ticks_min + i, wire::EventType::kWake, 0,
                                                      wire::make_word1(i % 7, piece << 16 | i)));
            }
            inspect::StateImage image;
            image.read_begin_ticks = image.read_end_ticks = chunk.ticks_max;
            if (!(*writer)->add_events(chunk, piece == 3).ok() || !(*writer)->add_keyframe(image).ok())
                std::abort();
        }
        if (!(*writer)->finish({9000, "the program ended", ""}).ok()) std::abort();
    }
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)));
    if (pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
    close(fd);
    return bytes;
}

std::vector<std::uint8_t> after_accidents(const std::uint8_t* data, std::size_t bytes) {
    static const std::vector<std::uint8_t> good = make_good_trace();
    std::vector<std::uint8_t> file = good;
    for (; bytes >= 6 && !file.empty() && file.size() < 4 * good.size(); data += 6, bytes -= 6) {
        std::uint16_t from = 0;
        std::uint16_t to = 0;
        std::memcpy(&from, data + 2, sizeof from);
        std::memcpy(&to, data + 4, sizeof to);
        const auto at = static_cast<std::ptrdiff_t>(from % file.size());
        const auto other = static_cast<std::ptrdiff_t>(to % file.size());
        const std::ptrdiff_t length = std::min<std::ptrdiff_t>(
            std::ptrdiff_t{1} << (data[1] % 14),
            static_cast<std::ptrdiff_t>(file.size()) - std::max(at, other));
        const std::vector<std::uint8_t> piece(file.begin() + at, file.begin() + at + length);
        switch (data[0] % 5) {
            case 0:
                file[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1 << data[1] % 8);
                break;
            case 1:
                file.erase(file.begin() + at, file.begin() + at + length);
                break;
            case 2:
                file.insert(file.begin() + other, piece.begin(), piece.end());
                break;
            case 3:
                std::copy(piece.begin(), piece.end(), file.begin() + other);
                break;
            default:
                file.resize(static_cast<std::size_t>(at));
        }
    }
    return file;
}

// Of a good trace to which something happened: what is read was written, each wake where it was.
void expect_nothing_new(const TraceReader& reader) {
    for (const std::uint32_t position : reader.events()) {
        const ChunkRef& chunk = reader.chunks()[position];
        const auto slots = reader.read_events(chunk);
        if (!slots.ok()) continue;
        for (std::size_t i = 0; i < slots->size(); ++i) {
            const std::uint64_t said = (*slots)[i].word1 >> 32;
            if (wire::slot_stamp((*slots)[i]) != 1000 + (said >> 16) * 1000 + i || (said & 0xffff) != i)
                std::abort();
        }
    }
}

void look_at(const Replay& replay, TimeNs t) {
    const auto moment = replay.moment_at(t);
    if (!moment.ok()) return;
    for (const inspect::CoroutineImage& coroutine : (*moment)->state.coroutines) {
        const inspect::StackRef* ref = (*moment)->stack_of(coroutine);
        if (ref != nullptr && (*moment)->table->pcs(ref->stack).size() > inspect::kFramesMax) std::abort();
        if ((*moment)->state.coroutine_at(coroutine.index) == nullptr) std::abort();
    }
    const Waits waits = compute_waits(**moment);
    if (to_json(waits).empty() || to_text(waits).empty()) std::abort();
}

class EveryRow final : public exports::TableSink {
public:
    void row(exports::TableName table, std::span<const exports::Value> values) override {
        if (values.size() != exports::tables()[static_cast<std::size_t>(table)].columns.size()) std::abort();
    }
};
class EveryMark final : public exports::TimelineSink {
public:
    void track(const exports::Track&, const std::string&) override {}
    void slice(const exports::Slice& slice) override {
        if (slice.end_ns < slice.begin_ns) std::abort();
    }
    void instant(const exports::Instant&) override {}
    void counter_track(std::size_t, const std::string&) override {}
    void counter(std::size_t, std::int64_t, std::int64_t) override {}
    void real_counter(std::size_t, std::int64_t, double) override {}
};

// What profiles and exports make of it.
void walk_through(const std::shared_ptr<const TraceReader>& reader) {
    auto walk = analyses::TraceWalk::make(reader);
    if (!walk.ok()) return;
    for (const analyses::ProfileBy by : {analyses::ProfileBy::kCoroutine, analyses::ProfileBy::kSite,
                                         analyses::ProfileBy::kChannel, analyses::ProfileBy::kWorker}) {
        const analyses::Profile profile = analyses::compute_profile(**walk,
                                                                    {by, analyses::ProfileSort::kTotal, 20});
        if (analyses::to_json(profile).empty() || analyses::to_text(profile).empty()) std::abort();
    }
    EveryRow rows;
    exports::tell_tables(**walk, rows);
    EveryMark marks;
    exports::Timeline timeline(**walk, marks);
    (*walk)->run(timeline);
    timeline.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes == 0) return 0;
    const int kind = data[0] % 3;
    const std::vector<std::uint8_t> file = kind == 0   ? std::vector<std::uint8_t>(data + 1, data + bytes)
                                           : kind == 1 ? assemble(data + 1, bytes - 1)
                                                       : after_accidents(data + 1, bytes - 1);
    const int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, file.data(), file.size()) != static_cast<ssize_t>(file.size())) std::abort();
    auto reader = TraceReader::open("/proc/self/fd/" + std::to_string(fd));
    close(fd);
    if (!reader.ok()) {
        if (reader.error().message.empty() || reader.error().message.find('\n') != std::string::npos)
            std::abort();
        return 0;
    }
    if (kind == 2) expect_nothing_new(**reader);
    std::size_t scanned = 0;
    ColumnScan(**reader).for_each([&](std::uint64_t, wire::EventType) { ++scanned; });
    if (scanned > std::size_t{kChunkSlotsMax} * (*reader)->events().size()) std::abort();
    const std::shared_ptr<const TraceReader> shared(std::move(*reader));
    auto replay = Replay::make(shared);
    if (!replay.ok()) return 0;
    look_at(**replay, (*replay)->begin());
    look_at(**replay, (*replay)->begin() / 2 + (*replay)->end() / 2);
    look_at(**replay, (*replay)->end());
    walk_through(shared);
    return 0;
}
