// The timer heap, and sleep's hook: a sleeper stands in no other list, so the timer lock decides who wakes it.
#include "runtime/scheduler/timers.h"

#include <algorithm>
#include <mutex>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {
namespace {

constexpr std::size_t kStaleWorthPurging = 1024;

bool later(const Timers::Entry& a, const Timers::Entry& b) {
    return a.deadline_ticks > b.deadline_ticks;
}

bool is_stale(const Timers::Entry& entry) {
    return record(entry.index).sequence.load(std::memory_order_relaxed) != entry.sequence;
}

void purge(Timers& timers) {
    std::erase_if(timers.heap, is_stale);
    std::make_heap(timers.heap.begin(), timers.heap.end(), later);
    timers.stale = 0;
}

void publish_next(Timers& timers) {
    timers.next_ticks.store(timers.heap.empty() ? kNoDeadline : timers.heap.front().deadline_ticks,
                            std::memory_order_relaxed);
}

}  // namespace

void timer_arm(Worker& worker, std::uint32_t index, std::uint32_t sequence, std::uint64_t deadline_ticks) {
    emit::probe::timer_set(worker.ring, worker.switch_stamp, index, deadline_ticks);
    Timers& timers = g_runtime->timers;
    bool earliest = false;
    {
        const std::lock_guard<SpinLock> hold(timers.lock);
        if (timers.stale > kStaleWorthPurging && timers.stale > timers.heap.size() / 2) purge(timers);
        timers.heap.push_back({deadline_ticks, index, sequence});
        std::push_heap(timers.heap.begin(), timers.heap.end(), later);
        earliest = timers.heap.front().index == index && timers.heap.front().sequence == sequence;
        publish_next(timers);
    }
    // A worker that has other things to run may come late to this deadline; somebody who sleeps can watch it instead.
    if (earliest && !worker.queue.empty() && g_runtime->scheduler.anybody_idle())
        g_runtime->scheduler.wake_one();
}

void timer_cancel() {
    Timers& timers = g_runtime->timers;
    const std::lock_guard<SpinLock> hold(timers.lock);
    ++timers.stale;
}

void timers_fire(Worker& worker, std::uint64_t now_ticks) {
    Timers& timers = g_runtime->timers;
    while (true) {
        Timers::Entry due{};
        {
            const std::lock_guard<SpinLock> hold(timers.lock);
            if (timers.heap.empty() || timers.heap.front().deadline_ticks > now_ticks) break;
            due = timers.heap.front();
            std::pop_heap(timers.heap.begin(), timers.heap.end(), later);
            timers.heap.pop_back();
            publish_next(timers);
            if (is_stale(due)) {
                if (timers.stale > 0) --timers.stale;
                continue;
            }
        }
        emit::probe::timer_fire(worker.ring, 0, due.index, due.deadline_ticks);
        unlink_parked(&worker, due.index, due.sequence, wire::WakeCause::kTimer);
    }
}

std::uint64_t timers_next() {
    return g_runtime->timers.next_ticks.load(std::memory_order_relaxed);
}

std::uint64_t deadline_after_ns(std::int64_t duration_ns) {
    const std::uint64_t now = coroscope::base::read_tsc();
    constexpr std::int64_t kLongestNs = 100LL * 365 * 24 * 3600 *
                                        1'000'000'000;  // a century: the sum cannot overflow
    const std::int64_t ns = std::clamp<std::int64_t>(duration_ns, 0, kLongestNs);
    return now + static_cast<std::uint64_t>(g_runtime->segment->header().clock.duration_ticks(ns));
}

}  // namespace cprime::detail
