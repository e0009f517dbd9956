// Reading event rings: finds the rings of a mapped ring segment and takes slots out of them.
//
// Used by inspect (live reading, recording) and by tests. The memory belongs to somebody else and changes
// under the reader: every offset is checked against the mapping before it is used, and a slot is accepted
// only if the writer cannot have been over it in the meantime (wire/ring.h, "Reader"). What was overtaken is
// counted, never guessed:
//
//   position() = accepted() + overtaken() + foreign() + where it started
//
// Thread: a reader is used by one thread at a time; any number of readers may look at one ring. Blocks:
// never. Tested in tests/unit/wire/ring_reader_test.cpp, tests/stress/ring_stress.cpp,
// tests/model/ring_model.cpp.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/event.h"
#include "instrumentation/wire/ring.h"

namespace coroscope::wire {

// Where one ring lies in a mapping, checked.
struct RingLocation {
    RingOwner owner = RingOwner::kFree;  // kFree: its thread is gone; what it wrote is still there
    std::uint32_t owner_index = 0;
    std::uint32_t thread_id = 0;
    std::uint32_t slots_count = 0;  // 0: not listened to yet, no header to read either
    const RingHeader* header = nullptr;
    const EventSlot* slots = nullptr;
};

// A mapping of a ring segment. The bytes must stay mapped while it is used; when the file has grown, map it
// anew and make another view (readers keep their position).
class RingSegmentView {
public:
    RingSegmentView() = default;
    // Checks magic, version and bounds. kVersion says which side to upgrade, kCorrupt what is wrong.
    static base::Result<RingSegmentView> open(const void* data, std::uint64_t bytes);

    const RingSegmentHeader& header() const { return *header_; }
    // Rings 0..count-1 have been in use; never more than kRingsMax.
    std::uint32_t rings_count() const;
    // Ring `ring`; slots_count = 0 when there is nothing to read (yet), or when it does not lie within this
    // mapping: then `needs_bytes`, if given, is set to the size that the mapping would need (0 otherwise).
    RingLocation ring(std::uint32_t ring, std::uint64_t* needs_bytes = nullptr) const;

private:
    const std::byte* data_ = nullptr;
    const RingSegmentHeader* header_ = nullptr;
    std::uint64_t bytes_ = 0;
};

// What one read() brought: `accepted` slots that lie at positions first_position... in the caller's buffer.
struct RingBatch {
    std::uint64_t first_position = 0;
    std::uint64_t accepted = 0;
    std::uint64_t skipped = 0;  // overtaken or foreign slots immediately before first_position: tell the decoder (gap())
};

class RingReader {
public:
    // Starts at position 0; whoever wants only what comes from now on calls skip_to_head first.
    explicit RingReader(std::uint32_t ring = 0) : ring_(ring) {}

    // Takes as many slots as there are and fit. Call until `accepted` is 0 (which may be with skipped > 0).
    RingBatch read(const RingLocation& location, std::span<EventSlot> out);

    // Goes to the present, counting nothing. Returns the new position.
    std::uint64_t skip_to_head(const RingLocation& location);
    // Goes to an earlier or later position, counting nothing.
    void seek(std::uint64_t position) { position_ = position; }

    // Tells the writer how far this reader is [ring.tail]: what lies before may be overwritten. Only the
    // recorder.
    void publish_tail(ReaderPage& page) const {
        if (ring_ < kRingsMax) page.lines[ring_].tail.store(position_, std::memory_order_release);
    }

    std::uint32_t ring() const { return ring_; }
    // All in slots: where the next one is, how many were handed out, how many the writer was over before they were
    // read, and how many had a wrong lap where none should be (a broken writer).
    std::uint64_t position() const { return position_; }
    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t overtaken() const { return overtaken_; }
    std::uint64_t foreign() const { return foreign_; }

private:
    std::uint64_t overtake(std::uint64_t head, std::uint32_t slots_count);

    std::uint32_t ring_;
    std::uint64_t position_ = 0;
    std::uint64_t accepted_ = 0;
    std::uint64_t overtaken_ = 0;
    std::uint64_t foreign_ = 0;
};

// One slot as one 16-byte load, so that both words are of one moment (atomic on every processor with AVX).
// `address` must be 16-byte aligned. Invisible to TSan on purpose: that it may be torn by a lap is what the
// checks around it are for.
inline EventSlot load_slot(const EventSlot* address) {
    __m128i value;
#ifdef __AVX__
    asm volatile("vmovdqa %1, %0" : "=x"(value) : "m"(*address) : "memory");
#else
    asm volatile("movdqa %1, %0" : "=x"(value) : "m"(*address) : "memory");
#endif
    EventSlot slot;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(&slot), value);
    return slot;
}

// One slot as one 16-byte store; the writer's half. Two stores in its place were accepted torn by readers,
// thousands of times.
inline void store_slot(EventSlot* address, EventSlot slot) {
    const __m128i value = _mm_set_epi64x(static_cast<long long>(slot.word1),
                                         static_cast<long long>(slot.word0));
#ifdef __AVX__
    asm volatile("vmovdqa %1, %0" : "=m"(*address) : "x"(value) : "memory");
#else
    asm volatile("movdqa %1, %0" : "=m"(*address) : "x"(value) : "memory");
#endif
}

}  // namespace coroscope::wire
