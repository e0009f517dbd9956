// WorkDeque: the coroutines that a worker will run next, and from which other workers steal.
//
// The deque of Chase and Lev with the orders that Lê, Pop, Cohen and Zappa Nardelli proved ("Correct and Efficient
// Work-Stealing for Weak Memory Models", PPoPP 2013). Entries are 32-bit indices of coroutine records in a ring; `top`
// and `bottom` only name positions, 64 bits wide, so that they never wrap and a compare-exchange on top cannot be fooled.
//
//      top (thieves take here, and the owner its oldest)        bottom (the owner pushes here, and pops its newest)
//       v                                                        v
//   ... | oldest |        |        |        |        |  newest  | free ...
//
//   owner    push, pop_newest, take_oldest, peek, free_retired; constructor and destructor while nobody else is here
//   thieves  steal, steal_half; any thread
//   anybody  length, a hint
//
// `kAlone` is for a program with one worker, in which nobody ever steals: the owner's calls are then plain loads and
// stores. One deque is used either alone or not, for all of its life. Nothing blocks; only growth allocates.
//
// Invariants
//   1. top never decreases and is changed by compare-exchange only (not kAlone); who moves it from p owns what stood at p.
//   2. Only the owner changes bottom. An entry above top is the owner's to pop without asking, the last one (top + 1 ==
//      bottom) is not: for that one the owner moves top like a thief.
//   3. [deque.fence] The owner lowers bottom, passes a sequentially consistent fence, and reads top; a thief reads top, passes
//      one, and reads bottom. So one of the two sees the other: either the owner sees that it is down to the last entry, or
//      the thief sees that there is nothing left. Weaker orders let both take the same entry (store, then load: even x86
//      exchanges these two).
//   4. A full ring is replaced by one of twice the size. A thief may still read the old one, in which its entry stands as
//      before: old rings are retired, not freed, until somebody who knows that no thief is inside calls free_retired(). All
//      of them together are smaller than the present one.
//   5. An entry may be overwritten while a thief reads it; that thief's compare-exchange fails, as top has passed its position.
//
// Tests: tests/unit/runtime/work_deque_test.cpp, tests/stress/work_deque_stress.cpp; every interleaving of small cases in
// tests/model/work_deque_model.cpp, which tests/mutants breaks on purpose.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

#include "instrumentation/base/check.h"
#include "instrumentation/wire/limits.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/switch/worker_offsets.h"

namespace cprime::detail {

class WorkDeque {
public:
    static constexpr std::uint32_t kNothing = coroscope::wire::kNone;  // no entry was there
    static constexpr std::uint32_t kLost = 0xfffffffeU;  // steal(): another was faster, look again
    static constexpr std::uint32_t kFirstSlots = sync::kModelled ? 2 : 256;
    static constexpr std::uint32_t kMostSlots = sync::kModelled ? 8 : 65'536;

    // Slots of the first ring and of the largest, powers of two. Throws std::bad_alloc.
    explicit WorkDeque(std::uint32_t first_slots = kFirstSlots, std::uint32_t most_slots = kMostSlots)
        : most_slots_(most_slots) {
        CHECK(std::has_single_bit(first_slots) && std::has_single_bit(most_slots) && first_slots <= most_slots);
        Ring* const ring = Ring::make(first_slots);
        if (ring == nullptr) throw std::bad_alloc();
        use(ring, 0);
    }
    WorkDeque(const WorkDeque&) = delete;
    WorkDeque& operator=(const WorkDeque&) = delete;
    ~WorkDeque() {
        free_retired();
        Ring::free(newest_ring_);
    }

    // Owner: adds the newest entry; what the caller wrote before is visible to whoever takes it. False: the largest ring
    // is full (or there is no memory for a larger one) and nothing happened, the caller puts the entry elsewhere.
    [[gnu::always_inline]] bool push(std::uint32_t index) noexcept {
        if (!has_room() && !make_room(bottom_.load(std::memory_order_relaxed))) [[unlikely]]
            return false;
        push_into_room(index);
        return true;
    }
    // Owner: whether push() would do without a look at the other end, and the push itself where that is so.
    [[gnu::always_inline]] bool has_room() const noexcept {
        return bottom_.load(std::memory_order_relaxed) != room_until_;
    }
    [[gnu::always_inline]] void push_into_room(std::uint32_t index) noexcept {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        slots_[bottom & mask_].store(index, std::memory_order_relaxed);
        bottom_.store(bottom + 1, std::memory_order_release);  // [deque.publish]
    }

    // Owner: removes the entry pushed first, or kNothing.
    template <bool kAlone>
    [[gnu::always_inline]] std::uint32_t take_oldest() noexcept {
        std::int64_t top = top_.load(std::memory_order_relaxed);
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        while (top < bottom) {
            const std::uint32_t index = slots_[top & mask_].load(std::memory_order_relaxed);
            if constexpr (kAlone) {
                top_.store(top + 1, std::memory_order_relaxed);
                return index;
            }
            // Relaxed: it hands on nothing, and what a thief must know of the owner's pops the fences tell it [deque.fence].
            if (top_.compare_exchange_weak(top, top + 1, std::memory_order_relaxed)) return index;
        }
        return kNothing;
    }

    // Owner: removes the entry pushed last, or kNothing.
    template <bool kAlone>
    [[gnu::always_inline]] std::uint32_t pop_newest() noexcept {
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;
        std::int64_t top = top_.load(std::memory_order_relaxed);  // may be old, so that empty is certain
        if (top > bottom) return kNothing;
        // [deque.publish] release: a thief may learn of the entries below from this store instead of their pushes.
        bottom_.store(bottom, std::memory_order_release);
        if constexpr (kAlone) return slots_[bottom & mask_].load(std::memory_order_relaxed);
        sync::fence(std::memory_order_seq_cst);  // [deque.fence]
        top = top_.load(std::memory_order_relaxed);
        std::uint32_t index = kNothing;
        if (top <= bottom) {
            index = slots_[bottom & mask_].load(std::memory_order_relaxed);
            if (top < bottom) return index;
            // The last one. Sequentially consistent, as the thieves' below.
            if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst,
                                              std::memory_order_relaxed)) {
                index = kNothing;
            }
        }
        bottom_.store(bottom + 1, std::memory_order_relaxed);  // empty: there is nothing to publish
        return index;
    }

    // Owner: the entry that is n-th to be taken (0: the oldest), or kNothing. It may be gone with the next steal.
    [[gnu::always_inline]] std::uint32_t peek(std::uint32_t n) const noexcept {
        const std::int64_t position = top_.load(std::memory_order_relaxed) + n;
        if (position >= bottom_.load(std::memory_order_relaxed)) return kNothing;
        return slots_[position & mask_].load(std::memory_order_relaxed);
    }

    // Any thread: how many entries, exact only where nobody changes it meanwhile. Relaxed: who must not miss an entry
    // passes a fence first.
    std::uint32_t length() const noexcept {
        const std::int64_t top = top_.load(std::memory_order_relaxed);
        const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
        return bottom > top ? static_cast<std::uint32_t>(bottom - top) : 0;
    }

    // Thief: removes the oldest entry; kNothing where there was none, kLost where another took it meanwhile (who took it has
    // gone on, so that trying again ends). What its pusher wrote before is visible.
    std::uint32_t steal() noexcept {
        // Acquire, as published: bottom is read later. The fence alone would do.
        std::int64_t top = top_.load(std::memory_order_acquire);
        sync::fence(std::memory_order_seq_cst);                               // [deque.fence]
        const std::int64_t bottom = bottom_.load(std::memory_order_acquire);  // [deque.publish]
        if (top >= bottom) return kNothing;
        // [deque.ring] acquire: the ring's own words and the entries copied into it. One at least as new as the entry, as it
        // was made before the push that [deque.publish] showed.
        const Ring* const ring = ring_.load(std::memory_order_acquire);
        const std::uint32_t index = ring->slots()[top & ring->mask].load(std::memory_order_relaxed);
        // [deque.top] release (in seq_cst): the owner writes over the slot only after it was read. Sequentially consistent as
        // published, so that the owner's fence sees it under the rules of C11 as well; it costs the same on x86.
        if (!top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) {
            return kLost;
        }
        return index;
    }

    // Thief: removes entries one by one, oldest first, into out[0..]: half of what is there (rounded up), at most `most`. Returns how
    // many; 0 only where nothing was left. Not by one compare-exchange: the owner pops without asking from the other end.
    std::uint32_t steal_half(std::uint32_t* out, std::uint32_t most) noexcept {
        const std::uint32_t half = length() / 2 + length() % 2;
        std::uint32_t count = 0;
        for (const std::uint32_t wanted = half < most ? half : most; count < wanted;) {
            const std::uint32_t index = steal();
            if (index == kNothing) break;
            if (index != kLost) out[count++] = index;
        }
        return count;
    }

    // Owner: frees the rings that growth has replaced. Only while no thief is inside steal().
    void free_retired() noexcept {
        while (retired_ != nullptr) {
            Ring* const next = retired_->older;
            Ring::free(retired_);
            retired_ = next;
        }
    }

private:
    friend struct DequeLayout;

    // Followed in memory by its slots.
    struct alignas(64) Ring {
        sync::plain<std::int64_t> mask;  // slots - 1; constant [deque.ring]
        Ring* older = nullptr;           // retired before this one; the owner's

        using Slot = sync::atomic<std::uint32_t>;  // writer: the owner; readers: thieves, whose reads may be in vain (5)
        Slot* slots() noexcept { return reinterpret_cast<Slot*>(this + 1); }
        const Slot* slots() const noexcept { return reinterpret_cast<const Slot*>(this + 1); }

        static Ring* make(std::uint32_t slots_count) noexcept;
        static void free(Ring* ring) noexcept { ::operator delete (ring, std::align_val_t{alignof(Ring)}); }
    };

    // From now on `ring`, whose entries from `top` on stand.
    void use(Ring* ring, std::int64_t top) noexcept {
        newest_ring_ = ring;
        slots_ = ring->slots();
        mask_ = ring->mask;
        room_until_ = top + mask_ + 1;
        ring_.store(ring, std::memory_order_release);  // [deque.ring]
    }
    bool make_room(std::int64_t bottom) noexcept;

    // The owner's line. bottom_: written by the owner, read by thieves; publishes the entries below it, and what their
    // pushers wrote [deque.publish].
    alignas(64) sync::atomic<std::int64_t> bottom_{0};
    Ring::Slot* slots_ = nullptr;  // of the newest ring
    std::int64_t mask_ = 0;        // of the newest ring
    std::int64_t room_until_ = 0;  // bottom may grow to here before top has to be read again
    Ring* newest_ring_ = nullptr;
    Ring* retired_ = nullptr;  // [deque.retired] list, newest first
    std::uint32_t most_slots_;
    // The thieves' line. top_: written by whoever takes the oldest entry (1); says which slots may be written over [deque.top].
    alignas(64) sync::atomic<std::int64_t> top_{0};
    sync::atomic<Ring*> ring_{nullptr};  // the newest ring; writer: the owner [deque.ring]
};

// The short yield (switch/park_x86_64.S) pushes and takes by itself.
struct DequeLayout {
    static_assert(sync::kModelled || offsetof(WorkDeque, bottom_) == CPRIME_DEQUE_BOTTOM);
    static_assert(sync::kModelled || offsetof(WorkDeque, slots_) == CPRIME_DEQUE_SLOTS);
    static_assert(sync::kModelled || offsetof(WorkDeque, mask_) == CPRIME_DEQUE_MASK);
    static_assert(sync::kModelled || offsetof(WorkDeque, room_until_) == CPRIME_DEQUE_ROOM_UNTIL);
    static_assert(sync::kModelled || offsetof(WorkDeque, top_) == CPRIME_DEQUE_TOP);
};

inline WorkDeque::Ring* WorkDeque::Ring::make(std::uint32_t slots_count) noexcept {
    const std::size_t bytes = sizeof(Ring) + slots_count * sizeof(Slot);
    void* const memory = ::operator new (bytes, std::align_val_t{alignof(Ring)}, std::nothrow);
    if (memory == nullptr) return nullptr;
    Ring* const ring = new (memory) Ring{.mask = slots_count - 1};
    for (std::uint32_t i = 0; i < slots_count; ++i)
        new (ring->slots() + i) Slot(0);
    return ring;
}

// Looks at top again, and grows where that freed less than a quarter: a nearly full ring would come here with every push.
[[gnu::noinline]] inline bool WorkDeque::make_room(std::int64_t bottom) noexcept {
    // [deque.top] acquire: the thieves' reads of the slots that are written over now came before.
    const std::int64_t top = top_.load(std::memory_order_acquire);
    const std::int64_t slots_count = mask_ + 1;
    room_until_ = top + slots_count;
    if ((bottom - top) * 4 <= slots_count * 3) return true;
    Ring* const larger = slots_count < most_slots_ ? Ring::make(static_cast<std::uint32_t>(slots_count) * 2)
                                                   : nullptr;
    if (larger == nullptr) return bottom < room_until_;
    const std::int64_t mask = larger->mask;
    for (std::int64_t i = top; i < bottom; ++i)
        larger->slots()[i & mask].store(slots_[i & mask_].load(std::memory_order_relaxed),
                                        std::memory_order_relaxed);
    newest_ring_->older = retired_;
    retired_ = newest_ring_;
    use(larger, top);
    return true;
}

}  // namespace cprime::detail
