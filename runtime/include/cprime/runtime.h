// Runtime: workers, stacks and the segment that viewers read. run() is how a program enters it.
//
//   int main() {
//       return cprime::run({.workers = 2}, [] { ...; return 0; });
//   }
//
// The function becomes the first coroutine, "main", on a Large stack. run() returns its result when it and every coroutine that came of it
// have ended, and throws what escaped it. One Runtime lives at a time; several after one another are fine.
//
// Environment, read when the Runtime is made:
//   CPRIME_WORKERS=N         number of workers where the program does not say
//   CPRIME_BLOCKING_THREADS=N  threads, at most, for cprime::blocking(), where the program does not say
//   CPRIME_CHAOS=SEED, CPRIME_DETERMINISTIC=SEED  RuntimeOptions::chaos and deterministic, where the program says neither
//   CPRIME_SIZES=FILE        size table that 'coroscope sizes' wrote: classes by spawn site; a line on stderr says that it is used,
//                            instead of one that is built in (cprime/built_in_sizes.h)
//   CPRIME_LEARN=FILE        at the orderly end, what this run saw of its stacks is merged into the size table FILE; FILE is also read at the
//                            start as CPRIME_SIZES would be, unless that names another. Implies CPRIME_PROFILE=1
//   CPRIME_PROFILE=1         measure how deep stacks are used even while nobody watches
//   CPRIME_DEADLOCK=report|exit|off  what to do about coroutines that can only wait for each other, where the program does not say (OnDeadlock)
//   CPRIME_STALL_MS=N        how long a coroutine may keep a worker from others before that is told, where the program does not say
//   CPRIME_QUIET=1           leave out the lines that say that chaos is on, and where size classes are larger than documented: in sanitizer
//                            builds, at start, and in code compiled without optimisation, at the first spawn that is raised
//   CPRIME_STATE_PLANE=off   no shared memory, no agent: nobody can attach
//   CPRIME_START_PAUSED=on            with CPRIME_WAIT_FOR_VIEWER: no coroutine runs until the viewer that has come says so (or leaves)
//   CPRIME_WAIT_FOR_VIEWER=N[@NAME]  wait at most N milliseconds, before the first coroutine, for somebody who listens, provided that the
//                            abstract socket NAME can be connected to; 'coroscope' sets it for what it launches
// A value that cannot be used is one sentence on stderr and exit code 2.
//
// While a Runtime lives faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT) are handled on alternate stacks, to name the coroutine
// (cprime/fault.h); those of other threads go to whoever handled them before. Workers block all signals but faults and SIGPIPE. A forked
// child may exec or exit: any call into the runtime ends it with one sentence.
//
// Thread: make, run and destroy a Runtime on one thread that is no worker. Tested in tests/unit/runtime/runtime_test.cpp.
#pragma once

#include <signal.h>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "cprime/fault.h"
#include "cprime/pool_config.h"
#include "cprime/scheduling_policy.h"
#include "cprime/signal.h"
#include "cprime/spawn.h"

namespace cprime {

// What to do when no worker has anything to do and coroutines are left that only others of them could wake. Nothing is said where a thread that is no
// worker, or a handler of a signal, might still wake one of them.
enum class OnDeadlock : std::uint8_t {
    by_environment,  // CPRIME_DEADLOCK, else report
    report,  // says on stderr who waits for whom, once, and goes on waiting: cancel() and shutdown() help
    exit,  // says so and ends the process at once with kDeadlockExitCode: no destructor runs, stdio is flushed, viewers get their last look
    nothing,  // waits in silence
};
inline constexpr int kDeadlockExitCode = 3;

struct RuntimeOptions {
    unsigned workers = 0;  // threads that run coroutines; 0 = CPRIME_WORKERS, else one a processor; at most 256
    unsigned shutdown_grace_ms = 2000;  // after shutdown: coroutines that have not ended by then are named on stderr
    ::cprime::size_class main_size_class = ::cprime::size_class::large;  // of the coroutine that run() makes
    unsigned blocking_threads = 0;  // at most, for blocking(); 0 = CPRIME_BLOCKING_THREADS, else 64; at most 1024
    unsigned blocking_idle_ms = 10'000;  // such a thread ends when it had nothing to do for so long
    // Each worker runs what it spawned last first, and what it spawned first when others steal it: for programs of forks and joins, which then
    // have few stacks alive at once. Otherwise ready coroutines run in the order in which they became ready.
    bool newest_first = false;
    // To find what goes wrong once a year. Order and timing are drawn by this seed: ready coroutines run in any order, calls that would go
    // on let others run first, steals, timers and locks come early and late. All promises hold: priorities, the order in channels, times.
    // Costs a multiple of the time.
    std::optional<std::uint64_t> chaos = {};
    // The same order in each run: one worker, whatever `workers` says, and order drawn by this seed; sleeps and timeouts count a time of
    // their own, which is at the next deadline as soon as nobody is ready: so they take no time. Deadline and Interval read it,
    // std::chrono::steady_clock does not. What threads that are no workers, blocking() and signals do comes when it comes, and threads' own
    // waits last as long as ever.
    std::optional<std::uint64_t> deterministic = {};
    OnDeadlock on_deadlock = OnDeadlock::by_environment;
    // A coroutine that keeps its worker from others for so long, because it blocks the thread or computes without a call that waits, is named on
    // stderr, once a spawn site. 0: nobody looks. -1: CPRIME_STALL_MS, else 1000: longer than a program that works well ever takes, and short
    // enough for whoever sits before it and waits.
    int stall_report_ms = -1;
    // Each spawn by a coroutine is SpawnOptions::child_first. Implies newest_first: a fork runs depth first, and what is stolen is the
    // rest of the oldest spawner.
    bool child_first = false;
    // The order in which ready coroutines run (cprime/scheduling_policy.h). None: see SpawnOptions::priority.
    AnyPolicy policy = {};
    // A coroutine that has been idle for so long (cprime/idle.h says what that is) is asked to end, by a thread that looks four times in that time.
    // 0: nobody looks by himself.
    std::chrono::milliseconds reap_idle_after{0};
    FaultOptions faults = {};  // what to do about faults of coroutines (cprime/fault.h)
    PoolConfig pools = {};  // how many stacks there are, ready or at most
    SignalHandlers signals = {};  // that are there before the first signal can come (cprime/signal.h)
    // False: no thread waits for signals, and the runtime takes none: each does what the system or a plain handler does about it
    // (cprime/direct_signal.h). Nobody looks for coroutines that keep their worker then, stall_report_ms is without effect.
    bool signal_thread = true;
};

namespace detail {
struct RuntimeState;

// The thread takes no signals, faults apart: from before run()'s function can name any until the thread waits, and blocks those that were named. On
// that thread's stack.
class SignalsHeld {
public:
    SignalsHeld() noexcept;
    ~SignalsHeld();
    SignalsHeld(const SignalsHeld&) = delete;
    SignalsHeld& operator=(const SignalsHeld&) = delete;

private:
    friend class WaitingThread;
    sigset_t before_{};
    const SignalsHeld* outer_;
};
}  // namespace detail

class Runtime {
public:
    // Starts the workers. Ends the process with a sentence when there is no memory or no thread to be had, or when
    // a Runtime exists already.
    explicit Runtime(const RuntimeOptions& options = {});
    // Cancels and waits for whatever is left, announces the end to viewers before anything is freed, stops the workers.
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    // Runs function() as a coroutine and blocks until it and everybody else have ended. Returns its result; throws what escaped it.
    // May be called again afterwards.
    template <typename F>
    std::invoke_result_t<std::decay_t<F>&> run(F&& function, Place place = CPRIME_HERE) {
        const detail::SignalsHeld held;
        auto handle = spawn({.name = "main", .size_class = options_.main_size_class},
                            std::forward<F>(function), place);
        wait();
        auto result = handle.join();
        if constexpr (!std::is_void_v<std::invoke_result_t<std::decay_t<F>&>>) {
            if (!result) throw Cancelled();
            return std::move(*result);
        }
    }

    // Blocks until no coroutine is left, whoever made them. After shutdown() it names, on stderr, those who take longer than the grace.
    void wait();

    // How many workers there are.
    unsigned workers() const noexcept;
    // Most bytes of stacks that were in use at once, whole slots counted.
    std::uint64_t stack_bytes_peak() const noexcept;

private:
    RuntimeOptions options_;
    std::unique_ptr<detail::RuntimeState> state_;
};

// Makes a Runtime, runs the function in it, and takes it apart.
template <typename F>
std::invoke_result_t<std::decay_t<F>&> run(const RuntimeOptions& options, F&& function,
                                           Place place = CPRIME_HERE) {
    Runtime runtime(options);
    return runtime.run(std::forward<F>(function), place);
}
template <std::invocable F>
std::invoke_result_t<std::decay_t<F>&> run(F&& function, Place place = CPRIME_HERE) {
    return run(RuntimeOptions{}, std::forward<F>(function), place);
}

namespace detail {
struct ShutdownRequest {
    bool steps_to_run = false;  // the caller begins them
};
ResumePoint shut_down(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
void run_shutdown_steps() noexcept;
}  // namespace detail

// Asks every coroutine to end, and every one that is spawned from now on: each of their calls that would wait answers
// `cancelled`, so that their functions return and destructors run. Where something was registered with at_shutdown() (cprime/shutdown.h) that runs
// first, in its numbered steps. Does not wait: run() does, and names whoever takes longer than the grace. A second call changes nothing. Any thread
// while a Runtime lives, coroutines included.
inline void shutdown() noexcept {
    detail::ShutdownRequest request;
    detail::park<&detail::shut_down>(&request);
    if (request.steps_to_run) detail::run_shutdown_steps();
}

}  // namespace cprime
