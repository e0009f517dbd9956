// `coroscope ctl break RULE --action dump -o FILE`: what led to a rule's holding, as a trace of its own.
//
//   the program   judges its events and tells when the rule holds          (BreakWatch)
//   this          keeps the last of its events in memory, and writes them  (record() as a flight recorder)
//
// One dump a second at most: when the rule holds again meanwhile, the next one says how often. What held right before the program ended, or before
// this is interrupted, is written at the end.
//
// Thread: run() by the main thread, which records; another one waits for hits. Blocks: run() until it is interrupted, the program has ended, or as
// many files as were asked for are written. Tested in tests/e2e/break_dump_test.py.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "app/cli/command_line.h"
#include "app/cli/interrupt.h"
#include "traces/recorder.h"
#include "traces/rules/break_watch.h"

namespace coroscope::app {

class BreakDump {
public:
    // All outlive this; `watch` is armed, and this thread's until run().
    BreakDump(const CtlWish& wish, rules::BreakWatch& watch, const Interrupt& interrupt)
        : wish_(wish), watch_(watch), interrupt_(interrupt) {}

    // The exit code.
    int run();

private:
    using Clock = std::chrono::steady_clock;
    traces::RecordOptions options();
    void wait_for_hits();
    void stop_waiting();
    std::string wanted(bool at_once);
    void tell(const traces::FlightDump& dump);

    const CtlWish& wish_;
    rules::BreakWatch& watch_;  // of the waiting thread, while there is one
    const Interrupt& interrupt_;
    std::atomic<bool> stop_{false};  // the recording is to end; written by either thread
    std::atomic<bool> over_{false};  // no more hits are waited for
    // That nobody has written about, the first of them.
    struct Hits {
        std::optional<rules::BreakHit> first;
        std::uint64_t count = 0;
    };
    std::mutex lock_;  // guards the next two
    Hits hits_;
    std::optional<base::Error> failed_;  // the rule cannot be followed any further
    Hits in_dump_;  // that the one under way is because of
    std::uint64_t written_ = 0;
    Clock::time_point next_{};
    base::Status said_ = base::ok_status();  // of stdout
    std::thread waiting_;
};

}  // namespace coroscope::app
