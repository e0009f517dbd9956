// SpinLock: a one-byte lock for sections of a few dozen instructions, and LockShards: locks found by index.
//
// Waiters spin on a plain load, then give the processor away (sched_yield): with more workers than processors the
// holder may have been preempted. Held only on a worker's own stack or by threads that are no workers, never across a
// switch and never while user code runs. Several at once: a wait object's lock, then the timer lock, then the injection
// list's; never two of the same kind, but for Timers::trim(), which takes those of all wheels in the order of the workers.
#pragma once

#include <immintrin.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace cprime::detail {

class SpinLock {
public:
    // [spin.lock]: acquire takes over what the last holder wrote before its release.
    void lock() noexcept {
        while (held_.exchange(true, std::memory_order_acquire))
            wait();
    }
    bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
    void unlock() noexcept { held_.store(false, std::memory_order_release); }

private:
    [[gnu::noinline]] void wait() noexcept {
        constexpr int kSpinsBeforeYield = 128;
        int spins = 0;
        while (held_.load(std::memory_order_relaxed)) {
            if (++spins < kSpinsBeforeYield) {
                _mm_pause();
            } else {
                sched_yield();
            }
        }
    }
    std::atomic<bool> held_{false};  // writer: whoever takes or leaves it
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
