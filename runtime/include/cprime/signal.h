// Signals as coroutines.
//
//   cprime::signals()
//       .handle(SIGUSR1, [] { print_statistics(); })
//       .handle(SIGHUP, [](const cprime::SignalInfo& signal) { reload(signal.sender); });
//
// One thread of the runtime waits for signals; each one becomes a coroutine from the signal pool (16 KiB and a guard
// page) that runs before everything else that is ready. So a handler is ordinary code: it may allocate, print, send, wait.
//
// Taken from the start, handled or not:
//   SIGINT, SIGTERM   shut the runtime down in order: everybody is cancelled, run() returns. A second one ends the process at once.
//   SIGUSR1           does nothing until it is handled
//   SIGPIPE           is ignored: writing to a closed pipe is an error of write()
// Further signals are taken from when they are handled. Signals that are faults (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
// SIGABRT) and SIGKILL, SIGSTOP cannot be.
//
// Two of the same number that arrive before the first was taken are one, as always with Unix signals below SIGRTMIN.
//
// Thread: any, while a Runtime lives. Tested in tests/unit/runtime/signal_test.cpp.
#pragma once

#include <sys/types.h>

#include <concepts>
#include <csignal>
#include <functional>
#include <type_traits>
#include <utility>

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

// The runtime's table of handlers. A name for it: signals().
class Signals {
public:
    using Handler = std::function<void(const SignalInfo&)>;

    // From now on `handler` runs in a coroutine of its own for each `number`; it replaces the one before. Several may run at once.
    // Ends the program with a sentence when the signal cannot be handled or no Runtime lives. Wants a Medium stack. Returns *this.
    Signals& handle(int number, Handler handler, Place place = CPRIME_HERE);

    template <std::invocable F>
    Signals& handle(int number, F handler, Place place = CPRIME_HERE) {
        return handle(
            number, Handler([handler = std::move(handler)](const SignalInfo&) mutable { handler(); }), place);
    }

    // The program's own signals, by type, and those of them that nobody handles or recovers: cprime/app_signal.h.
    template <typename S, typename F>
    Signals& handle(F handler, Place place = CPRIME_HERE);
    Signals& on_unhandled(std::function<void(const AnySignal&)> handler, Place place = CPRIME_HERE);

    // How many of this number have become coroutines since the runtime started.
    unsigned long long delivered(int number) const;
};

Signals& signals();

}  // namespace cprime
