// See waiting_threads.h.
#include "runtime/signals/waiting_threads.h"

#include <condition_variable>
#include <mutex>

#include "cprime/runtime.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/faults.h"

namespace cprime::detail {
namespace {

// Writers and readers: threads that wait, and those that tell them, under the lock.
struct Waiting {
    std::mutex lock;
    std::condition_variable followed;
    sigset_t blocked{};  // only grows while there is a runtime
    std::uint64_t told = 0;  // how often blocked has changed
    WaitingThread* first = nullptr;
};

// Of this thread, which is in run().
thread_local const SignalsHeld* g_held = nullptr;

Waiting& waiting() {
    static Waiting one;
    return one;
}

}  // namespace

SignalsHeld::SignalsHeld() noexcept : outer_(g_held) {
    sigset_t all;
    sigfillset(&all);
    for (const int fault : kFaultNumbers)
        sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
    g_held = this;
}

SignalsHeld::~SignalsHeld() {
    g_held = outer_;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

WaitingThread::WaitingThread() {
    pthread_sigmask(SIG_SETMASK, nullptr, &mask_before_);
    Waiting& all = waiting();
    const std::lock_guard<std::mutex> hold(all.lock);
    sigset_t mask = all.blocked;
    sigorset(&mask, &mask, g_held != nullptr ? &g_held->before_ : &mask_before_);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    followed_ = all.told;
    next_ = all.first;
    all.first = this;
}

WaitingThread::~WaitingThread() {
    Waiting& all = waiting();
    {
        const std::lock_guard<std::mutex> hold(all.lock);
        WaitingThread** at = &all.first;
        while (*at != this)
            at = &(*at)->next_;
        *at = next_;
    }
    all.followed.notify_all();
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void WaitingThread::follow() {
    Waiting& all = waiting();
    {
        const std::lock_guard<std::mutex> hold(all.lock);
        if (followed_ == all.told) return;
        pthread_sigmask(SIG_BLOCK, &all.blocked, nullptr);
        followed_ = all.told;
    }
    all.followed.notify_all();
}

void block_in_waiting_threads(const sigset_t& signals) {
    Waiting& all = waiting();
    std::unique_lock<std::mutex> hold(all.lock);
    sigorset(&all.blocked, &all.blocked, &signals);  // of two at once, each names its own
    const std::uint64_t told = ++all.told;
    if (all.first == nullptr) return;
    g_runtime->scheduler.wake_waiters();
    all.followed.wait(hold, [&] {
        for (const WaitingThread* thread = all.first; thread != nullptr; thread = thread->next_) {
            if (thread->followed_ < told) return false;
        }
        return true;
    });
}

void forget_blocked_signals() {
    Waiting& all = waiting();
    const std::lock_guard<std::mutex> hold(all.lock);
    sigemptyset(&all.blocked);
}

}  // namespace cprime::detail
