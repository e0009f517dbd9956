// The stack words that somebody looks at: one coroutine's, read by the session's thread, kept fresh as long as they are asked for.
//
//   get(identity)          any thread: what was read last, or "not yet"; notes the wish
//   wanted(), refresh()    the session's thread, between two looks at the program
//
// Words are read again when the coroutine has moved since, or when they were not all of one moment. Nobody has asked for a second: nothing
// is read any more.
//
// Thread: as said. Blocks: refresh() reads. Tested end to end in tests/e2e/window_test.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "instrumentation/inspect/raw_stack.h"
#include "traces/observation.h"

namespace coroscope::traces {

class RawStackWatch {
public:
    // nullptr with an empty message: they are on their way.
    std::shared_ptr<const inspect::RawStack> get(std::uint64_t identity, std::string* message);
    // Another coroutine's are wanted than those that are there.
    bool wanted() const;
    void refresh(Observation& observation, const inspect::StateImage& state);
    // The program has ended, or is not looked at any more: what was read stays.
    void end();

private:
    using Clock = std::chrono::steady_clock;

    mutable std::mutex lock_;              // guards everything below
    std::uint64_t wanted_ = 0, read_ = 0;  // identities; 0 = none
    Clock::time_point asked_at_{};
    std::shared_ptr<const inspect::RawStack> words_;
    std::string message_;
    bool ended_ = false;
};

}  // namespace coroscope::traces
