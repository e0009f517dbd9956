// Opening: file header, then the index, then the small tables.
#include "traces/trace_reader.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "instrumentation/wire/segment.h"
#include "traces/bytes.h"
#include "traces/event_columns.h"
#include "traces/image_codec.h"
#include "traces/look_delta.h"
#include "traces/packing.h"
#include "traces/slot_codec.h"
#include "traces/trace_medium.h"
#include "traces/trace_stream.h"

namespace coroscope::traces {
namespace {

std::string version_sentence(const std::string& path, const char* what, unsigned theirs, unsigned ours) {
    const std::string says = path + " has " + what + " version " + std::to_string(theirs) +
                             ", this coroscope reads version " + std::to_string(ours) + ": ";
    return says + (theirs > ours
                       ? "upgrade coroscope"
                       : "upgrade the program's side by recording again, or open it with an older coroscope");
}

}  // namespace

base::Error TraceReader::corrupt(const std::string& how) const {
    return base::error(base::ErrorCode::kCorrupt, path_ + ": " + how);
}

base::Error TraceReader::corrupt(const ChunkRef& chunk, const base::Error& how) const {
    return base::error(how.code, path_ + ": the " + chunk_type_name(chunk.header.type) + " chunk at byte " +
                                     std::to_string(chunk.offset) + ": " + how.message);
}

// Tables that chunks add to, copied from the reader before when the first addition comes.
struct TraceReader::Growing {
    template <typename T>
    static T& own(std::shared_ptr<T>& mine, const std::shared_ptr<const T>& before) {
        if (mine == nullptr) mine = before == nullptr ? std::make_shared<T>() : std::make_shared<T>(*before);
        return *mine;
    }
    std::shared_ptr<inspect::StackTable> stack_table;
    std::shared_ptr<std::string> strings;
    std::shared_ptr<Symbols> symbols;
};

std::uint64_t TraceReader::seed() const {
    return file_header_.version_major > 1 ? file_header_.hash : 0;
}

base::Result<std::unique_ptr<TraceReader>> TraceReader::open(const std::string& path) {
    if (path == kStandardStream) {
        auto stream = TraceStream::start(base::FileDescriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)), "the trace on stdin");
        if (!stream.ok()) return stream.error();
        return (*stream)->wait_for_end();
    }
    auto file = TraceFile::open(path);
    if (!file.ok()) return file.error();
    return open(std::move(*file), path);
}

base::Result<std::unique_ptr<TraceReader>> TraceReader::open(std::shared_ptr<const TraceBytes> bytes,
                                                             const std::string& path) {
    std::unique_ptr<TraceReader> reader(new TraceReader(std::move(bytes), path));
    const base::Status read = reader->read_index_and_tables(reader->file_->being_written());
    if (!read.ok()) return read.error();
    return reader;
}

base::Result<std::unique_ptr<TraceReader>> TraceReader::open_growing(std::shared_ptr<const TraceBytes> bytes,
                                                                     const std::string& path) {
    std::unique_ptr<TraceReader> reader(new TraceReader(std::move(bytes), path));
    const base::Status read = reader->read_index_and_tables(true);
    if (!read.ok()) return read.error();
    return reader;
}

base::Status TraceReader::read_index_and_tables(bool growing) {
    const base::Status header = read_file_header();
    if (!header.ok()) return header.error();
    if (const TraceIndex* known = file_->known_index()) {
        index_ = *known;
    } else if (growing) {
        extend_index(index_, *file_, seed());
    } else {
        index_ = read_index(*file_, seed());
    }
    return read_tables(0);
}

base::Result<std::shared_ptr<const TraceReader>> TraceReader::newer() const {
    std::shared_ptr<const TraceBytes> bytes = file_->newer();
    if (bytes == nullptr) return std::shared_ptr<const TraceReader>();
    if (bytes->known_index() != nullptr) {
        auto opened = open(std::move(bytes), path_);
        if (!opened.ok()) return opened.error();
        return std::shared_ptr<const TraceReader>(std::move(*opened));
    }
    std::shared_ptr<TraceReader> reader(new TraceReader(*this));
    reader->file_ = std::move(bytes);
    const std::size_t before = index_.chunks.size();
    extend_index(reader->index_, *reader->file_, seed());
    if (reader->index_.chunks.size() == before && !reader->index_.complete)
        return std::shared_ptr<const TraceReader>();
    const base::Status tables = reader->read_tables(before);
    if (!tables.ok()) return tables.error();
    return std::shared_ptr<const TraceReader>(std::move(reader));
}

base::Status TraceReader::read_file_header() {
    FileHeader& header = file_header_;
    if (!file_->read_at(0, &header, sizeof header) ||
        std::memcmp(header.magic, kTraceMagic, sizeof header.magic) != 0) {
        return corrupt("this is not a Coroscope trace; `coroscope record -o FILE -- PROGRAM` makes one");
    }
    if (header.version_major < kTraceMajorMin || header.version_major > kTraceMajor) {
        return base::error(base::ErrorCode::kVersion,
                           version_sentence(path_, "trace format", header.version_major, kTraceMajor));
    }
    if (header.wire_major != wire::kWireMajor) {
        return base::error(base::ErrorCode::kVersion,
                           version_sentence(path_, "event format", header.wire_major, wire::kWireMajor));
    }
    if (header.hash != checksum(&header, offsetof(FileHeader, hash)))
        return corrupt("the trace's first bytes are damaged; record it again");
    return base::ok_status();
}

base::Result<Bytes> TraceReader::read_payload(const ChunkRef& chunk) const {
    base::Result<Bytes> stored = read_stored(*file_, chunk);
    if (!stored.ok()) return corrupt(chunk, stored.error());
    if (checksum(stored->data(), stored->size()) != chunk.header.payload_hash)
        return corrupt(chunk, base::error(base::ErrorCode::kCorrupt, "it is damaged"));
    if (chunk.header.compression == Compression::kNone && chunk.header.unpacked_bytes == stored->size())
        return stored;
    base::Result<Bytes> bytes = unpack(chunk.header.compression, chunk.header.unpacked_bytes, *stored);
    if (!bytes.ok()) return corrupt(chunk, bytes.error());
    return bytes;
}

base::Status TraceReader::read_table(const ChunkRef& chunk, Growing& growing) {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    const auto keep = [](auto&& decoded, auto& to) -> base::Status {
        if (!decoded.ok()) return decoded.error();
        to = std::move(*decoded);
        return base::ok_status();
    };
    switch (chunk.header.type) {
        case ChunkType::kStackTable:
            return decode_stack_table(*payload, Growing::own(growing.stack_table, stack_table_));
        case ChunkType::kModules:
            return keep(decode_modules(*payload), modules_);
        case ChunkType::kSymbols:
            return decode_symbols(*payload, Growing::own(growing.symbols, symbols_));
        case ChunkType::kEnd:
            return keep(decode_end(*payload), end_);
        case ChunkType::kStrings: {
            ByteReader in(*payload);
            const auto begin = in.get<std::uint64_t>();
            const std::string text = in.get_text();
            std::string& strings = Growing::own(growing.strings, strings_);
            if (!in.ok() || begin > strings.size() || begin + text.size() > wire::kStringBytesMax) {
                return corrupt("the strings do not follow each other");
            }
            strings.resize(begin);
            strings += text;
            return base::ok_status();
        }
        case ChunkType::kCounts: {
            base::Result<Counts> counts = decode_counts(*payload);
            if (!counts.ok()) return counts.error();
            counts_.push_back(std::make_shared<const Counts>(std::move(*counts)));
            return base::ok_status();
        }
        default:
            return base::ok_status();
    }
}

base::Status TraceReader::read_tables(std::size_t first_chunk) {
    Growing growing;
    bool meta_found = first_chunk != 0;
    for (auto i = static_cast<std::uint32_t>(first_chunk); i < index_.chunks.size(); ++i) {
        const ChunkRef& chunk = index_.chunks[i];
        switch (chunk.header.type) {
            case ChunkType::kMeta: {
                const base::Result<Bytes> payload = read_payload(chunk);
                if (!payload.ok()) return payload.error();
                base::Result<TraceMeta> meta = decode_meta(*payload);
                if (!meta.ok()) return corrupt(meta.error().message);
                meta_ = std::move(*meta);
                meta_found = true;
                break;
            }
            case ChunkType::kEvents:
                events_.push_back(i);
                break;
            case ChunkType::kKeyframe:
            case ChunkType::kKeyframeDelta:
                keyframes_.push_back(i);
                break;
            case ChunkType::kStacks:
            case ChunkType::kStacksDelta:
                stacks_.push_back(i);
                break;
            default:
                if (!read_table(chunk, growing).ok()) ++broken_;
        }
    }
    const auto take = [](auto& mine, auto& to) {
        if (to == nullptr) Growing::own(mine, to);  // the trace has none
        if (mine != nullptr) to = std::move(mine);
    };
    take(growing.stack_table, stack_table_);
    take(growing.strings, strings_);
    take(growing.symbols, symbols_);
    if (!meta_found) return corrupt("the trace breaks off before it says what was recorded; record it again");
    const auto by_time = [&](std::uint32_t a, std::uint32_t b) {
        return index_.chunks[a].header.ticks_max < index_.chunks[b].header.ticks_max;
    };
    std::stable_sort(keyframes_.begin(), keyframes_.end(), by_time);
    std::stable_sort(stacks_.begin(), stacks_.end(), by_time);
    drop_baseless(keyframes_, ChunkType::kKeyframe);
    drop_baseless(stacks_, ChunkType::kStacks);
    std::stable_sort(counts_.begin(), counts_.end(),
                     [](const auto& a, const auto& b) { return a->mark_ticks < b->mark_ticks; });
    if (keyframes_.empty())
        return corrupt("the trace breaks off before the first look at the program; record it for longer");
    return base::ok_status();
}

RingCount TraceReader::ring(std::uint32_t ring) const {
    for (auto counts = counts_.rbegin(); counts != counts_.rend(); ++counts) {
        for (const RingCount& row : (*counts)->rings) {
            if (row.ring == ring) return row;
        }
    }
    RingCount none;
    none.ring = ring;
    return none;
}

base::Status TraceReader::read_events(const ChunkRef& chunk, std::vector<wire::EventSlot>& slots) const {
    if (chunk.header.layout == EventsLayout::kColumns) {
        const base::Result<Bytes> stored = read_stored(*file_, chunk);
        if (!stored.ok()) return corrupt(chunk, stored.error());
        const base::Status decoded = decode_event_columns(chunk.header, *stored, slots);
        if (!decoded.ok()) return corrupt(chunk, decoded.error());
        return decoded;
    }
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    const base::Status decoded = chunk.header.layout == EventsLayout::kSlots ? copy_slots(*payload, slots)
                                                                             : decode_slots(*payload, slots);
    if (!decoded.ok()) return corrupt(chunk, decoded.error());
    return decoded;
}

base::Result<std::vector<wire::EventSlot>> TraceReader::read_events(const ChunkRef& chunk) const {
    std::vector<wire::EventSlot> slots;
    const base::Status read = read_events(chunk, slots);
    if (!read.ok()) return read.error();
    return slots;
}

// Deltas of what is not there, or not any more, are of no use.
void TraceReader::drop_baseless(std::vector<std::uint32_t>& looks, ChunkType whole) {
    const std::vector<std::uint32_t> all = looks;
    std::erase_if(looks, [&](std::uint32_t position) {
        const ChunkRef& chunk = index_.chunks[position];
        return chunk.header.type != whole && base_of(chunk, all) == nullptr;
    });
}

const ChunkRef* TraceReader::base_of(const ChunkRef& delta, const std::vector<std::uint32_t>& looks) const {
    const auto before = [&](std::uint32_t position, std::uint64_t ticks) {
        return index_.chunks[position].header.ticks_max < ticks;
    };
    const std::uint64_t ticks = delta.header.context_ticks;
    const ChunkType whole = delta.header.type == ChunkType::kKeyframeDelta ? ChunkType::kKeyframe : ChunkType::kStacks;
    for (auto at = std::lower_bound(looks.begin(), looks.end(), ticks, before); at != looks.end(); ++at) {
        const ChunkRef& chunk = index_.chunks[*at];
        if (chunk.header.ticks_max != ticks) return nullptr;
        if (chunk.header.type == whole) return &chunk;
    }
    return nullptr;
}

base::Result<inspect::StateImage> TraceReader::read_keyframe(const ChunkRef& chunk) const {
    base::Result<inspect::StateImage> image = read_keyframe_rows(chunk);
    if (image.ok()) image->index();
    return image;
}

base::Result<inspect::StateImage> TraceReader::read_keyframe_rows(const ChunkRef& chunk) const {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    base::Result<inspect::StateImage> image = corrupt("its base is missing");
    if (chunk.header.type == ChunkType::kKeyframe) {
        image = decode_image_rows(*payload, *strings_);
    } else if (const ChunkRef* whole = base_of(chunk, keyframes_)) {
        const base::Result<inspect::StateImage> base = read_keyframe_rows(*whole);
        if (!base.ok()) return base;
        image = apply_keyframe_delta(*payload, *base, *strings_);
    }
    if (!image.ok()) return corrupt(chunk, image.error());
    // The walk over the chunks went by the header's times; what is inside must not claim others.
    image->read_begin_ticks = chunk.header.ticks_min;
    image->read_end_ticks = chunk.header.ticks_max;
    return image;
}

base::Result<inspect::StackSnapshot> TraceReader::read_stacks(const ChunkRef& chunk) const {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    base::Result<inspect::StackSnapshot> stacks = corrupt("its base is missing");
    if (chunk.header.type == ChunkType::kStacks) {
        stacks = decode_stacks(*payload);
    } else if (const ChunkRef* whole = base_of(chunk, stacks_)) {
        const base::Result<inspect::StackSnapshot> base = read_stacks(*whole);
        if (!base.ok()) return base;
        stacks = apply_stacks_delta(*payload, *base);
    }
    if (!stacks.ok()) return corrupt(chunk, stacks.error());
    for (inspect::StackRef& ref : stacks->stacks) {
        if (ref.stack >= stack_table_->size()) ref.stack = wire::kNone;
    }
    return stacks;
}

}  // namespace coroscope::traces
