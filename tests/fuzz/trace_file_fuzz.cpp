// Opening and looking at a damaged trace: whatever its bytes are, one sentence or a moment that is safe to use.
//
// Input: the first byte chooses how the rest becomes a file.
//   even  the rest is the file, byte for byte: headers, footer, walking. Checksums stop most damage at the door.
//   odd   the rest is a list of chunks {type:8 | flags:8 | bytes:16 | ticks:32 | payload}, put into a file whose headers and checksums
//         are right: what the decoders of payloads, the model and the analyses do with nonsense.
// The file is a memfd, opened by its name in /proc, so that nothing is left behind.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include "instrumentation/wire/segment.h"

#include "traces/analysis.h"
#include "traces/event_feed.h"
#include "traces/packing.h"
#include "traces/replay.h"
#include "traces/tables.h"

namespace {

using namespace coroscope;
using namespace coroscope::traces;

template <typename T>
void append(std::vector<std::uint8_t>& to, const T& value) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    to.insert(to.end(), first, first + sizeof value);
}

void append_chunk(std::vector<std::uint8_t>& file, ChunkHeader header, const std::uint8_t* payload,
                  std::size_t bytes) {
    header.magic = kChunkMagic;
    header.compression = Compression::kNone;
    header.payload_bytes = header.unpacked_bytes = bytes;
    header.payload_hash = checksum(payload, bytes);
    header.header_hash = header_checksum(header, {});
    append(file, header);
    file.insert(file.end(), payload, payload + bytes);
}

std::vector<std::uint8_t> assemble(const std::uint8_t* data, std::size_t bytes) {
    std::vector<std::uint8_t> file;
    FileHeader header{};
    std::memcpy(header.magic, kTraceMagic, sizeof header.magic);
    header.version_major = kTraceMajor;
    header.wire_major = wire::kWireMajor;
    header.hash = checksum(&header, offsetof(FileHeader, hash));
    append(file, header);
    const Bytes meta = encode_meta({});
    ChunkHeader chunk{};
    chunk.type = ChunkType::kMeta;
    append_chunk(file, chunk, meta.data(), meta.size());
    while (bytes >= 8) {
        std::uint16_t length = 0;
        std::uint32_t ticks = 0;
        std::memcpy(&length, data + 2, sizeof length);
        std::memcpy(&ticks, data + 4, sizeof ticks);
        chunk = {};
        chunk.type = static_cast<ChunkType>(data[0] % 12);
        chunk.ring = data[1] & 7;
        chunk.context_known = data[1] >> 3 & 1;
        chunk.context_ticks = chunk.ticks_min = ticks;
        chunk.ticks_max = ticks + (std::uint64_t{data[1]} << 12);
        chunk.lost_count = data[1] >> 7;
        chunk.lost_since_ticks = chunk.lost_count != 0 ? ticks : 0;
        data += 8;
        bytes -= 8;
        const std::size_t payload_bytes = length < bytes ? length : bytes;
        append_chunk(file, chunk, data, payload_bytes);
        data += payload_bytes;
        bytes -= payload_bytes;
    }
    return file;
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    if (bytes == 0) return 0;
    const std::vector<std::uint8_t> file = data[0] % 2 == 0 ? std::vector<std::uint8_t>(data + 1, data + bytes)
                                                            : assemble(data + 1, bytes - 1);
    const int fd = memfd_create("trace", MFD_CLOEXEC);
    if (fd < 0 || write(fd, file.data(), file.size()) != static_cast<ssize_t>(file.size())) std::abort();
    auto reader = TraceReader::open("/proc/self/fd/" + std::to_string(fd));
    close(fd);
    if (!reader.ok()) {
        if (reader.error().message.empty() || reader.error().message.find('\n') != std::string::npos)
            std::abort();
        return 0;
    }
    auto replay = Replay::make(std::shared_ptr<const TraceReader>(std::move(*reader)));
    if (!replay.ok()) return 0;
    look_at(**replay, (*replay)->begin());
    look_at(**replay, (*replay)->begin() / 2 + (*replay)->end() / 2);
    look_at(**replay, (*replay)->end());
    return 0;
}
