// Leaving a worker and coming back to one: what stands before a coroutine is published, and before its first instruction. Inlined into the few
// places that switch, since a yield among many is these two and little else.
//
// Thread: the worker's, on its own stack. Private to this folder.
#pragma once

#include <cstdint>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/switch_histogram.h"
#include "runtime/stacks/high_water.h"
#include "runtime/stacks/overflow.h"

namespace cprime::detail {

// Out of the way of those whom nobody watches.
void note_depth(Worker& worker, std::uint32_t index);
void tell_suspend(Worker& worker, std::uint32_t index, std::uint32_t sequence, wire::WaitReason reason,
                  std::uint32_t object, std::uint64_t deadline_ticks);
void tell_resume(Worker& worker, std::uint32_t index, std::uint32_t sequence);
void resume_first_time(Worker& worker, wire::CoroutineRecord& next);

// While stacks are profiled; those of most are not looked at before they end.
[[gnu::always_inline]] inline void note_high_water(std::uint32_t index) {
    if (profiling_stacks() && (detail(index).private_word & kPrivateScanned) != 0) note_high_water_at_park(index);
}

// The running coroutine, whose state and reason are stored, is made whole for whoever looks at it: stack checked, exception state put away, sequence
// even, event emitted.
[[gnu::always_inline]] inline void put_away(Worker& worker, wire::CoroutineRecord& self, std::uint32_t index,
                                            std::uint8_t flags, wire::WaitReason reason, std::uint32_t object,
                                            std::uint64_t deadline_ticks) {
    const std::uint64_t rsp = self.rsp.load(std::memory_order_relaxed);
    // Where it was continued, it had been checked before: most coroutines park at one depth.
    if (__builtin_expect(rsp != worker.resumed_rsp || g_runtime->pools.has_canaries(self.pool) ||
                             (flags & wire::kCoroutineSegments) != 0,
                         0)) {
        check_stack(worker, index, rsp);
    }
    if (__builtin_expect(--worker.parks_until_depth == 0, 0)) note_depth(worker, index);
    const bool watched = emit::listening(wire::kEventCategories | wire::kProfileStacks) ||
                         __builtin_expect(worker.profile_always, 0);
    if (watched) note_high_water(index);
    self.caught_exceptions = reinterpret_cast<std::uint64_t>(worker.eh_globals->caught_exceptions);
    self.uncaught_exceptions = worker.eh_globals->uncaught_exceptions;
    // [coroutine.sequence] release: whoever reads it even sees the registers, the stack and the reason as they stay.
    const std::uint32_t sequence = self.sequence.load(std::memory_order_relaxed) + 1;
    self.sequence.store(sequence, std::memory_order_release);
    if (watched) tell_suspend(worker, index, sequence, reason, object, deadline_ticks);
}

// The coroutine continues on this worker: everything that must stand before its first instruction.
[[gnu::always_inline]] inline ResumePoint take_up(Worker& worker, std::uint32_t index) {
    wire::CoroutineRecord& next = record(index);
    // Those that follow, in time for their own turn: first their records, then what these say of their stacks.
    if (const std::uint32_t after = worker.queue.peek(1); after != wire::kNone)
        __builtin_prefetch(g_tables.records + after, 1);
    if (const std::uint32_t after = worker.queue.peek(0); after != wire::kNone) {
        const std::uint64_t stack = record(after).rsp.load(std::memory_order_relaxed);
        __builtin_prefetch(reinterpret_cast<const void*>(stack), 1);
        __builtin_prefetch(reinterpret_cast<const void*>(stack + 64), 1);
    }
    const std::uint32_t sequence = next.sequence.load(std::memory_order_relaxed) + 1;
    // [coroutine.sequence] odd before anything of it changes; the release fence keeps the later stores behind it.
    next.sequence.store(sequence, std::memory_order_relaxed);
    sync::fence(std::memory_order_release);
    next.state.store(wire::CoroutineState::kRunning, std::memory_order_relaxed);
    next.reason.store(wire::WaitReason::kNothing, std::memory_order_relaxed);
    worker.eh_globals->caught_exceptions = reinterpret_cast<void*>(next.caught_exceptions);
    worker.eh_globals->uncaught_exceptions = next.uncaught_exceptions;
    if (__builtin_expect((next.flags.load(std::memory_order_relaxed) & wire::kCoroutineNeverRan) != 0, 0))
        resume_first_time(worker, next);
    worker.current = &next;
    worker.current_index = index;
    worker.resumed_rsp = next.rsp.load(std::memory_order_relaxed);
    worker.slice_began = 0;
    wire::WorkerRecord& shown = *worker.record;
    shown.current.store(index, std::memory_order_relaxed);
    shown.state.store(wire::WorkerState::kRunning, std::memory_order_relaxed);
    shown.switches.store(shown.switches.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (worker.several_workers) {
        detail(index).worker.store(static_cast<std::uint8_t>(worker.index), std::memory_order_relaxed);
    }
    if (emit::listening(wire::kCategoryCoroutine | wire::kProfileSwitches))
        tell_resume(worker, index, sequence);
    worker.switch_stamp = 0;
    return &next;
}

}  // namespace cprime::detail
