// The program that `coroscope top -- PROG ARGS…` starts: its output, its end, and what becomes of it when we end first.
//
// With a screen the program leads a process group of its own and writes into pipes, since the screen is ours: the last of what it wrote is
// printed when the screen is gone. Without one it stays in our group, its stdout is our stderr, since stdout is the table's, and signals to
// us are the program's, too.
//
// Thread: the main thread, before others are started: it sets which signals are blocked. Blocks: only where it says so. Tested by
// tests/e2e/top_test.py.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/cli/signal_relay.h"
#include "app/launcher.h"

namespace coroscope::app {

class TopProgram {
public:
    // Errors: those of starting it.
    static base::Result<std::unique_ptr<TopProgram>> start(const LaunchSpec& spec, bool screen);

    // The process in which the runtime is. `given_up`: somebody at the terminal asks for the end. Blocks. Errors: see runtime_wait.h.
    base::Result<std::uint32_t> wait_for_runtime(const std::function<bool()>& given_up);
    // Takes what it has written meanwhile; true once it has ended.
    bool poll();
    // Waits so long, or until it has ended or a signal came. True when one of them is so.
    bool wait(int timeout_ms);
    // Prints what it wrote and how it ended, if not well; returns its exit code, or 128 + the signal. Blocks until its end.
    int finish();
    // Asks it to end, and after some patience ends it; prints what it wrote. Blocks for that.
    void dismiss();

private:
    TopProgram() = default;
    void print_output();

    // What a stream wrote last.
    struct Tail {
        std::string text;
        std::uint64_t left_out = 0;  // bytes before it
        void cut();
    };

    std::atomic<bool> stop_{false},
        signalled_{
            false};  // writer: the relay's thread; reader: wait(). Flags alone, nothing hangs on their order
    std::optional<SignalRelay> relay_;  // without a screen
    std::unique_ptr<LaunchedProgram> program_;
    base::FileDescriptor end_;  // readable once the program has ended
    std::string name_;
    Tail output_, errors_;
};

}  // namespace coroscope::app
