// The report of a fault: who, what, where, what becomes of it, which locks it holds, and the frames.
//
//   cprime: SIGSEGV in coroutine 7 "parser" spawned at src/work.cpp:88 on worker 1: it wrote to address 0x10, a null pointer and a little
//     it is abandoned: its stack is kept, the destructors of its frames do not run; the 3rd of at most 1000
//     it holds mutex "accounts" (src/bank.cpp:12), which stays locked; 2 wait for it
//     its registers: rip 0x..., ...
//     its frames, innermost first (...):
//       #0   /path/program+0x1234  name
//
// A fault at an instruction that has been reported before is one line, which counts. What cannot fail comes first; the frames, whose walk may, are
// last.
//
// Thread: a fault handler of a worker that has the turn to report (stacks/overflow_report.h). Async-signal-safe. Tested in
// tests/unit/runtime/fault_test.cpp and fault_death_test.cpp.
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <cstdint>

namespace cprime::detail {

struct FaultReport {
    std::uint32_t index;  // the coroutine
    std::uint32_t worker;
    int number;
    int code;
    const siginfo_t* info;
    const ucontext_t* context;
    std::uint64_t rip;  // the instruction; the context may say who called it
    const char* fate;   // the second line, without its indentation
    bool in_runtime;    // the worker ran the runtime's own code for it
};

// The address that an instruction accessed, or its own where none is known.
std::uint64_t fault_address(int number, const siginfo_t& info, const ucontext_t& context);

// The whole report. `frames_from`: where the context says that the frames begin; differs from rip where that leads nowhere.
void say_fault(const FaultReport& report, std::uint64_t frames_from);
// One line instead of it: who, what, and how often by now.
void say_fault_again(const FaultReport& report, std::uint32_t times);

// How often a fault at `rip` has been seen, this one counted.
std::uint32_t count_fault_at(std::uint64_t rip);
// For the next runtime.
void forget_faults();

}  // namespace cprime::detail
