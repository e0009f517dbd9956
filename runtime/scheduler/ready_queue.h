// ReadyQueue: coroutines that are ready to run, oldest first, linked through their control blocks.
//
// Costs nothing per coroutine. Whoever holds the queue owns the `next` of everything in it. Used where a lock guards it: the shared queues
// of the Scheduler, and what is bound to one worker.
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"
#include "runtime/scheduler/tables.h"

namespace cprime::detail {

class ReadyQueue {
public:
    bool empty() const { return length_ == 0; }
    std::uint32_t length() const { return length_; }

    void push(std::uint32_t index) {
        record(index).next.store(wire::kNone, std::memory_order_relaxed);
        if (length_++ == 0) {
            first_ = index;
        } else {
            record(last_).next.store(index, std::memory_order_relaxed);
        }
        last_ = index;
    }
    // The oldest; not when empty.
    std::uint32_t pop() {
        const std::uint32_t index = first_;
        first_ = record(index).next.load(std::memory_order_relaxed);
        --length_;
        return index;
    }
    // Takes this one out. False: it is not here.
    bool take_out(std::uint32_t index) {
        bool found = false;
        for (std::uint32_t left = length_; left > 0; --left) {
            const std::uint32_t other = pop();
            if (other == index) {
                found = true;
            } else {
                push(other);
            }
        }
        return found;
    }
    std::uint32_t first() const { return length_ == 0 ? wire::kNone : first_; }

private:
    std::uint32_t first_ = wire::kNone;
    std::uint32_t last_ = wire::kNone;
    std::uint32_t length_ = 0;
};

}  // namespace cprime::detail
