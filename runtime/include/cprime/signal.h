// Signals as coroutines.
//
//   cprime::signals()
//       .handle(SIGUSR1, [] { print_statistics(); })
//       .handle(SIGRTMIN, [ticks](const cprime::SignalInfo&) { ticks.try_send(1); }, cprime::SignalComplexity::micro);
//
// or, for those that must be there before the first signal can come:
//
//   cprime::run({.signals = cprime::SignalHandlers().handle(SIGHUP, reload).ignore(SIGUSR2)}, [] { ... });
//
// One thread of the runtime waits for signals; each one becomes a coroutine of its own that runs before everything else that is ready. So a
// handler is ordinary code: it may allocate, print, send, wait. What it declares itself to be says which stack it gets (SignalComplexity); where
// none is left it gets one that stands by (PoolConfig::emergency_slots).
//
// Taken from the start, handled or not:
//   SIGINT, SIGTERM   shut the runtime down in order: everybody is cancelled, run() returns. A second one ends the process at once.
//   SIGUSR1           is taken and does nothing
//   SIGPIPE           is ignored: writing to a closed pipe is an error of write(). Handled, it comes of coroutines' own writes, too: workers let it
//                     through, as no other signal, so a handler that a library installs by sigaction() must be SA_ONSTACK
// Further signals are taken from when they are handled or ignored; reset() goes back to what was before. Signals that are faults (SIGSEGV,
// SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT) and SIGKILL, SIGSTOP cannot be handled here.
//
// A second handler for a number replaces the first while the program runs; two in one SignalHandlers are a mistake, and refused.
//
// What is lost, and where it is counted (coroscope stat, the window, count()):
//   Two of one number below SIGRTMIN that arrive before the first was taken are one, as always with Unix signals: the kernel keeps one and
//   counts none. Those that the runtime itself puts together are `coalesced`.
//   Of SIGRTMIN to SIGRTMAX none is. When stacks for handlers run out, or a thousand handlers have not had their turn, the signal thread stops
//   taking signals and the kernel keeps them in order, as many as RLIMIT_SIGPENDING allows; beyond that sigqueue() fails with EAGAIN: the
//   sender is told. While it has stopped, SIGINT and SIGTERM are still taken unless they are handled otherwise. All threads of the runtime and
//   the one in run() block what is handled. A thread of your own that does not sends such a signal on, which the kernel may refuse when its
//   queue is full: then it is `lost`. Start your threads with signals blocked.
//   `lost`: those that nobody could be made for. Said on stderr, too.
//
// A handler that keeps its worker's thread keeps it from everybody else: the runtime says who it is (RuntimeOptions::stall_report_ms).
//
// Thread: any, while a Runtime lives. Tested in tests/unit/runtime/signal_test.cpp and signal_storm_test.cpp. In a program without the signal
// thread, or without any Runtime: cprime/direct_signal.h.
#pragma once

#include <sys/types.h>

#include <concepts>
#include <csignal>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "cprime/place.h"

namespace cprime {

class AnySignal;

// One delivered signal.
struct SignalInfo {
    int number = 0;
    pid_t sender = 0;  // process that sent it; 0 = the kernel
    uid_t sender_uid = 0;
    int value = 0;  // of sigqueue()
};

// What a handler needs of a stack.
enum class SignalComplexity : std::uint8_t {
    micro,    // 2 KiB: sends, sets an event, counts; neither formats nor throws
    complex,  // 16 KiB that grow to 64: any code
};

// What became of a signal's arrivals, since the Runtime was made: arrived = delivered + coalesced + lost + those that wait for a stack, and
// delivered = finished + those whose handlers run.
struct SignalCounts {
    std::uint64_t arrived = 0;    // taken from the kernel, notified or raised: delivered + coalesced + lost + those that wait or unwind
    std::uint64_t delivered = 0;  // became coroutines, were handled on the spot, or recovered from
    std::uint64_t finished = 0;   // of these, handlers that came to their end, however that was
    std::uint64_t failed = 0;     // of these, by an exception, another signal, or a fault
    std::uint64_t coalesced = 0;  // were put together with one that waited
    std::uint64_t lost = 0;
    std::uint64_t emergency = 0;  // of delivered, on stacks that stand by
};

// A program's handlers before it runs: RuntimeOptions::signals.
class SignalHandlers {
public:
    using Handler = std::function<void(const SignalInfo&)>;

    // As Signals::handle(). That a number was named before is told by the Runtime, which then does not start.
    SignalHandlers& handle(int number, Handler handler,
                           SignalComplexity complexity = SignalComplexity::complex, Place place = CPRIME_HERE);
    template <std::invocable F>
    SignalHandlers& handle(int number, F handler, SignalComplexity complexity = SignalComplexity::complex,
                           Place place = CPRIME_HERE) {
        return handle(number,
                      Handler([handler = std::move(handler)](const SignalInfo&) mutable { handler(); }),
                      complexity, place);
    }
    SignalHandlers& ignore(int number, Place place = CPRIME_HERE);

    struct Entry {
        int number;
        Handler handler;  // none: ignored
        SignalComplexity complexity;
        Place place;
    };
    const std::vector<Entry>& entries() const { return entries_; }

private:
    std::vector<Entry> entries_;
};

// The runtime's table of handlers. A name for it: signals().
class Signals {
public:
    using Handler = SignalHandlers::Handler;

    // From now on `handler` runs in a coroutine of its own for each `number`; it replaces the one before, which those that were delivered
    // still have. Several may run at once. Ends the program with a sentence when the signal cannot be handled or no Runtime lives. Wants a
    // Medium stack. Returns *this.
    Signals& handle(int number, Handler handler, SignalComplexity complexity = SignalComplexity::complex,
                    Place place = CPRIME_HERE);
    template <std::invocable F>
    Signals& handle(int number, F handler, SignalComplexity complexity = SignalComplexity::complex,
                    Place place = CPRIME_HERE) {
        return handle(number,
                      Handler([handler = std::move(handler)](const SignalInfo&) mutable { handler(); }),
                      complexity, place);
    }
    // From now on `number` is taken, counted as delivered, and nothing is done about it.
    Signals& ignore(int number, Place place = CPRIME_HERE);
    // What the runtime does about `number` when nobody says anything; of a signal that it takes only when asked to: what the process did
    // about it before. Returns when that holds.
    Signals& reset(int number);

    // The program's own signals, by type, and those of them that nobody handles or recovers: cprime/app_signal.h.
    template <typename S, typename F>
    Signals& handle(F handler, Place place = CPRIME_HERE);
    Signals& on_unhandled(std::function<void(const AnySignal&)> handler, Place place = CPRIME_HERE);

    // How many of this number were delivered since the runtime started.
    unsigned long long delivered(int number) const;
    SignalCounts count(int number) const;
    // The same of one of the program's own: notified and raised together.
    template <typename S>
    SignalCounts count() const;
};

Signals& signals();

}  // namespace cprime
