// Opening: file header, then footer or walk, then the small tables.
#include "traces/trace_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "instrumentation/wire/segment.h"
#include "traces/bytes.h"
#include "traces/image_codec.h"
#include "traces/packing.h"
#include "traces/slot_codec.h"

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

base::Result<std::unique_ptr<TraceReader>> TraceReader::open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return base::error(base::ErrorCode::kUnreadable,
                           "cannot open the trace " + path + ": " + std::strerror(errno));
    }
    struct stat facts {};
    const bool regular = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
    std::unique_ptr<TraceReader> reader(
        new TraceReader(path, fd, regular ? static_cast<std::uint64_t>(facts.st_size) : 0));
    if (!regular)
        return base::error(base::ErrorCode::kUnreadable, path + " is not a file, so it cannot be a trace");
    const base::Status header = reader->read_file_header();
    if (!header.ok()) return header.error();
    if (!reader->open_by_footer()) reader->open_by_walking();
    const base::Status tables = reader->read_tables();
    if (!tables.ok()) return tables.error();
    return reader;
}

TraceReader::~TraceReader() {
    ::close(fd_);
}

bool TraceReader::read_at(std::uint64_t offset, void* to, std::size_t bytes) const {
    if (offset > file_bytes_ || bytes > file_bytes_ - offset) return false;
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got = ::pread(fd_, static_cast<char*>(to) + done, bytes - done,
                                    static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += static_cast<std::size_t>(got);
    }
    return true;
}

base::Status TraceReader::read_file_header() {
    FileHeader header{};
    if (!read_at(0, &header, sizeof header) ||
        std::memcmp(header.magic, kTraceMagic, sizeof header.magic) != 0) {
        return corrupt("this is not a Coroscope trace; `coroscope record -o FILE -- PROGRAM` makes one");
    }
    if (header.version_major != kTraceMajor) {
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

// True when a whole, believable chunk header stands at `offset` and its payload lies inside the file.
bool TraceReader::read_chunk_header(std::uint64_t offset, ChunkRef& chunk) const {
    chunk.offset = offset;
    if (!read_at(offset, &chunk.header, sizeof chunk.header) || chunk.header.magic != kChunkMagic)
        return false;
    if (chunk.header.types_count > wire::kEventTypesMax) return false;
    chunk.counts.resize(chunk.header.types_count);
    if (!read_at(offset + sizeof chunk.header, chunk.counts.data(), chunk.counts.size() * sizeof(TypeCount)))
        return false;
    if (chunk.header.header_hash != header_checksum(chunk.header, chunk.counts)) return false;
    const std::uint64_t payload_offset = offset + sizeof chunk.header +
                                         chunk.counts.size() * sizeof(TypeCount);
    return chunk.header.payload_bytes <= file_bytes_ - payload_offset;
}

base::Result<Bytes> TraceReader::read_payload(const ChunkRef& chunk) const {
    const std::uint64_t offset = chunk.offset + sizeof chunk.header + chunk.counts.size() * sizeof(TypeCount);
    const std::string name = std::string("the ") + chunk_type_name(chunk.header.type) + " chunk at byte " +
                             std::to_string(chunk.offset);
    if (offset > file_bytes_ || chunk.header.payload_bytes > file_bytes_ - offset)
        return corrupt(name + " is cut off");
    Bytes stored(chunk.header.payload_bytes);
    if (!read_at(offset, stored.data(), stored.size())) return corrupt(name + " cannot be read");
    if (checksum(stored.data(), stored.size()) != chunk.header.payload_hash)
        return corrupt(name + " is damaged");
    base::Result<Bytes> bytes = unpack(chunk.header.compression, chunk.header.unpacked_bytes, stored);
    if (!bytes.ok()) return corrupt(name + ": " + bytes.error().message);
    return bytes;
}

bool TraceReader::open_by_footer() {
    Trailer trailer{};
    if (file_bytes_ < sizeof(FileHeader) + sizeof trailer) return false;
    if (!read_at(file_bytes_ - sizeof trailer, &trailer, sizeof trailer) || trailer.magic != kTrailerMagic)
        return false;
    if (trailer.hash != checksum(&trailer, offsetof(Trailer, hash))) return false;
    ChunkRef footer;
    if (!read_chunk_header(trailer.footer_offset, footer) || footer.header.type != ChunkType::kFooter)
        return false;
    const base::Result<Bytes> payload = read_payload(footer);
    if (!payload.ok()) return false;
    ByteReader in(*payload);
    std::vector<ChunkRef> chunks;
    while (in.ok() && in.remaining() > 0) {
        ChunkRef chunk;
        chunk.offset = in.get<std::uint64_t>();
        chunk.header = in.get<ChunkHeader>();
        const BytesView counts = in.get_bytes(std::size_t{chunk.header.types_count} * sizeof(TypeCount));
        if (!in.ok() || chunk.header.magic != kChunkMagic) return false;
        chunk.counts.resize(chunk.header.types_count);
        if (!counts.empty()) std::memcpy(chunk.counts.data(), counts.data(), counts.size());
        if (chunk.header.header_hash != header_checksum(chunk.header, chunk.counts)) return false;
        chunks.push_back(std::move(chunk));
    }
    chunks_ = std::move(chunks);
    complete_ = true;
    return true;
}

void TraceReader::open_by_walking() {
    std::uint64_t offset = sizeof(FileHeader);
    for (;;) {
        ChunkRef chunk;
        if (!read_chunk_header(offset, chunk)) break;
        offset += sizeof chunk.header + chunk.counts.size() * sizeof(TypeCount) + chunk.header.payload_bytes;
        if (chunk.header.type != ChunkType::kFooter) chunks_.push_back(std::move(chunk));
    }
    // The last one may have reached the disk in part: its header says more than there is behind it.
    while (!chunks_.empty() && !read_payload(chunks_.back()).ok())
        chunks_.pop_back();
}

base::Status TraceReader::read_table(const ChunkRef& chunk) {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    const auto keep = [](auto&& decoded, auto& to) -> base::Status {
        if (!decoded.ok()) return decoded.error();
        to = std::move(*decoded);
        return base::ok_status();
    };
    switch (chunk.header.type) {
        case ChunkType::kStackTable:
            return decode_stack_table(*payload, *table_being_read_);
        case ChunkType::kModules:
            return keep(decode_modules(*payload), modules_);
        case ChunkType::kSymbols:
            return decode_symbols(*payload, symbols_);
        case ChunkType::kEnd:
            return keep(decode_end(*payload), end_);
        case ChunkType::kStrings: {
            ByteReader in(*payload);
            const auto begin = in.get<std::uint64_t>();
            const std::string text = in.get_text();
            if (!in.ok() || begin > strings_.size() || begin + text.size() > wire::kStringBytesMax) {
                return corrupt("the strings do not follow each other");
            }
            strings_.resize(begin);
            strings_ += text;
            return base::ok_status();
        }
        case ChunkType::kCounts: {
            base::Result<Counts> counts = decode_counts(*payload);
            if (!counts.ok()) return counts.error();
            counts_.push_back(std::move(*counts));
            return base::ok_status();
        }
        default:
            return base::ok_status();
    }
}

base::Status TraceReader::read_tables() {
    table_being_read_ = std::make_shared<inspect::StackTable>();
    bool meta_found = false;
    for (std::uint32_t i = 0; i < chunks_.size(); ++i) {
        const ChunkRef& chunk = chunks_[i];
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
                keyframes_.push_back(i);
                break;
            case ChunkType::kStacks:
                stacks_.push_back(i);
                break;
            default:
                if (!read_table(chunk).ok()) ++broken_;
        }
    }
    stack_table_ = std::move(table_being_read_);
    if (!meta_found) return corrupt("the trace breaks off before it says what was recorded; record it again");
    const auto by_time = [&](std::uint32_t a, std::uint32_t b) {
        return chunks_[a].header.ticks_max < chunks_[b].header.ticks_max;
    };
    std::stable_sort(keyframes_.begin(), keyframes_.end(), by_time);
    std::stable_sort(stacks_.begin(), stacks_.end(), by_time);
    std::stable_sort(counts_.begin(), counts_.end(),
                     [](const Counts& a, const Counts& b) { return a.mark_ticks < b.mark_ticks; });
    if (keyframes_.empty())
        return corrupt("the trace breaks off before the first look at the program; record it for longer");
    return base::ok_status();
}

RingCount TraceReader::ring(std::uint32_t ring) const {
    for (auto counts = counts_.rbegin(); counts != counts_.rend(); ++counts) {
        for (const RingCount& row : counts->rings) {
            if (row.ring == ring) return row;
        }
    }
    RingCount none;
    none.ring = ring;
    return none;
}

base::Result<std::vector<wire::EventSlot>> TraceReader::read_events(const ChunkRef& chunk) const {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    return decode_slots(*payload);
}

base::Result<inspect::StateImage> TraceReader::read_keyframe(const ChunkRef& chunk) const {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    base::Result<inspect::StateImage> image = decode_image(*payload, strings_);
    if (!image.ok()) return corrupt(image.error().message);
    // The walk over the chunks went by the header's times; what is inside must not claim others.
    image->read_begin_ticks = chunk.header.ticks_min;
    image->read_end_ticks = chunk.header.ticks_max;
    return image;
}

base::Result<inspect::StackSnapshot> TraceReader::read_stacks(const ChunkRef& chunk) const {
    const base::Result<Bytes> payload = read_payload(chunk);
    if (!payload.ok()) return payload.error();
    base::Result<inspect::StackSnapshot> stacks = decode_stacks(*payload);
    if (!stacks.ok()) return corrupt(stacks.error().message);
    for (inspect::StackRef& ref : stacks->stacks) {
        if (ref.stack >= stack_table_->size()) ref.stack = wire::kNone;
    }
    return stacks;
}

}  // namespace coroscope::traces
