// Who runs next, and yield.
#include <sched.h>

#include "cprime/this_coroutine.h"
#include "instrumentation/emit/switch_probe.h"
#include "runtime/scheduler/chaos.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/enqueue.h"
#include "runtime/scheduler/hold.h"
#include "runtime/scheduler/switching.h"
#include "runtime/scheduler/timers.h"

namespace cprime::detail {

using wire::CoroutineState;
using wire::WaitReason;

namespace {

constexpr std::uint32_t kPicksPerLook = 16;
// A prime, so that the same coroutine of a round is not looked at each time.
constexpr std::uint32_t kParksPerDepth = 61;
// How long a coroutine goes on although somebody of higher priority is ready.
constexpr std::int64_t kSliceNs = 50'000;

// What a busy worker does every kPicksPerLook picks: look beyond its own queue.
[[gnu::noinline]] void look_around(Worker& worker) {
    worker.picks_left = kPicksPerLook;
    g_runtime->trimmer.serve(worker);
    Scheduler& scheduler = g_runtime->scheduler;
    if (scheduler.anything_injected() || scheduler.anything_low()) {
        scheduler.take_injected(worker);
        worker.switch_stamp = 0;  // what comes from others is stamped after it was taken
    }
    if (worker.several_workers) {
        if (!worker.queue.empty()) scheduler.notify();
        scheduler.relieve(worker);
    }
    if (timers_next() != kNoDeadline) {
        const std::uint64_t now = now_ticks();
        if (now >= timers_next()) {
            timers_fire(worker, now);
            worker.switch_stamp = 0;  // whom a timer woke is not resumed before that
        }
    }
    worker.record->ready_length.store(worker.queue.length(), std::memory_order_relaxed);
}

// Of those that may run on this worker only; of higher priority than what stands in its queue; by chance.
[[gnu::noinline]] std::uint32_t pick_special(Worker& worker) {
    worker.switch_stamp = 0;
    Scheduler& scheduler = g_runtime->scheduler;
    if ((cprime_urgent.load(std::memory_order_relaxed) & kUrgentLengths) != 0) {
        if (const std::uint32_t urgent = scheduler.take_urgent(worker); urgent != wire::kNone) return urgent;
    }
    // Turn about with the others.
    if (worker.bound_length.load(std::memory_order_relaxed) != 0 && (worker.picks_left & 1) != 0)
        return scheduler.take_bound(worker);
    return g_chaos.on() ? g_chaos.pick(worker) : wire::kNone;
}

// Its own queue is empty. kNone: the runtime stops.
[[gnu::noinline]] std::uint32_t find_work(Worker& worker) {
    worker.current = &worker.home;
    worker.current_index = wire::kNone;
    worker.record->current.store(wire::kNone, std::memory_order_relaxed);
    worker.record->state.store(wire::WorkerState::kScheduling, std::memory_order_relaxed);
    if (worker.sampling != 0) spoil_sample(worker);
    Scheduler& scheduler = g_runtime->scheduler;
    while (true) {
        std::uint32_t index = g_hold.on() ? g_hold.pass_gate(worker) : wire::kNone;
        look_around(worker);
        worker.switch_stamp = 0;
        if (index == wire::kNone && scheduler.is_policys_turn(worker)) index = scheduler.take_any(worker);
        if (index == wire::kNone) index = scheduler.take_bound(worker);
        if (index == wire::kNone)
            index = worker.several_workers ? worker.queue.pop<false>() : worker.queue.pop<true>();
        if (index == wire::kNone) index = scheduler.take_any(worker);
        if (index == wire::kNone && worker.several_workers) index = scheduler.steal(worker);
        if (index != wire::kNone) {
            scheduler.found_work(worker);
            if (g_chaos.on()) g_chaos.take_seed(worker);
            if (g_hold.on() && g_hold.keeps(worker, index)) continue;
            return index;
        }
        if (g_hold.on() && g_hold.found_nobody(worker)) continue;
        if (!scheduler.idle(worker)) return wire::kNone;
    }
}

[[gnu::always_inline]] inline bool anything_special(const Worker& worker) {
    return __builtin_expect((cprime_urgent.load(std::memory_order_relaxed) |
                             worker.bound_length.load(std::memory_order_relaxed)) != 0,
                            0);
}

// The same where anything is out of the ordinary.
template <bool kAlone>
[[gnu::noinline]] ResumePoint pick_specially(Worker& worker) {
    while (true) {
        std::uint32_t index = g_hold.on() ? g_hold.pass_gate(worker) : wire::kNone;
        if (index == wire::kNone) index = pick_special(worker);
        if (index == wire::kNone) index = worker.queue.pop<kAlone>();
        if (index == wire::kNone) {
            index = find_work(worker);
            return index != wire::kNone ? take_up(worker, index) : &worker.home;
        }
        if (!g_hold.on() || !g_hold.keeps(worker, index)) return take_up(worker, index);
    }
}

template <bool kAlone>
[[gnu::always_inline]] inline ResumePoint pick(Worker& worker) {
    if (__builtin_expect(--worker.picks_left == 0, 0)) look_around(worker);
    if (anything_special(worker)) return pick_specially<kAlone>(worker);
    std::uint32_t index = worker.queue.pop<kAlone>();
    if (__builtin_expect(index == wire::kNone, 0)) {
        index = find_work(worker);
        if (index == wire::kNone) return &worker.home;
    }
    return take_up(worker, index);
}

// The running coroutine stays ready and lets others run: stands at the end of its queue.
template <bool kAlone>
[[gnu::always_inline]] inline ResumePoint give_way(Worker& worker, wire::CoroutineRecord& self,
                                                   std::uint32_t index) {
    const std::uint8_t flags = self.flags.load(std::memory_order_relaxed);
    self.reason.store(WaitReason::kYield, std::memory_order_relaxed);
    self.wait_object.store(wire::kNone, std::memory_order_relaxed);
    self.state.store(CoroutineState::kReady, std::memory_order_relaxed);
    put_away(worker, self, index, flags, WaitReason::kYield, wire::kNone, 0);
    const bool special = (flags & wire::kCoroutineSpecial) != 0;
    if (__builtin_expect(special || !worker.queue.push(index), 0)) g_runtime->scheduler.inject(index);
    return pick<kAlone>(worker);
}

// Nobody to run first here: then there is no switch, and nothing to tell.
[[gnu::noinline]] bool anybody_else(Worker& worker) {
    if (anything_special(worker) || g_runtime->scheduler.anything_injected()) return true;
    if (--worker.picks_left == 0) look_around(worker);
    return !worker.queue.empty();
}

}  // namespace

void note_depth(Worker& worker, std::uint32_t index) {
    worker.parks_until_depth = worker.parks_until_next;
    worker.parks_until_next = kParksPerDepth;
    note_site_depth(index);
}

// The stamp is also that of the RESUME that follows.
void tell_suspend(Worker& worker, std::uint32_t index, std::uint32_t sequence, WaitReason reason,
                  std::uint32_t object, std::uint64_t deadline_ticks) {
    worker.switch_stamp = emit::stamp();
    emit::probe::suspend(worker.ring, worker.switch_stamp, sequence, reason, object,
                         record(index).rip.load(std::memory_order_relaxed), deadline_ticks);
}

void tell_resume(Worker& worker, std::uint32_t index, std::uint32_t sequence) {
    if (emit::listening(wire::kCategoryCoroutine)) {
        const std::uint64_t stamp = worker.switch_stamp != 0 ? worker.switch_stamp
                                                             : coroscope::base::read_tsc_ordered();
        emit::probe::resume(worker.ring, stamp, index, sequence,
                            detail(index).identity.load(std::memory_order_relaxed));
    }
    note_switch(worker);
}

// What the short yield (switch/park_x86_64.S) has to tell: `index` has yielded, whose record says so already, to `next`, which goes on when this
// returns.
extern "C" void cprime_tell_yield(Worker* worker, std::uint32_t index, std::uint32_t next) noexcept {
    note_high_water(index);
    if (emit::listening(wire::kCategoryCoroutine)) {
        const std::uint64_t stamp = coroscope::base::read_tsc();
        const emit::probe::Yielded yielded{.sequence = record(index).sequence.load(std::memory_order_relaxed),
                                           .caller_address = record(index).rip.load(std::memory_order_relaxed),
                                           .next = next,
                                           .next_sequence = record(next).sequence.load(std::memory_order_relaxed),
                                           .next_identity = detail(next).identity.load(std::memory_order_relaxed)};
        if (__builtin_expect(!emit::probe::yielded(worker->ring, stamp, yielded), 0)) {
            emit::probe::suspend(worker->ring, stamp, yielded.sequence, WaitReason::kYield, wire::kNone, yielded.caller_address, 0);
            worker->record->current.store(next, std::memory_order_relaxed);
            emit::probe::resume(worker->ring, stamp, next, yielded.next_sequence, yielded.next_identity);
        }
    }
    note_switch(*worker);
}

void resume_first_time(Worker& worker, wire::CoroutineRecord& next) {
    next.flags.fetch_and(static_cast<std::uint8_t>(~wire::kCoroutineNeverRan), std::memory_order_relaxed);
    if (worker.parks_until_depth != 1) {
        worker.parks_until_next = worker.parks_until_depth;
        worker.parks_until_depth = 1;
    }
}

ResumePoint pick_next(Worker& worker) {
    return worker.several_workers ? pick<false>(worker) : pick<true>(worker);
}

// A viewer's pause takes the running coroutine off: it stays ready, and is the next one here.
template <bool kAlone>
[[gnu::noinline]] ResumePoint step_aside(Worker& worker) {
    wire::CoroutineRecord& self = *worker.current;
    const std::uint32_t index = worker.current_index;
    const std::uint8_t flags = self.flags.load(std::memory_order_relaxed);
    self.reason.store(WaitReason::kPause, std::memory_order_relaxed);
    self.wait_object.store(wire::kNone, std::memory_order_relaxed);
    self.state.store(CoroutineState::kReady, std::memory_order_relaxed);
    put_away(worker, self, index, flags, WaitReason::kPause, wire::kNone, 0);
    const bool special = (flags & wire::kCoroutineSpecial) != 0;
    if (special || !worker.queue.push_next(index)) g_runtime->scheduler.inject(index);
    return pick<kAlone>(worker);
}

ResumePoint make_way(Worker& worker) {
    if (worker.current_index == wire::kNone) return worker.current;
    if (g_hold.on() && g_hold.stops(worker.current_index))
        return worker.several_workers ? step_aside<false>(worker) : step_aside<true>(worker);
    if ((cprime_urgent.load(std::memory_order_relaxed) & ~kUrgentHold) == 0) return worker.current;
    if (g_chaos.on()) {
        if (!g_chaos.switches(worker)) return worker.current;
        return worker.several_workers ? give_way<false>(worker, *worker.current, worker.current_index)
                                      : give_way<true>(worker, *worker.current, worker.current_index);
    }
    if (detail(worker.current_index).priority.load(std::memory_order_relaxed) <= wire::Priority::kHigh)
        return worker.current;
    const std::uint64_t now = now_ticks();
    if (worker.slice_began == 0) worker.slice_began = now;
    const auto& clock = g_runtime->segment->header().clock;
    if (now - worker.slice_began < static_cast<std::uint64_t>(clock.duration_ticks(kSliceNs)))
        return worker.current;
    return give_way<false>(worker, *worker.current, worker.current_index);
}

extern "C" ResumePoint cprime_yield_coroutine(Worker* worker, std::uint32_t index, void* argument) noexcept {
    if (worker == nullptr) {
        sched_yield();
        return nullptr;
    }
    if (cancel_requested(index)) static_cast<YieldRequest*>(argument)->status = Status::cancelled;
    wire::CoroutineRecord& self = *worker->current;
    if (__builtin_expect(worker->queue.empty() && !anybody_else(*worker), 0)) return worker->current;
    return worker->several_workers ? give_way<false>(*worker, self, index)
                                   : give_way<true>(*worker, self, index);
}

}  // namespace cprime::detail
