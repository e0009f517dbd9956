// Suspending oneself until a handle's holder resumes it; and what a handle may ask of its coroutine.
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "cprime/detail/spawn_request.h"
#include "cprime/this_coroutine.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/joiners.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/suspended.h"

namespace cprime::detail {

using wire::CoroutineRecord;
using wire::CoroutineState;
using wire::WaitReason;

ResumePoint suspend_coroutine(Worker* worker, std::uint32_t index, void* argument) noexcept {
    if (worker == nullptr) {
        std::fputs(
            "cprime: suspend was called on a thread that is no worker, which nobody could resume; call it in "
            "a "
            "coroutine\n",
            stderr);
        std::abort();
    }
    auto& request = *static_cast<SuspendRequest*>(argument);
    SpinLock& lock = g_runtime->joiners.locks[index];
    lock.lock();
    record(index).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, index, WaitReason::kSuspended, wire::kNone)) {
        lock.unlock();
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    lock.unlock();
    return pick_next(*worker);
}

bool unlink_suspended(Worker* worker, std::uint32_t index, std::uint32_t, std::uint32_t sequence,
                      wire::WakeCause cause) {
    {
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);
        if (!still_parked(index, WaitReason::kSuspended, wire::kNone, sequence)) return false;
        record(index).state.store(CoroutineState::kReady, std::memory_order_relaxed);
    }
    if (cause == wire::WakeCause::kCancel)
        reinterpret_cast<SuspendRequest*>(record(index).transfer)->status = Status::cancelled;
    make_ready(worker, index, cause);
    return true;
}

ResumePoint resume_coroutine(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<HandleRequest*>(argument);
    if (worker == nullptr) runtime("resume");
    if (request.identity != 0) {
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[request.target]);
        CoroutineRecord& target = record(request.target);
        // Acquire, in still_alive() and here: who reads kParked reads the reason that was stored before it, or a later one; and
        // kSuspended is stored under this lock only.
        request.found = still_alive(request.target, request.identity) &&
                        target.state.load(std::memory_order_acquire) == CoroutineState::kParked &&
                        target.reason.load(std::memory_order_relaxed) == WaitReason::kSuspended;
        if (request.found) target.state.store(CoroutineState::kReady, std::memory_order_relaxed);
    }
    if (request.found) make_ready(worker, request.target, wire::WakeCause::kResume);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace cprime::detail
