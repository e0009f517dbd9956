// The report of an overflow: who ran out of stack, what was seen, how much was wanted, the ways to mend it, and the frames.
//
//   cprime: stack overflow in coroutine 7 "deep" spawned at src/work.cpp:88 on worker 1: it ran into a guard page; its class is medium
//   (16384 bytes, grown in place to 65536): it wanted at least 96 bytes more
//     the size table's row for src/work.cpp:88 did not hold: ... (unheld_rows.h; where a table has one)
//     to mend it, one of:
//       a larger class at the spawn: ...
//       a class chosen by what was measured: ...
//       a stack that grows: ...
//     its frames, innermost first (...):
//       #0   /path/program+0x1234  name  (118 frames of it)
//
// What cannot fail comes first; the frames, whose walk may, are last.
//
// Thread: any worker, on its own or its alternate stack. Async-signal-safe. Tested in tests/unit/runtime/overflow_test.cpp.
#pragma once

#include <cstdint>

namespace cprime::detail {

struct OverflowSeen {
    const char* sign;  // what was seen
    std::uint64_t lowest;  // address at or above which the stack should have ended: of the access, or the stack pointer; 0 = not known
    std::uint64_t rip;  // the coroutine's innermost address
    bool faulted;       // `rip` is an instruction that faulted, not one that a call returns to
};

// Writes the report of coroutine `index`, which runs on `worker`. Several workers take turns; a second report from within
// the first is left out.
void say_overflow(std::uint32_t index, std::uint32_t worker, const OverflowSeen& seen);
// The same by who has the turn.
void say_overflow_in_turn(std::uint32_t index, std::uint32_t worker, const OverflowSeen& seen);

// The turn to report: waits while another thread has it. False: the caller has it already.
bool begin_report();
void end_report();

// `coroutine 7 "deep" spawned at src/work.cpp:88`, in the words of all reports.
struct ReportedCoroutine {
    char name[64];
    char place[224];
    std::uint64_t identity;
};
ReportedCoroutine reported_coroutine(std::uint32_t index);

}  // namespace cprime::detail
