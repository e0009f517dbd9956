// Faults of coroutines: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP and SIGABRT, raised by a coroutine's own instructions.
//
//   cprime::on_fault(cprime::FaultPolicy::abandon, [](const cprime::FaultInfo& fault) { log(fault.report); });
//
// Each is reported on stderr: who, what, where, the locks it holds, its frames; again at the same place, in a sentence. Then, by policy:
//   die             (default) the handler that was there before has it, else the system: the process ends as if nobody had caught it, with a core
//   abandon         that coroutine ends as failed, join() throws Fault, and the others go on
//   replace_worker  the same, and the thread that ran it ends, too: another takes its place, so that nothing the fault may have left in
//                   variables of the thread is used again. Where no thread is ready for that (and in sanitizer builds) it is abandon, said so
//   pass            nothing is said: for programs whose own handlers answer faults as a matter of course
// The handler runs as a coroutine from the signal pool, ahead of all others; when it faults itself, it is abandoned, and not called for that.
//
// What becomes of an abandoned coroutine
//   - no destructor of its frames runs, and what they own is not freed; what was registered with the runtime to run at its end does, in
//     the same coroutine on a fresh stack
//   - its stack is never used again, since others may point into it: it stays in the pool as used, and its record stays, as exited
//   - a cprime::Mutex that it holds stays locked, until it is destroyed; channels that it holds handles of do not close: the report names the locks
//   - a handler of signals (signal.h, app_signal.h) is counted as failed; what waited for its stack goes on on the fresh one
//   - after FaultOptions::most of them, or where the signal pools have no fresh stack, the next fault ends the program
//
// What is not survived, and said so with the reason: a fault
//   - inside the runtime (a damaged control block), or with a damaged canary or a stack pointer outside of its stack
//   - inside the allocator, the loader, or a function of the C library that may hold a lock (printf, not strlen or snprintf), or in what such
//     a function has called, but for qsort and bsearch; anywhere in a statically linked program, where nobody can tell
//   - in a handler that the system calls (sigaction), on the stack of a Coroutine that is resumed by hand, on one from a MicroPool
//   - whose frames cannot be walked to the end: nobody knows what it was in the midst of
//   - that another process sent (kill -SEGV)
// abort() is survived where the coroutine called it itself, assert() and std::terminate() included; that of the allocator, which has found its heap
// damaged, is not. std::mutex and its kin, static variables just being initialised, and memory that it has overwritten before are beyond
// anybody's knowledge: a program that goes on after a fault goes on with what that left.
//
// Of threads that are no workers, the signal thread's included, faults are none of this: they go to who handled them before.
//
// Thread: any, while a Runtime lives. Tested in tests/unit/runtime/fault_test.cpp and fault_death_test.cpp.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "cprime/place.h"

namespace cprime {

enum class FaultPolicy : std::uint8_t { die, abandon, replace_worker, pass };

// One fault that was survived.
struct FaultInfo {
    int number = 0;               // SIGSEGV, ...
    int code = 0;                 // si_code
    std::uint64_t address = 0;    // that was accessed, if that is known; else of the instruction
    std::uint64_t rip = 0;        // the instruction
    std::uint64_t coroutine = 0;  // its id
    std::string name;
    std::string site;     // "src/work.cpp:88"
    unsigned worker = 0;  // that ran it
    std::string report;   // as on stderr, the frames included, even where stderr has but a sentence
};

// What join() throws of a coroutine that was abandoned.
class Fault : public std::exception {
public:
    explicit Fault(std::shared_ptr<const FaultInfo> info);
    const FaultInfo& info() const noexcept { return *info_; }
    // The report's first sentence.
    const char* what() const noexcept override { return sentence_->c_str(); }

private:
    std::shared_ptr<const FaultInfo> info_;
    std::shared_ptr<const std::string> sentence_;
};

using FaultHandler = std::function<void(const FaultInfo&)>;

// RuntimeOptions::faults: of all numbers, from the start.
struct FaultOptions {
    FaultPolicy policy = FaultPolicy::die;
    FaultHandler handler = {};
    std::uint64_t most = 1000;  // coroutines that may be abandoned; each keeps its stack
};

// From now on, for that signal or for all six. A handler wants abandon or replace_worker. Another signal, and a handler with another policy,
// end the program with a sentence.
void on_fault(int number, FaultPolicy policy, FaultHandler handler = {}, Place place = CPRIME_HERE);
void on_fault(FaultPolicy policy, FaultHandler handler = {}, Place place = CPRIME_HERE);

// Since the Runtime was made.
struct FaultCounts {
    std::uint64_t abandoned = 0;  // coroutines
    std::uint64_t slots_quarantined = 0;  // more than coroutines where a second fault came while one ended, or a stack had segments
    std::uint64_t workers_replaced = 0;
};
FaultCounts fault_counts() noexcept;

}  // namespace cprime
