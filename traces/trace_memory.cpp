// See trace_memory.h.
#include "traces/trace_memory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "instrumentation/base/check.h"
#include "traces/packing.h"

namespace coroscope::traces {
namespace {

bool gives_way(ChunkType type) {
    return type == ChunkType::kEvents || is_look(type) || type == ChunkType::kCounts;
}

}  // namespace

// Constant but for newer() and being_written(), which ask the memory it was taken of.
class TraceMemory::Snapshot final : public TraceBytes {
public:
    Snapshot(std::shared_ptr<const TraceMemory> memory, std::vector<Piece> pieces, std::optional<Piece> mark_before,
             std::uint64_t end)
        : memory_(std::move(memory)), pieces_(std::move(pieces)), mark_before_(std::move(mark_before)), end_(end) {
        for (const Piece& piece : pieces_) {
            if (piece.chunk.header.type == ChunkType::kNothing) continue;
            index_.chunks.push_back(piece.chunk);
            index_.storage.push_back(piece.bytes);
        }
    }

    bool read_at(std::uint64_t offset, void* to, std::size_t bytes) const override {
        auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                      [](std::uint64_t at, const Piece& piece) { return at < piece.offset; });
        if (after == pieces_.begin()) return false;
        const Piece& piece = *std::prev(after);
        const std::uint64_t from = offset - piece.offset;
        if (from > piece.bytes->size() || bytes > piece.bytes->size() - from) return false;
        std::memcpy(to, piece.bytes->data() + from, bytes);
        return true;
    }
    std::uint64_t bytes() const override { return end_; }
    std::shared_ptr<const TraceBytes> newer() const override {
        {
            const std::lock_guard lock(memory_->lock_);
            if (memory_->end_ == end_) return nullptr;
        }
        return memory_->snapshot();
    }
    bool being_written() const override {
        const std::lock_guard lock(memory_->lock_);
        return !memory_->closed_;
    }
    const TraceIndex* known_index() const override { return &index_; }
    const std::optional<Piece>& mark_before() const { return mark_before_; }

private:
    const std::shared_ptr<const TraceMemory> memory_;
    const std::vector<Piece> pieces_;  // by offset
    const std::optional<Piece> mark_before_;
    const std::uint64_t end_;
    TraceIndex index_;
};

base::Status TraceMemory::append(BytesView bytes, std::size_t parts_bytes) {
    Piece piece;
    piece.bytes = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
    if (parts_bytes != 0) {
        const std::optional<ChunkRef> chunk = chunk_at(*piece.bytes, 0);
        CHECK(chunk.has_value());
        piece.chunk = *chunk;
    }
    const std::lock_guard lock(lock_);
    piece.offset = piece.chunk.offset = end_;
    end_ += bytes.size();
    bytes_ += bytes.size();
    const ChunkType type = piece.chunk.header.type;
    if (!gives_way(type)) {
        lasting_.push_back(std::move(piece));
        return base::ok_status();
    }
    window_bytes_ += bytes.size();
    if (is_look(type)) look_bytes_ += bytes.size();
    window_.push_back(std::move(piece));
    if (type != ChunkType::kEvents) give_way();
    return base::ok_status();
}

// Lets go of what lies before a mark, as long as there is too much and a look at the state behind it.
void TraceMemory::give_way() {
    const std::uint64_t now = window_.back().chunk.header.ticks_max;
    for (;;) {
        const auto mark = std::find_if(window_.begin(), window_.end(), [](const Piece& piece) {
            return piece.chunk.header.type == ChunkType::kCounts;
        });
        if (mark == window_.end()) return;
        const std::uint64_t age = now - std::min(now, mark->chunk.header.ticks_max);
        if (window_bytes_ <= limit_.bytes && age <= limit_.ticks) return;
        const bool look_behind = std::any_of(std::next(mark), window_.end(), [](const Piece& piece) {
            return piece.chunk.header.type == ChunkType::kKeyframe;
        });
        if (!look_behind) return;
        cut_by_bytes_ = age <= limit_.ticks;
        mark_before_ = *mark;
        const auto gone = std::distance(window_.begin(), mark) + 1;
        for (std::ptrdiff_t i = 0; i < gone; ++i) {
            const std::uint64_t bytes = window_.front().bytes->size();
            window_bytes_ -= bytes;
            bytes_ -= bytes;
            if (is_look(window_.front().chunk.header.type)) look_bytes_ -= bytes;
            window_.pop_front();
        }
    }
}

bool TraceMemory::cut_by_bytes() const {
    const std::lock_guard lock(lock_);
    return cut_by_bytes_;
}

std::shared_ptr<const TraceBytes> TraceMemory::snapshot() const {
    std::vector<Piece> pieces;
    std::optional<Piece> mark_before;
    std::uint64_t end = 0;
    {
        const std::lock_guard lock(lock_);
        pieces.reserve(lasting_.size() + window_.size());
        const auto earlier = [](const Piece& a, const Piece& b) { return a.offset < b.offset; };
        std::merge(lasting_.begin(), lasting_.end(), window_.begin(), window_.end(), std::back_inserter(pieces),
                   earlier);
        mark_before = mark_before_;
        end = end_;
    }
    return std::make_shared<Snapshot>(shared_from_this(), std::move(pieces), std::move(mark_before), end);
}

std::optional<Counts> TraceMemory::counts_before(const TraceBytes& snapshot) {
    const auto* mine = dynamic_cast<const Snapshot*>(&snapshot);
    if (mine == nullptr || !mine->mark_before().has_value()) return std::nullopt;
    const Piece& mark = *mine->mark_before();
    const ChunkHeader& header = mark.chunk.header;
    const auto payload = BytesView(*mark.bytes).subspan(mark.chunk.payload_offset() - mark.offset);
    const base::Result<Bytes> unpacked = unpack(header.compression, header.unpacked_bytes, payload);
    CHECK(unpacked.ok());  // packed by ourselves
    base::Result<Counts> counts = decode_counts(*unpacked);
    CHECK(counts.ok());
    return std::move(*counts);
}

std::uint64_t TraceMemory::bytes() const {
    const std::lock_guard lock(lock_);
    return bytes_;
}

std::uint64_t TraceMemory::event_bytes() const {
    const std::lock_guard lock(lock_);
    return window_bytes_ - look_bytes_;
}

void TraceMemory::close() {
    const std::lock_guard lock(lock_);
    closed_ = true;
}

}  // namespace coroscope::traces
