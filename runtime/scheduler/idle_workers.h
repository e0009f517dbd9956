// IdleWorkers: which workers sleep, how many search for work, and why no work is left lying while all sleep.
//
// A worker without work searches: it looks at the others' queues. One that finds nothing enters the list of sleepers, looks
// once more, and sleeps on a word of its own. A worker that has made something ready wakes a sleeper, which then searches, unless
// somebody searches already: one searcher at a time finds what there is, and the last one that leaves with something wakes the next.
//
//   worker that has work            worker without
//   push to its queue               searching -= 1; under the lock: enter the list, count += 1
//   light fence                     heavy fence                                                 [idle.fence]
//   count != 0, searching == 0?     anything in any queue?  then leave the list and take it
//   then wake one                   sleep
//
// Either the one sees the sleeper (and no searcher), or the other sees the work. A push that was not told because somebody
// searched is found by the searcher's last look, or by whom it wakes when it has found something else.
//
// Invariants
//   1. searching counts workers whose Sleeper::searching is set. It is raised on behalf of a sleeper only together with taking it
//      out of the list, under the lock: a count without a worker behind it would keep others from waking anybody.
//   2. Who is in the list sleeps, or will look at its word before it does. Who takes it out calls wake() once, after the lock;
//      the sleeper may have left by itself meanwhile, and is then woken for no reason some time later.
//
// Thread: as marked. `lock` is one for all calls: it also guards the queues that are not anybody's own, so that those need no
// fence. wait() blocks. Modelled in tests/model/idle_workers_model.cpp.
#pragma once

#include <cstdint>
#include <mutex>

#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

// A worker's part.
class Sleeper {
public:
    // The worker itself.
    bool is_searching() const noexcept { return searching_; }

private:
    friend class IdleWorkers;
    static constexpr std::uint32_t kLooks = 0;  // awake, or about to look at the word
    static constexpr std::uint32_t kWoken = 1;
    static constexpr std::uint32_t kSleeps = 2;  // in the kernel, or about to be

    // Futex [idle.word]. Writers: the worker, who wakes it. Carries what the waker did before it woke.
    sync::atomic<std::uint32_t> word_{kLooks};
    // Counted in IdleWorkers. The worker's; from enter() until it has left the list, who takes it out under the lock.
    sync::plain<bool> searching_{false};
    sync::plain<Sleeper*> next_{nullptr};  // in the list; under the lock
};

class IdleWorkers {
public:
    // Any worker that has made work visible in a queue from which others steal: wakes one sleeper where that is needed.
    [[gnu::always_inline]] void notify(SpinLock& lock) noexcept {
        sync::light_fence();  // [idle.fence]
        if (anybody_to_wake()) [[unlikely]]
            wake_searcher(lock);
    }

    // The first half of it, without a call, where the light fence is free: whether notify() is still to be called.
    [[gnu::always_inline]] bool wants_notice() const noexcept {
        sync::free_light_fence();  // [idle.fence]
        return anybody_to_wake();
    }

    // The worker itself: it begins to look at the others' queues.
    void start_search(Sleeper& self) noexcept {
        self.searching_ = true;
        searching_.fetch_add(1, std::memory_order_relaxed);
    }
    // The worker itself, if it searches: it has found something, or goes to enter().
    void end_search(Sleeper& self, bool found, SpinLock& lock) noexcept {
        self.searching_ = false;
        if (searching_.fetch_sub(1, std::memory_order_relaxed) != 1 || !found) return;
        // The last searcher leaves with something: there may be more, and those who made it ready saw that somebody searched. A fence of
        // its own: who enters meanwhile and is not seen here has told nobody yet, so that all who push later see the search ended.
        sync::fence(std::memory_order_seq_cst);  // [idle.fence]
        if (anybody_to_wake()) wake_searcher(lock);
    }

    // The worker itself, under the lock, not searching: from now on it may be taken out. Afterwards, without the lock, last_look().
    void enter(Sleeper& self) noexcept {
        // A waker of an earlier time may come after this: it only wakes for no reason (2).
        self.word_.store(Sleeper::kLooks, std::memory_order_relaxed);
        self.next_ = first_;
        first_ = &self;
        count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    // The worker itself, after enter(): whether `anything` of what others push without the lock is there, which must be taken
    // then, after remove(). Else the worker may sleep.
    template <typename Anything>
    bool last_look(const Anything& anything) noexcept {
        sync::heavy_fence();  // [idle.fence]
        return anything();
    }
    // Under the lock: takes out the one that entered last, for whom wake() is to be called; nullptr: nobody sleeps.
    Sleeper* take() noexcept {
        Sleeper* const sleeper = first_;
        if (sleeper == nullptr) return nullptr;
        first_ = sleeper->next_;
        count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        return sleeper;
    }
    // Under the lock: takes out this one. False: somebody else has.
    bool remove(Sleeper& self) noexcept {
        sync::plain<Sleeper*>* link = &first_;
        for (Sleeper* sleeper = *link; sleeper != nullptr; sleeper = *link) {
            if (sleeper == &self) {
                *link = sleeper->next_;
                count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
                return true;
            }
            link = &sleeper->next_;
        }
        return false;
    }

    // Whoever has taken the sleeper out, once, without the lock.
    static void wake(Sleeper& sleeper) noexcept {
        // [idle.word] release: who wakes up sees what the waker did.
        if (sleeper.word_.exchange(Sleeper::kWoken, std::memory_order_release) == Sleeper::kSleeps)
            futex_wake(sleeper.word_, 1);
    }
    // The worker itself: somebody has called wake().
    static bool is_woken(const Sleeper& self) noexcept {
        return self.word_.load(std::memory_order_acquire) == Sleeper::kWoken;  // [idle.word]
    }
    // The worker itself: blocks until wake(), at most timeout_ns (0 = no limit); may return for no reason.
    static void wait(Sleeper& self, std::uint64_t timeout_ns) noexcept {
        std::uint32_t found = Sleeper::kLooks;
        // Acquire on failure: [idle.word]. On success nothing is learnt.
        if (!self.word_.compare_exchange_strong(found, Sleeper::kSleeps, std::memory_order_acquire) &&
            found == Sleeper::kWoken)
            return;
        futex_wait(self.word_, Sleeper::kSleeps, timeout_ns);
    }

    // Hints, any thread.
    std::uint32_t sleeping() const noexcept { return count_.load(std::memory_order_relaxed); }
    std::uint32_t searching() const noexcept { return searching_.load(std::memory_order_relaxed); }

private:
    // Relaxed: what it must not miss, the fence before it orders.
    bool anybody_to_wake() const noexcept { return sleeping() != 0 && searching() == 0; }
    [[gnu::noinline]] void wake_searcher(SpinLock& lock) noexcept {
        Sleeper* sleeper = nullptr;
        {
            const std::lock_guard<SpinLock> hold(lock);
            if (searching_.load(std::memory_order_relaxed) != 0) return;
            sleeper = take();
            if (sleeper == nullptr) return;
            sleeper->searching_ = true;  // (1)
            searching_.fetch_add(1, std::memory_order_relaxed);
        }
        wake(*sleeper);
    }

    sync::plain<Sleeper*> first_{nullptr};  // the list; under the lock
    sync::atomic<std::uint32_t> count_{0};  // of the list; writers: holders of the lock [idle.fence]
    sync::atomic<std::uint32_t> searching_{
        0};  // writers: searchers, and who makes a sleeper one (1) [idle.fence]
};

}  // namespace cprime::detail
