// Faults inside coroutines: the policies, and what the handler of faults (stacks/overflow.cpp) asks.
//
//   the faulting instruction ─▶ handler, alternate stack: answer()      report (fault_report.h), and may it be survived (fault_safety.h)?
//        no   the earlier handler, or the system, has it
//        yes  the context is rewritten: sigreturn continues at cprime_fault_landing (switch/park_x86_64.S), on the worker's own stack
//                 └─▶ end_faulted() (fault_ending.h): quarantine, a fresh stack, and the coroutine ends there
//             or, with replace_worker, at leave_worker() (spare_workers.h), and end_faulted() is another thread's
//
// Invariants
//   F1  The handler runs no code of the scheduler and takes no lock but the report's turn; it writes what it saw into the worker's own place.
//   F2  A context is rewritten only while the coroutine's code runs on the coroutine's stack: the runtime's locks are held on workers' own
//       stacks, or in the short ways, which lie in a section of their own and are refused.
//
// Thread: answer() in a handler of a worker; the rest as marked. Tested in tests/unit/runtime/fault_test.cpp.
#pragma once

#include <signal.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "cprime/fault.h"
#include "instrumentation/wire/limits.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

inline constexpr int kFaultNumbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};

// What a handler has seen, for whoever goes on on the worker's stack. The worker's, one at a time: from the handler to end_faulted().
struct FaultSeen {
    int number = 0;
    int code = 0;
    std::uint64_t address = 0;
    std::uint64_t rip = 0;
    std::uint64_t rsp = 0;
    bool replaces = false;              // the worker's thread ends
    std::uint64_t alternate_stack = 0;  // of the thread that faulted
    std::uint64_t alternate_stack_bytes = 0;
    std::uint32_t text_bytes = 0;
    char text[8192];  // the report; cut off where it is longer
};

// Where the stack lies that an abandoned coroutine has left, and where it stood.
struct Grave {
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    std::uint64_t rsp = 0;
    std::uint64_t rip = 0;
};

class Faults {
public:
    // Before workers run; null handlers and no thread yet. False: no memory.
    bool start(std::uint32_t workers_count, const FaultOptions& options);
    // After the last worker ended.
    void stop();

    // Any thread. `number` 0: all.
    void set(int number, FaultPolicy policy, FaultHandler handler, const Place& place);

    // The handler's questions, of a fault while a coroutine ran. True: rewrite() the context and return from the handler. False: hand the signal
    // on. `overflow`: the coroutine has run out of stack, which has a report of its own.
    bool answer(Worker& worker, int number, const siginfo_t& info, ucontext_t& context, bool overflow);
    void rewrite(Worker& worker, ucontext_t& context);

    struct Rule {
        FaultHandler handler;
        Place place;
    };
    std::shared_ptr<const Rule> rule(int number);

    FaultSeen& seen(const Worker& worker) { return seen_[worker.index]; }

    // By end_faulted() and by the exit of the coroutine; any worker.
    void dig(std::uint32_t index, const Grave& grave);
    Grave bury(std::uint32_t index);

    // Whether the coroutine with that identity was abandoned: what it had locked nobody will unlock. Any thread.
    bool was_abandoned(std::uint64_t identity);

    FaultCounts counts() const;
    bool anybody_abandoned() const { return abandoned_.load(std::memory_order_relaxed) != 0; }
    void count_replaced() { replaced_.fetch_add(1, std::memory_order_relaxed); }
    void count_quarantined(std::uint64_t slots) {
        slots_quarantined_.fetch_add(slots, std::memory_order_relaxed);
    }

private:
    FaultPolicy policy(int number) const {
        return static_cast<FaultPolicy>(
            policies_[static_cast<std::size_t>(number)].load(std::memory_order_relaxed));
    }
    const char* why_not(const Worker& worker, const ucontext_t& context, std::uint64_t address,
                        bool overflow) const;

    // By number. Writer: set(); readers: handlers; relaxed, since each decides by itself.
    std::array<std::atomic<std::uint8_t>, coroscope::wire::kSignalsMax> policies_{};
    std::unique_ptr<FaultSeen[]> seen_;  // by worker
    std::uint64_t most_ = 0;
    // Counts, relaxed: nothing hangs on them. Writers: handlers, and workers that end coroutines.
    std::atomic<std::uint64_t> abandoned_{0};
    std::atomic<std::uint64_t> slots_quarantined_{0};
    std::atomic<std::uint64_t> replaced_{0};
    std::mutex lock_;  // guards what follows
    std::array<std::shared_ptr<const Rule>, coroscope::wire::kSignalsMax> rules_;
    std::unordered_map<std::uint32_t, Grave> graves_;  // of coroutines that are ending, by index
    std::unordered_set<std::uint64_t> identities_;     // of all that were abandoned
};

extern Faults g_faults;

}  // namespace cprime::detail
