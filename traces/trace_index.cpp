// See trace_index.h.
#include "traces/trace_index.h"

#include <algorithm>
#include <cstring>

#include "traces/event_columns.h"
#include "traces/packing.h"

namespace coroscope::traces {
namespace {

constexpr std::size_t kPartsBytesMax = sizeof(ChunkHeader) + wire::kEventTypesMax * sizeof(TypeCount) +
                                       kTimeBuckets * sizeof(std::uint16_t);
constexpr std::uint64_t kTailBytes = 256U << 10;      // read at once: trailer and, of most files, the footer
constexpr std::size_t kSearchBytes = 1U << 20;        // looked through at once for the next chunk
constexpr std::uint64_t kSearchReadsMax = 64U << 20;  // of payloads, while looking for a whole chunk

// A header and what follows it, as far as they are believable.
struct Parts {
    ChunkHeader header{};
    std::size_t bytes = 0;  // of header, counts and buckets
    const std::uint8_t* begin = nullptr;

    // Nothing unless a header stands at the beginning of `from`, with all that belongs to it.
    static std::optional<Parts> at(BytesView from) {
        Parts parts;
        if (from.size() < sizeof parts.header) return std::nullopt;
        std::memcpy(&parts.header, from.data(), sizeof parts.header);
        const ChunkHeader& header = parts.header;
        if (header.magic != kChunkMagic || header.types_count > wire::kEventTypesMax ||
            (header.time_buckets != 0 && header.time_buckets != kTimeBuckets))
            return std::nullopt;
        parts.bytes = sizeof header + header.types_count * sizeof(TypeCount) +
                      header.time_buckets * sizeof(std::uint16_t);
        if (parts.bytes > from.size()) return std::nullopt;
        parts.begin = from.data();
        return parts;
    }
    // The spans point into `from` of at(), which must be aligned to 8 bytes.
    ChunkRef ref(std::uint64_t offset) const {
        ChunkRef chunk;
        chunk.offset = offset;
        chunk.header = header;
        const std::uint8_t* counts = begin + sizeof header;
        chunk.counts = {reinterpret_cast<const TypeCount*>(counts), header.types_count};
        chunk.buckets = {
            reinterpret_cast<const std::uint16_t*>(counts + header.types_count * sizeof(TypeCount)),
            header.time_buckets};
        return chunk;
    }
};

// Makes chunks of a footer's bytes. False when they make no sense, or leave a gap in [file header, `end`).
bool take_apart(TraceIndex& index, Bytes footer, std::uint64_t end, bool gapless) {
    index.storage.push_back(std::make_shared<const Bytes>(std::move(footer)));
    const BytesView bytes(*index.storage.back());
    std::uint64_t expected = sizeof(FileHeader);
    for (std::size_t at = 0; at < bytes.size();) {
        std::uint64_t offset = 0;
        if (bytes.size() - at < sizeof offset) return false;
        std::memcpy(&offset, bytes.data() + at, sizeof offset);
        const std::optional<Parts> parts = Parts::at(bytes.subspan(at + sizeof offset));
        if (!parts) return false;
        const ChunkRef chunk = parts->ref(offset);
        if (gapless && offset != expected) return false;
        if (chunk.payload_offset() > end || chunk.header.payload_bytes > end - chunk.payload_offset())
            return false;
        expected = chunk.end_offset();
        index.chunks.push_back(chunk);
        at += sizeof offset + parts->bytes;
    }
    return !gapless || expected == end;
}

class Walk {
public:
    // Goes on behind what `index` has.
    Walk(const TraceBytes& file, std::uint64_t seed, TraceIndex& index)
        : file_(file), seed_(seed), index_(index), buffer_(kPartsBytesMax) {
        if (!index.chunks.empty()) {
            offset_ = index.chunks.back().end_offset();
            expected_ = index.chunks.back().header.number + std::uint64_t{1};
        }
    }

    // `growing`: what is not whole at the end will be.
    void run(bool growing) {
        std::uint64_t offset = offset_;
        while (offset < file_.bytes()) {
            const std::optional<Parts> parts = header_at(offset);
            if (parts) {
                footer_ = parts->header.type == ChunkType::kFooter;
                if (footer_) break;
                take(offset, *parts);
                offset = parts->ref(offset).end_offset();
                continue;
            }
            if (growing && !damaged_at(offset)) break;
            const std::uint64_t next = search(offset + 1);
            if (next == file_.bytes()) break;
            lose("bytes " + std::to_string(offset) + " to " + std::to_string(next) + " are damaged");
            offset = next;
        }
    }
    // Whether it came to a footer.
    bool footer() const { return footer_; }
    // What was found, as a footer holds it.
    Bytes take_found() { return std::move(found_); }

private:
    // Whether there is enough at `offset` to say that no chunk begins there.
    bool damaged_at(std::uint64_t offset) {
        const std::uint64_t left = file_.bytes() - offset;
        if (left < kPartsBytesMax) return false;
        if (!file_.read_at(offset, buffer_.data(), kPartsBytesMax)) return false;
        const std::optional<ChunkRef> chunk = chunk_at(buffer_, offset);
        return !chunk || chunk->header.header_hash !=
                             header_checksum(chunk->header, chunk->counts, chunk->buckets, seed_);
    }
    std::optional<Parts> header_at(std::uint64_t offset) {
        const std::uint64_t left = file_.bytes() - offset;
        const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPartsBytesMax));
        if (!file_.read_at(offset, buffer_.data(), bytes)) return std::nullopt;
        const std::optional<Parts> parts = Parts::at(BytesView(buffer_).first(bytes));
        if (!parts) return std::nullopt;
        const ChunkRef chunk = parts->ref(offset);
        if (chunk.header.payload_bytes > left - parts->bytes) return std::nullopt;
        if (chunk.header.header_hash != header_checksum(chunk.header, chunk.counts, chunk.buckets, seed_))
            return std::nullopt;
        return parts;
    }
    void lose(const std::string& sentence) { index_.losses.push_back(sentence); }

    void take(std::uint64_t offset, const Parts& parts) {
        if (parts.header.number < expected_) {
            lose("the chunk at byte " + std::to_string(offset) +
                 " stands there for a second time and is left out");
            return;
        }
        if (parts.header.number > expected_)
            lose(std::to_string(parts.header.number - expected_) + " chunks before byte " +
                 std::to_string(offset) + " are missing");
        expected_ = parts.header.number + std::uint64_t{1};
        const auto* first = reinterpret_cast<const std::uint8_t*>(&offset);
        found_.insert(found_.end(), first, first + sizeof offset);
        found_.insert(found_.end(), parts.begin, parts.begin + parts.bytes);
    }

    // The next whole chunk from `offset` on; the file's end when there is none.
    std::uint64_t search(std::uint64_t offset) {
        Bytes window;
        constexpr std::size_t kOverlap = sizeof kChunkMagic - 1;
        while (offset < file_.bytes()) {
            window.resize(
                static_cast<std::size_t>(std::min<std::uint64_t>(kSearchBytes, file_.bytes() - offset)));
            if (!file_.read_at(offset, window.data(), window.size())) break;
            const auto* magic = reinterpret_cast<const std::uint8_t*>(&kChunkMagic);
            for (auto at = window.begin();;) {
                at = std::search(at, window.end(), magic, magic + sizeof kChunkMagic);
                if (at == window.end()) break;
                const std::uint64_t found = offset + static_cast<std::uint64_t>(at - window.begin());
                const std::optional<Parts> parts = header_at(found);
                if (parts && parts->header.number >= expected_ && whole(*parts, found)) return found;
                ++at;
            }
            if (window.size() <= kOverlap) break;
            offset += window.size() - kOverlap;
        }
        return file_.bytes();
    }
    bool whole(const Parts& parts, std::uint64_t offset) {
        // Copies of headers in a footer claim payloads that lie elsewhere: how much is read for those has a bound.
        if (parts.header.payload_bytes > search_bytes_left_) return false;
        search_bytes_left_ -= parts.header.payload_bytes;
        return chunk_is_whole(file_, parts.ref(offset));
    }

    const TraceBytes& file_;
    const std::uint64_t seed_;
    TraceIndex& index_;
    Bytes buffer_;
    Bytes found_;
    std::uint64_t offset_ = sizeof(FileHeader);
    bool footer_ = false;
    std::uint64_t expected_ = 0;  // number of the next chunk
    std::uint64_t search_bytes_left_ = kSearchReadsMax;
};

bool read_footer(const TraceBytes& file, std::uint64_t seed, TraceIndex& index) {
    if (file.bytes() < sizeof(FileHeader) + sizeof(Trailer)) return false;
    const std::uint64_t tail_offset = file.bytes() - std::min(file.bytes(), kTailBytes);
    Bytes tail(static_cast<std::size_t>(file.bytes() - tail_offset));
    if (!file.read_at(tail_offset, tail.data(), tail.size())) return false;
    Trailer trailer{};
    std::memcpy(&trailer, tail.data() + tail.size() - sizeof trailer, sizeof trailer);
    const std::uint64_t end = file.bytes() - sizeof trailer;
    if (trailer.magic != kTrailerMagic || trailer.hash != checksum(&trailer, offsetof(Trailer, hash)) ||
        trailer.footer_offset > end)
        return false;
    if (trailer.footer_offset < tail_offset) {
        tail.resize(static_cast<std::size_t>(end - trailer.footer_offset));
        if (!file.read_at(trailer.footer_offset, tail.data(), tail.size())) return false;
    } else {
        tail.erase(tail.begin(),
                   tail.begin() + static_cast<std::ptrdiff_t>(trailer.footer_offset - tail_offset));
        tail.resize(static_cast<std::size_t>(end - trailer.footer_offset));
    }
    const std::optional<Parts> parts = Parts::at(tail);
    if (!parts || parts->header.type != ChunkType::kFooter) return false;
    const ChunkRef footer = parts->ref(trailer.footer_offset);
    const BytesView payload = BytesView(tail).subspan(parts->bytes);
    if (footer.header.header_hash != header_checksum(footer.header, footer.counts, footer.buckets, seed) ||
        footer.header.payload_bytes != payload.size() ||
        checksum(payload.data(), payload.size()) != footer.header.payload_hash)
        return false;
    base::Result<Bytes> unpacked = unpack(footer.header.compression, footer.header.unpacked_bytes, payload);
    if (!unpacked.ok()) return false;
    if (take_apart(index, std::move(*unpacked), trailer.footer_offset, true)) return true;
    index = {};
    return false;
}

}  // namespace

TraceIndex read_index(const TraceBytes& file, std::uint64_t seed) {
    TraceIndex index;
    if (read_footer(file, seed, index)) {
        index.complete = true;
        return index;
    }
    index.losses.emplace_back(kNotClosed);
    Walk walk(file, seed, index);
    walk.run(false);
    const bool taken = take_apart(index, walk.take_found(), file.bytes(), false);
    CHECK(taken);  // what the walk has put there
    // The last one may have reached the disk in part: its header says more than there is behind it.
    while (!index.chunks.empty() && !chunk_is_whole(file, index.chunks.back())) {
        index.losses.push_back("the last " + std::string(chunk_type_name(index.chunks.back().header.type)) +
                               " chunk is not whole");
        index.chunks.pop_back();
    }
    return index;
}

void extend_index(TraceIndex& index, const TraceBytes& file, std::uint64_t seed) {
    Walk walk(file, seed, index);
    walk.run(true);
    Bytes found = walk.take_found();
    if (!found.empty()) {
        const bool taken = take_apart(index, std::move(found), file.bytes(), false);
        CHECK(taken);  // what the walk has put there
    }
    if (walk.footer()) {
        index.complete = true;
        index.losses.erase(std::remove(index.losses.begin(), index.losses.end(), kNotClosed), index.losses.end());
    }
}

std::optional<ChunkRef> chunk_at(BytesView bytes, std::uint64_t offset) {
    const std::optional<Parts> parts = Parts::at(bytes);
    if (!parts) return std::nullopt;
    return parts->ref(offset);
}

base::Result<Bytes> read_stored(const TraceBytes& file, const ChunkRef& chunk, std::uint64_t bytes_max) {
    const std::uint64_t offset = chunk.payload_offset();
    if (offset > file.bytes() || chunk.header.payload_bytes > file.bytes() - offset)
        return base::error(base::ErrorCode::kCorrupt, "it is cut off");
    Bytes stored(static_cast<std::size_t>(std::min(chunk.header.payload_bytes, bytes_max)));
    if (!file.read_at(offset, stored.data(), stored.size()))
        return base::error(base::ErrorCode::kUnreadable, "it cannot be read");
    return stored;
}

bool chunk_is_whole(const TraceBytes& file, const ChunkRef& chunk) {
    const base::Result<Bytes> stored = read_stored(file, chunk);
    if (!stored.ok()) return false;
    if (chunk.header.type == ChunkType::kEvents && chunk.header.layout == EventsLayout::kColumns)
        return event_columns_whole(chunk.header, *stored);
    return checksum(stored->data(), stored->size()) == chunk.header.payload_hash;
}

}  // namespace coroscope::traces
