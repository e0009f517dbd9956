// Signals without the signal thread: plain functions that run where the signal arrives. For programs without a Runtime, and for one that was made
// without that thread (RuntimeOptions::signal_thread = false).
//
//   cprime::direct_signals().handle(SIGUSR1, [](const cprime::SignalInfo&) { dump_metrics(); });    // async-signal-safe code only
//
//   cprime::SignalFlag stop(SIGINT), reload(SIGHUP);
//   while (!stop) {
//       if (reload.take()) read_configuration();
//       serve_one();
//   }
//
//   cprime::direct_signals().debug(SIGUSR2, {.commands = commands, .commands_count = 2});    // stops here, and asks what to do
//
// Functions are called with the signal blocked, on the alternate stack of a thread that has one, and with errno kept. They are counted like those of
// coroutines (route `direct`) while a Runtime lives. Workers block all signals but faults, so the system chooses another thread.
//
// What may not be handled: as in cprime/signal.h. Where the signal thread runs, signals are its own: each call here ends the program with a sentence.
// A SignalFlag or handler from before such a Runtime is suspended while it lives.
//
// Thread: any. Tested in tests/unit/runtime/direct_signal_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cprime/signal.h"

namespace cprime {

using DirectHandler = void (*)(const SignalInfo&);

// What somebody at the terminal may type, beside "stat", "continue", "exit" and "help".
struct DebugCommand {
    const char* name;                    // one word
    const char* does;                    // for "help"
    void (*run)(const char* arguments);  // what came behind the name; async-signal-safe
};

struct DebugOptions {
    const DebugCommand* commands = nullptr;  // lives as long as the handler
    std::size_t commands_count = 0;
    int input = -1;  // descriptors; -1 = the terminal of the process, whatever stdin is
    int output = -1;
};

class DirectSignals {
public:
    // From now on handler() runs for each `number`, in the place of the one before. A lambda without captures will do. Returns *this.
    DirectSignals& handle(int number, DirectHandler handler);
    DirectSignals& ignore(int number);
    // What the process did about it before the first call here.
    DirectSignals& reset(int number);

    // `number` stops the thread that it comes to, which reads commands until one says "continue", or there are no more; "exit" ends the process with
    // code 1, and no destructor runs. The other threads go on. A second signal meanwhile is counted and does nothing.
    DirectSignals& debug(int number, const DebugOptions& options = {});

    // How often it has come.
    std::uint64_t arrived(int number) const;
};

DirectSignals& direct_signals();

// Whether a signal has come. Takes the signal while it lives; one a number, a second one ends the program with a sentence.
class SignalFlag {
public:
    explicit SignalFlag(int number);
    ~SignalFlag();
    SignalFlag(const SignalFlag&) = delete;
    SignalFlag& operator=(const SignalFlag&) = delete;

    // Acquire: what the sender did before it sent it is visible, where the sender is this process.
    explicit operator bool() const noexcept;
    // Whether it has come since the last call.
    bool take() noexcept;

private:
    int number_;
};

}  // namespace cprime
