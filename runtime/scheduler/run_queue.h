// RunQueue: what one worker runs next, of ordinary priority.
//
//   next     one coroutine that was just woken by the one that runs: it follows when that one parks, while what passed between them is warm
//   deque    all others; the owner takes the oldest, so that nobody waits for more than the queue's length (or the newest, in programs of forks
//            and joins: newest_first), thieves take the oldest
//
// At most kNextsInARow picks come from `next` before the deque has its turn: two that wake each other cannot keep the others waiting.
//
// Thread: the owner, but for those marked otherwise. `kAlone`: there is one worker, so that nobody else ever looks. Tested in
// tests/unit/runtime/scheduler_test.cpp; the deque in tests/model.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/random.h"
#include "runtime/scheduler/tables.h"
#include "runtime/scheduler/work_deque.h"

namespace cprime::detail {

class RunQueue {
public:
    static constexpr std::uint32_t kNextsInARow = 3;

    // Adds at the end. False: it is full.
    [[gnu::always_inline]] bool push(std::uint32_t index) { return deque_.push(index); }

    // The coroutine that runs has woken this one: it follows, if nobody follows already. False: the queue is full.
    [[gnu::always_inline]] bool push_next(std::uint32_t index) {
        if (next_.load(std::memory_order_relaxed) != wire::kNone) return deque_.push(index);
        put_next(index);
        return true;
    }

    // The same in two steps: has_room() first, then nothing can fail, and nothing is called.
    [[gnu::always_inline]] bool has_room() const { return deque_.has_room(); }
    [[gnu::always_inline]] void push_into_room(std::uint32_t index) { deque_.push_into_room(index); }
    [[gnu::always_inline]] void push_next_into_room(std::uint32_t index) {
        if (next_.load(std::memory_order_relaxed) != wire::kNone) {
            deque_.push_into_room(index);
        } else {
            put_next(index);
        }
    }

    // Who runs next; kNone when there is nobody.
    template <bool kAlone>
    [[gnu::always_inline]] std::uint32_t pop() {
        if (next_.load(std::memory_order_relaxed) != wire::kNone) {
            if (nexts_left_ != 0) {
                --nexts_left_;
                const std::uint32_t index = take_next<kAlone>();
                if (index != wire::kNone) return index;
            } else if (const std::uint32_t aged = take_next<kAlone>(); aged != wire::kNone) {
                if (!deque_.push(aged)) return aged;
            }
        }
        nexts_left_ = kNextsInARow;
        if (__builtin_expect(newest_first_, 0) && ++newest_in_a_row_ % kNewestInARow != 0)
            return deque_.pop_newest<kAlone>();
        return deque_.take_oldest<kAlone>();
    }

    // Chaos (chaos.h): whoever is drawn: the one that follows, the newest, or one of the first kReach, whom others then stand behind. kNone: nobody,
    // or thieves were faster.
    static constexpr std::uint32_t kReach = 8;
    template <bool kAlone>
    std::uint32_t pop_any(std::uint64_t& random) {
        if (draw_below(random, 4) == 0) return pop<kAlone>();
        if (next_.load(std::memory_order_relaxed) != wire::kNone && draw_below(random, 2) == 0) {
            const std::uint32_t index = take_next<kAlone>();
            if (index != wire::kNone && !deque_.push(index)) return index;
        }
        if (draw_below(random, 4) == 0) return deque_.pop_newest<kAlone>();
        for (std::uint32_t turns = draw_below(random, std::min(deque_.length(), kReach) + 1); turns > 0;
             --turns) {
            const std::uint32_t index = deque_.take_oldest<kAlone>();
            if (index == wire::kNone || !deque_.push(index)) return index;
        }
        return deque_.take_oldest<kAlone>();
    }

    bool empty() const { return length() == 0; }
    // Any thread: a hint. Who must not miss an entry passes a fence first.
    std::uint32_t length() const {
        return deque_.length() + (next_.load(std::memory_order_relaxed) != wire::kNone ? 1 : 0);
    }
    // The n-th in the deque; may be gone.
    std::uint32_t peek(std::uint32_t n) const { return deque_.peek(n); }

    // Thieves: up to half of the deque. If there is nothing and `next_too`, then `next`.
    std::uint32_t steal(std::uint32_t* out, std::uint32_t most, bool next_too) {
        const std::uint32_t count = deque_.steal_half(out, most);
        if (count != 0 || !next_too || next_.load(std::memory_order_relaxed) == wire::kNone) return count;
        const std::uint32_t index = take_next<false>();
        if (index == wire::kNone) return 0;
        out[0] = index;
        return 1;
    }

    // The owner: takes this one out, wherever it stands. False: it is not here. The others keep their order.
    bool take_out(std::uint32_t index, bool several_workers) {
        return several_workers ? take_out_of<false>(index) : take_out_of<true>(index);
    }

    void set_newest_first(bool yes) { newest_first_ = yes; }
    bool newest_first() const { return newest_first_; }

private:
    friend struct RunQueueLayout;
    static constexpr std::uint32_t kNewestInARow = 61;  // then the oldest: nobody is left at the bottom for ever

    template <bool kAlone>
    bool take_out_of(std::uint32_t index) {
        const std::uint32_t next = next_.load(std::memory_order_relaxed) != wire::kNone ? take_next<kAlone>()
                                                                                        : wire::kNone;
        if (next == index) return true;
        bool found = false;
        for (std::uint32_t left = deque_.length(); left > 0; --left) {
            const std::uint32_t other = deque_.take_oldest<kAlone>();
            if (other == wire::kNone) break;
            if (other == index) {
                found = true;
            } else {
                deque_.push_into_room(other);  // that it was taken from
            }
        }
        if (next != wire::kNone) put_next(next);
        return found;
    }
    [[gnu::always_inline]] void put_next(std::uint32_t index) {
        next_.store(index, std::memory_order_release);  // [queue.next]
    }
    // [queue.next] acquire: who takes the index sees what its waker wrote.
    template <bool kAlone>
    [[gnu::always_inline]] std::uint32_t take_next() {
        if constexpr (!kAlone) return next_.exchange(wire::kNone, std::memory_order_acquire);
        const std::uint32_t index = next_.load(std::memory_order_relaxed);
        next_.store(wire::kNone, std::memory_order_relaxed);
        return index;
    }

    WorkDeque deque_;
    // Writers: the owner, thieves that take it. Only the owner puts somebody here, and only where nobody stands [queue.next].
    alignas(64) sync::atomic<std::uint32_t> next_{wire::kNone};
    std::uint32_t nexts_left_ = kNextsInARow;
    std::uint32_t newest_in_a_row_ = 0;
    bool newest_first_ = false;  // constant while workers run
};

struct RunQueueLayout {
    static_assert(sync::kModelled ||
                  (offsetof(RunQueue, deque_) == 0 && offsetof(RunQueue, next_) == CPRIME_QUEUE_NEXT));
};

}  // namespace cprime::detail
