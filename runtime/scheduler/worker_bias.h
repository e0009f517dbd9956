// WorkerBias: where there is one worker, its locks cost it no locked instruction.
//
// With one worker the runtime's locks are taken by that worker nearly always, and by other threads (who spawn, join, send, deliver signals) now and
// then. While the bias is on, the worker enters a section by a plain store to `inside`, and another thread that wants any lock first turns the
// bias off, for the worker's next sections, and waits until it is inside none. A locked exchange is 5 ns here, a biased one 1; what another thread
// pays for the first lock after a while is the heavy fence, about 2 us. After kTurnsMost such turns it stays off: a program whose other
// threads call often has no use for it.
//
//   kNever   several workers: every lock is an exchange
//   kShaken  the same, and before it there may be a delay: chaos (chaos.h)
//   kOn      the worker is biased
//   kOff     other threads hold or want locks, or have done so too often: every lock is an exchange
//
// Why two never meet [bias.fence]: the worker stores `inside`, passes a light fence, and reads the state; another thread stores kOff, passes a heavy
// fence, and reads `inside`. Either the worker sees kOff, and leaves again, or the other sees it inside, and waits. What the other threads do to
// each other the locks themselves decide: all of them exchange. A lock that the worker took by exchange while the bias was off keeps its word set,
// so that the bias may come back on meanwhile.
//
// Thread: as marked. Every interleaving of small cases: tests/model/worker_bias_model.cpp.
#pragma once

#include <cstdint>

#include "runtime/scheduler/atomics.h"

namespace cprime::detail {

class WorkerBias {
public:
    enum State : std::uint32_t { kNever, kOn, kOff, kShaken };
    static constexpr std::uint32_t kTurnsMost = 256;

    // Before the worker runs, and while nobody holds a lock. `alone`: there is one worker.
    void start(bool alone) noexcept {
        turns_ = 0;
        state_.store(alone ? kOn : kNever, std::memory_order_release);
    }

    // Chaos begins or ends. Where there is one worker nothing changes. While nobody runs; others may hold locks, all taken by an exchange.
    void shake(bool yes) noexcept {
        const std::uint32_t state = state_.load(std::memory_order_relaxed);
        if (state == kNever || state == kShaken)
            state_.store(yes ? kShaken : kNever, std::memory_order_relaxed);
    }
    bool is_shaken() const noexcept { return state_.load(std::memory_order_relaxed) == kShaken; }

    bool possible() const noexcept { return state_.load(std::memory_order_relaxed) != kNever; }

    // The worker: true, it is in the section; leave() when it is done. False: the lock is to be taken by an exchange.
    [[gnu::always_inline]] bool enter() noexcept {
        if (state_.load(std::memory_order_relaxed) != kOn) return false;
        const std::uint32_t inside = inside_.load(std::memory_order_relaxed);
        set_inside(inside, inside + 1);
        sync::light_fence_in_place();  // [bias.fence]
        if (is_still_on()) [[likely]]
            return true;
        inside_.store(inside, std::memory_order_release);
        return false;
    }
    [[gnu::always_inline]] void leave() noexcept {
        const std::uint32_t inside = inside_.load(std::memory_order_relaxed);
        set_inside(inside, inside - 1);
    }

    // The same, with fewer instructions, where the worker is in no section yet and the light fence is free (Worker::attention says otherwise).
    [[gnu::always_inline]] bool enter_outermost() noexcept {
        inside_.store(1, std::memory_order_release);  // [bias.hand]
        sync::free_light_fence();                     // [bias.fence]
        if (is_still_on()) [[likely]]
            return true;
        leave_outermost();
        return false;
    }
    [[gnu::always_inline]] void leave_outermost() noexcept {
        inside_.store(0, std::memory_order_release);  // [bias.hand]
    }

    // Other threads, around each lock that they take by an exchange.
    void turn_off() noexcept;
    void turn_on() noexcept;

private:
    // [bias.hand] acquire: what other threads did before they turned the bias on.
    [[gnu::always_inline]] bool is_still_on() const noexcept {
        return state_.load(std::memory_order_acquire) == kOn;
    }
    // Mostly from 0 to 1 and back: as a constant behind a branch, the store does not wait for the load, which waits for the store before it.
    [[gnu::always_inline]] void set_inside(std::uint32_t from, std::uint32_t to) noexcept {
        // [bias.hand] release: what was done inside is visible to whoever waits for it to end.
        if (from == 0) [[likely]] {
            inside_.store(1, std::memory_order_release);
        } else if (to == 0) {
            leave_outermost();
        } else {
            inside_.store(to, std::memory_order_release);
        }
    }

    // Writers: start(), shake(), who holds `busy_`. Readers: the worker at each lock, others as a hint that it is not kNever.
    sync::atomic<std::uint32_t> state_{kNever};
    sync::atomic<std::uint32_t> inside_{0};  // sections that the worker is in; writer: the worker [bias.fence]
    sync::atomic<bool> busy_{false};  // lock of the two below: an exchange, since it is what SpinLock stands on
    sync::plain<std::uint32_t> others_{0};  // locks that other threads hold or wait for
    sync::plain<std::uint32_t> turns_{0};   // times that the bias was turned off
};

inline void WorkerBias::turn_off() noexcept {
    if (is_shaken()) return sync::shake();
    while (busy_.exchange(true, std::memory_order_acquire))  // [bias.others]
        sync::pause();
    const bool first = others_ == 0;
    others_ = others_ + 1;
    if (first && state_.load(std::memory_order_relaxed) == kOn) {
        turns_ = turns_ + 1;
        state_.store(kOff, std::memory_order_relaxed);
        sync::heavy_fence();                                  // [bias.fence]
        while (inside_.load(std::memory_order_acquire) != 0)  // [bias.hand]
            sync::pause();
    }
    busy_.store(false, std::memory_order_release);  // [bias.others]
}

inline void WorkerBias::turn_on() noexcept {
    if (is_shaken()) return;
    while (busy_.exchange(true, std::memory_order_acquire))  // [bias.others]
        sync::pause();
    others_ = others_ - 1;
    if (others_ == 0 && turns_ < kTurnsMost) state_.store(kOn, std::memory_order_release);  // [bias.hand]
    busy_.store(false, std::memory_order_release);                                          // [bias.others]
}

// The one of the runtime, and whether the caller is its worker. A model gives its own.
#ifdef CPRIME_MODEL_ATOMICS
WorkerBias& worker_bias() noexcept;
bool on_worker() noexcept;
#else
struct Worker;
extern "C" thread_local constinit Worker* cprime_current_worker __attribute__((tls_model("initial-exec")));
[[gnu::visibility("hidden")]] extern constinit WorkerBias g_worker_bias;
[[gnu::always_inline]] inline WorkerBias& worker_bias() noexcept {
    return g_worker_bias;
}
[[gnu::always_inline]] inline bool on_worker() noexcept {
    return cprime_current_worker != nullptr;
}
#endif

}  // namespace cprime::detail
