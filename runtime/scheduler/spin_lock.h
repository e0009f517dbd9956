// SpinLock: a one-byte lock for sections of a few dozen instructions, and LockShards: locks found by index.
//
// Waiters spin on a plain load, then give the processor away (sched_yield): with more workers than processors the
// holder may have been preempted. Held only on a worker's own stack or by threads that are no workers, never across a
// switch and never while user code runs. Several at once: a wait object's lock, then the timer lock, then the injection
// list's; never two of the same kind, but for the channels of a select and Timers::trim(), which take theirs in one order. Where there is one
// worker it takes them by the bias (worker_bias.h). Every interleaving of small cases: tests/model/spin_lock_model.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/worker_bias.h"

namespace cprime::detail {

class SpinLock {
public:
    // [spin.lock]: acquire takes over what the last holder wrote before its release.
    [[gnu::always_inline]] void lock() noexcept {
        if (worker_bias().possible()) {
            if (on_worker()) {
                if (worker_bias().enter()) return;
                if (worker_bias().is_shaken()) sync::shake();
            } else {
                worker_bias().turn_off();
            }
        }
        while (held_.exchange(true, std::memory_order_acquire))
            wait();
    }
    // [spin.lock]: release hands on what this holder wrote.
    [[gnu::always_inline]] void unlock() noexcept {
        // Not held by an exchange: then by the bias. While it is held nobody but its holder changes this.
        if (!held_.load(std::memory_order_relaxed)) {
            worker_bias().leave();
            return;
        }
        unlock_among_several();
        if (worker_bias().possible() && !on_worker()) worker_bias().turn_on();
    }

    // A worker among several: the lock if it is free, and its release.
    [[gnu::always_inline]] bool try_lock_among_several() noexcept {
        return !held_.exchange(true, std::memory_order_acquire);  // [spin.lock]
    }
    [[gnu::always_inline]] void unlock_among_several() noexcept {
        held_.store(false, std::memory_order_release);  // [spin.lock]
    }

private:
    [[gnu::noinline]] void wait() noexcept {
        constexpr int kSpinsBeforeYield = 128;
        int spins = 0;
        while (held_.load(std::memory_order_relaxed)) {
            if (++spins < kSpinsBeforeYield) {
                sync::pause();
            } else {
                sync::yield_thread();
            }
        }
    }
    sync::atomic<bool> held_{false};  // writer: whoever takes or leaves it [spin.lock]
};

// Locks for objects that are named by an index and have no room for one of their own. Objects may share a lock, so
// holding two at once is not allowed. The memory is never given back: a stale index still finds a lock.
template <std::size_t kShards>
class LockShards {
    static_assert((kShards & (kShards - 1)) == 0);

public:
    SpinLock& operator[](std::uint32_t index) noexcept { return shards_[index & (kShards - 1)].lock; }

private:
    struct alignas(64) Shard {
        SpinLock lock;
    };
    std::array<Shard, kShards> shards_;
};

}  // namespace cprime::detail
