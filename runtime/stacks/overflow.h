// Stack overflow: seen at a park or exit (range of the stack pointer, canaries), or at once by a guard page, and reported
// (overflow_report.h): who, where, how much was wanted, the ways out, the frames. The process then ends.
//
// Thread: check_stack on the worker's own stack; the fault handler on the alternate stack of whichever thread faulted.
// Tested in tests/unit/runtime/overflow_test.cpp.
#pragma once

#include <cstdint>

#include "runtime/by_hand/whereabouts.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/tables.h"

namespace cprime::detail {

// Prints the report and aborts. `sign`: what was seen.
[[noreturn]] void report_overflow(const Worker& worker, std::uint32_t index, const char* sign);

// What check_stack could not answer at once: the coroutine grows by segment, or its stack pointer is not in its slot.
void check_stack_place(const Worker& worker, std::uint32_t index, std::uint64_t rsp);
[[noreturn]] void report_damaged_canary(const Worker& worker, std::uint32_t index);

// The coroutine that is about to leave the worker: its stack pointer lies in its slot (or on the stack of one that it
// resumes by hand), canaries are whole.
[[gnu::always_inline]] inline void check_stack(const Worker& worker, std::uint32_t index, std::uint64_t rsp) {
    const wire::CoroutineRecord& self = record(index);
    const Pools& pools = g_runtime->pools;
    const bool has_segments = (self.flags.load(std::memory_order_relaxed) & wire::kCoroutineSegments) != 0;
    if (__builtin_expect(has_segments || !pools.holds(self.pool, self.slot, rsp), 0))
        check_stack_place(worker, index, rsp);
    if (pools.has_canaries(self.pool) && __builtin_expect(!pools.canary_intact(self.pool, self.slot), 0))
        report_damaged_canary(worker, index);
}

// Installs the handlers of all faults (SA_ONSTACK), keeping those that were there for faults that are none of ours, and for those that are not
// survived (signals/faults.h).
void install_fault_handlers();
void remove_fault_handlers();

// abort() after a sentence about a mistake of the program, on whatever stack: no policy of faults makes the program go on after it.
[[noreturn]] void end_program() noexcept;

// An alternate signal stack for the calling thread, so that a fault on a coroutine's stack can be reported at all.
class AlternateStack {
public:
    AlternateStack();
    ~AlternateStack();
    AlternateStack(const AlternateStack&) = delete;
    AlternateStack& operator=(const AlternateStack&) = delete;

private:
    void* memory_ = nullptr;
};

}  // namespace cprime::detail
