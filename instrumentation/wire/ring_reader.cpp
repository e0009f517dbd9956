// The reader's half of [ring.publish].
#include "instrumentation/wire/ring_reader.h"

#include <algorithm>
#include <bit>
#include <string>

#include "instrumentation/wire/segment.h"

namespace coroscope::wire {
namespace {

constexpr std::uint32_t kSlotsMax = 1U << 26;  // of one ring; ours have 2^18

}  // namespace

base::Result<RingSegmentView> RingSegmentView::open(const void* data, std::uint64_t bytes) {
    if (bytes < kRingDirectoryBytes) {
        return base::error(base::ErrorCode::kCorrupt, "the ring segment is shorter than its header");
    }
    const auto* header = static_cast<const RingSegmentHeader*>(data);
    if (header->magic != kRingMagic) {
        return base::error(base::ErrorCode::kCorrupt,
                           "the ring segment does not begin with its magic number");
    }
    const std::uint16_t major = header->version_major;
    if (major != kWireMajor) {
        return base::error(
            base::ErrorCode::kVersion,
            "the program's runtime speaks version " + std::to_string(major) +
                " of the event rings and this coroscope version " + std::to_string(kWireMajor) + ": upgrade " +
                (major > kWireMajor ? "coroscope" : "the runtime that the program is linked with"));
    }
    RingSegmentView view;
    view.data_ = static_cast<const std::byte*>(data);
    view.header_ = header;
    view.bytes_ = bytes;
    return view;
}

std::uint32_t RingSegmentView::rings_count() const {
    if (header_ == nullptr) return 0;
    return std::min(header_->rings_count.load(std::memory_order_acquire), kRingsMax);  // [ring.entry]
}

RingLocation RingSegmentView::ring(std::uint32_t ring, std::uint64_t* needs_bytes) const {
    if (needs_bytes != nullptr) *needs_bytes = 0;
    RingLocation location;
    if (ring >= rings_count()) return location;
    const RingEntry& entry = header_->rings[ring];
    // [ring.entry] acquire: with slots known, offset and header are in place.
    const std::uint32_t slots_count = entry.slots.load(std::memory_order_acquire);
    location.owner = static_cast<RingOwner>(entry.owner.load(std::memory_order_acquire));
    location.owner_index = entry.owner_index;
    location.thread_id = entry.thread_id.load(std::memory_order_relaxed);
    const std::uint64_t offset = entry.header_offset;
    if (!std::has_single_bit(slots_count) || slots_count < 2 * kRingGroupSlotsMax || slots_count > kSlotsMax) {
        return location;
    }
    if (offset % kPageBytes != 0 || offset < kRingDirectoryBytes || offset > (1ULL << 48)) return location;
    const std::uint64_t end = offset + kPageBytes + std::uint64_t{slots_count} * kEventSlotBytes;
    if (end > bytes_) {
        if (needs_bytes != nullptr) *needs_bytes = end;
        return location;
    }
    location.slots_count = slots_count;
    location.header = reinterpret_cast<const RingHeader*>(data_ + offset);
    location.slots = reinterpret_cast<const EventSlot*>(data_ + offset + kPageBytes);
    return location;
}

// Where to go on when the writer is (or may be) over position_: well ahead of it, so that it does not overtake again at
// once, and at the start of a block, so that the first slot is a SYNC. Returns how many slots that skips.
std::uint64_t RingReader::overtake(std::uint64_t head, std::uint32_t slots_count) {
    const std::uint64_t oldest = head - ring_usable_slots(slots_count);
    std::uint64_t target = oldest + slots_count / 8;
    const std::uint64_t block_slots = ring_block_slots(slots_count);
    target = (target + block_slots - 1) / block_slots * block_slots;
    const std::uint64_t skipped = target - position_;
    overtaken_ += skipped;
    position_ = target;
    return skipped;
}

RingBatch RingReader::read(const RingLocation& location, std::span<EventSlot> out) {
    RingBatch batch;
    batch.first_position = position_;
    const std::uint32_t slots_count = location.slots_count;
    if (slots_count == 0) return batch;
    const std::uint64_t usable = ring_usable_slots(slots_count);

    // [ring.publish] acquire: everything before head has been stored.
    const std::uint64_t head = location.header->head.load(std::memory_order_acquire);
    if (head < position_)
        return batch;  // a head that goes backwards is no head: nothing to read until it is past us
    if (!ring_slot_settled(head, position_, slots_count)) batch.skipped += overtake(head, slots_count);

    const std::uint64_t wanted = std::min<std::uint64_t>(head - position_, out.size());
    const std::uint64_t mask = slots_count - 1;
    for (std::uint64_t i = 0; i < wanted; ++i)
        out[i] = load_slot(&location.slots[(position_ + i) & mask]);
    // The copy must be done before head is read again; without this second read thousands of torn slots were accepted.
    std::atomic_thread_fence(std::memory_order_acquire);
    const std::uint64_t head_after = location.header->head.load(std::memory_order_relaxed);

    std::uint64_t first = 0;  // of the copy that is good
    if (!ring_slot_settled(head_after, position_, slots_count)) {
        first = std::min(head_after - usable - position_, wanted);
        overtaken_ += first;
        position_ += first;
        batch.skipped += first;
    }
    // A slot of another lap at a place that was not overtaken: the writer is broken, or the bytes are not a ring.
    while (first < wanted && slot_lap(out[first]) != ring_lap(position_, slots_count)) {
        ++first;
        ++position_;
        ++foreign_;
        ++batch.skipped;
    }
    batch.first_position = position_;
    std::uint64_t good = 0;
    while (first + good < wanted && slot_lap(out[first + good]) == ring_lap(position_ + good, slots_count))
        ++good;
    if (first != 0) std::copy(out.begin() + first, out.begin() + first + good, out.begin());
    batch.accepted = good;
    accepted_ += good;
    position_ += good;
    return batch;
}

std::uint64_t RingReader::skip_to_head(const RingLocation& location) {
    if (location.slots_count != 0) position_ = location.header->head.load(std::memory_order_acquire);
    return position_;
}

}  // namespace coroscope::wire
