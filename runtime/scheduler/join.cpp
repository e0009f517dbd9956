// Joining, cancelling and letting go: what a JoinHandle does.
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "cprime/detail/spawn_request.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/joiners.h"
#include "runtime/scheduler/late_calls.h"
#include "runtime/scheduler/parking.h"
#include "runtime/watch/describe.h"

namespace cprime::detail {

using wire::CoroutineRecord;

constinit LateCalls g_late_calls;

TakenJoiners take_joiners(std::uint32_t target) {
    Joiners& joiners = g_runtime->joiners;
    TakenJoiners taken;
    taken.first = record(target).first_joiner.exchange(wire::kNone, std::memory_order_relaxed);
    if (joiners.threads_count.load(std::memory_order_relaxed) == 0) return taken;
    const std::lock_guard<SpinLock> hold(joiners.threads_lock);
    for (ThreadJoiner** link = &joiners.threads; *link != nullptr;) {
        ThreadJoiner* joiner = *link;
        if (joiner->target != target) {
            link = &joiner->next;
            continue;
        }
        *link = joiner->next;
        joiner->next = taken.threads;
        taken.threads = joiner;
        joiners.threads_count.fetch_sub(1, std::memory_order_relaxed);
    }
    return taken;
}

void wake_joiners(Worker& worker, const TakenJoiners& taken, bool failed, std::uint64_t stamp) {
    for (std::uint32_t index = taken.first; index != wire::kNone;) {
        const std::uint32_t next = record(index).next.load(std::memory_order_relaxed);
        if (failed) reinterpret_cast<JoinRequest*>(record(index).transfer)->may_have_failed = true;
        make_ready(&worker, index, wire::WakeCause::kExit, stamp);
        index = next;
    }
    for (ThreadJoiner* joiner = taken.threads; joiner != nullptr;) {
        ThreadJoiner* next = joiner->next;
        if (failed) static_cast<JoinRequest*>(joiner->waiter.transfer)->may_have_failed = true;
        joiner->waiter.wake();
        joiner = next;
    }
}

bool unlink_joiner(Worker* worker, std::uint32_t index, std::uint32_t target, std::uint32_t sequence,
                   wire::WakeCause cause) {
    if (target == wire::kNone) return false;
    {
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[target]);
        if (!still_parked(index, wire::WaitReason::kJoin, target, sequence)) return false;
        std::atomic<std::uint32_t>* link = &record(target).first_joiner;
        while (link->load(std::memory_order_relaxed) != index) {
            const std::uint32_t here = link->load(std::memory_order_relaxed);
            if (here == wire::kNone) return true;  // the target has ended: its exit wakes the joiner
            link = &record(here).next;
        }
        link->store(record(index).next.load(std::memory_order_relaxed), std::memory_order_relaxed);
        reinterpret_cast<JoinRequest*>(record(index).transfer)->status = Status::cancelled;
    }
    make_ready(worker, index, cause);
    return true;
}

namespace {

[[noreturn, gnu::cold]] void nobody_to_join() {
    std::fputs(
        "cprime: join was called on an empty handle (default-made, moved from, detached, or joined before); "
        "a coroutine is joined once\n",
        stderr);
    std::abort();
}

[[noreturn, gnu::cold]] void joins_itself(std::uint32_t index) {
    std::fprintf(stderr,
                 "cprime: %s joins itself, so that it would wait for itself for ever; somebody else may join "
                 "it, or nobody\n",
                 coroutine_text(index).c_str());
    std::abort();
}

// A thread that is no worker joins: it links itself where exit looks, and blocks.
void join_from_outside(JoinRequest& request) {
    Joiners& joiners = runtime("join").joiners;
    if (request.identity == 0) nobody_to_join();
    ThreadJoiner self;
    self.target = request.target;
    self.waiter.transfer = &request;
    {
        const std::lock_guard<SpinLock> hold(joiners.locks[request.target]);
        if (!still_alive(request.target, request.identity)) {
            request.may_have_failed = g_runtime->failures.any();
            return;
        }
        const std::lock_guard<SpinLock> threads(joiners.threads_lock);
        self.next = joiners.threads;
        joiners.threads = &self;
        joiners.threads_count.fetch_add(1, std::memory_order_relaxed);
    }
    self.waiter.wait();
}

}  // namespace

ResumePoint join_coroutine(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<JoinRequest*>(argument);
    if (worker == nullptr) {
        join_from_outside(request);
        return nullptr;
    }
    if (__builtin_expect(request.identity == 0, 0)) nobody_to_join();
    SpinLock& lock = g_runtime->joiners.locks[request.target];
    lock.lock();
    if (!still_alive(request.target, request.identity)) {
        lock.unlock();
        request.may_have_failed = g_runtime->failures.any();
        return keep_running(*worker);
    }
    if (__builtin_expect(request.target == index, 0)) joins_itself(index);
    CoroutineRecord& self = record(index);
    self.transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, index, wire::WaitReason::kJoin, request.target)) {
        lock.unlock();
        request.status = Status::cancelled;
        return keep_running(*worker);
    }
    std::atomic<std::uint32_t>& first = record(request.target).first_joiner;
    self.next.store(first.load(std::memory_order_relaxed), std::memory_order_relaxed);
    first.store(index, std::memory_order_relaxed);
    lock.unlock();
    return pick_next(*worker);
}

ResumePoint joined_at_once(Worker*, std::uint32_t, void* argument) noexcept {
    std::fprintf(stderr,
                 "cprime: coroutine %llu was joined by two at once through one handle; a coroutine is joined "
                 "once, by one\n",
                 static_cast<unsigned long long>(static_cast<const JoinRequest*>(argument)->identity));
    std::abort();
}

ResumePoint take_failure(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<JoinRequest*>(argument);
    if (worker == nullptr) runtime("join");
    *request.failure = g_runtime->failures.take(request.identity, &request.abandoned);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

ResumePoint cancel_coroutine(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<HandleRequest*>(argument);
    if (worker == nullptr) runtime("cancel");
    request.found = request.identity != 0 && request_cancel(worker, request.target, request.identity);
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

namespace {

void let_go(HandleRequest& request) {
    {
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[request.target]);
        if (still_alive(request.target, request.identity)) {
            record(request.target)
                .flags.fetch_and(static_cast<std::uint8_t>(~wire::kCoroutineHandleHeld),
                                 std::memory_order_relaxed);
        }
    }
    request.abandoned = g_runtime->failures.drop(request.identity);
}

void describe(DescribeRequest& request) {
    if (request.identity == 0) return;
    const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[request.target]);
    if (!still_alive(request.target, request.identity)) return;
    const wire::CoroutineDetail& about = detail(request.target);
    const std::uint32_t site = about.site.load(std::memory_order_relaxed);
    const std::uint32_t own = about.name.load(std::memory_order_relaxed);
    request.alive = true;
    request.size_class = static_cast<std::uint8_t>(g_runtime->pools.size_class(record(request.target).pool));
    request.name = g_runtime->segment->string(
        own != wire::kNone || site == wire::kNone ? own : g_runtime->sites.record(site).name);
}

}  // namespace

ResumePoint drop_handle(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<HandleRequest*>(argument);
    if (worker != nullptr) {
        let_go(request);
        return keep_running(*worker);
    }
    // By a thread it may be dropped while the runtime ends, and in a static variable when it is gone: then there is nothing to let go of.
    if (emit::forked_child()) return nullptr;
    if (g_late_calls.enter()) let_go(request);
    g_late_calls.leave();
    return nullptr;
}

ResumePoint describe_coroutine(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<DescribeRequest*>(argument);
    if (worker != nullptr) {
        describe(request);
        return keep_running(*worker);
    }
    // When the runtime is gone the coroutine is, too.
    if (emit::forked_child()) return nullptr;
    if (g_late_calls.enter()) describe(request);
    g_late_calls.leave();
    return nullptr;
}

}  // namespace cprime::detail
