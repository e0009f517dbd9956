// KeyframePace: when a recording takes its next look at the state.
//
//   K1  Not before the interval that was asked for has passed since the last one began, or so many events have come that going through them
//       takes longer than a look back should: kSlotsMax, some 10 ms.
//   K2  Nor before five times the processor time that it took: looks take a fifth of a core at most, however many coroutines there are.
//   K3  Where so many bytes are kept (a flight recorder), nor before three times its bytes have come since: the window holds events first of
//       all. No longer than twenty intervals: a program that does little is looked at, too.
//   K4  Where bytes or time are kept, in any case once a quarter of either has come since: there is always one inside the window, and what is
//       older can give way.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/keyframe_pace_test.cpp.
#pragma once

#include <cstdint>
#include <limits>

namespace coroscope::traces {

// How much of a trace is kept: the last so many bytes, or so much time, whichever is less.
struct TraceWindow {
    std::uint64_t bytes = ~0ULL;
    std::int64_t ns = std::numeric_limits<std::int64_t>::max();
};

class KeyframePace {
public:
    KeyframePace(std::int64_t interval_ns, const TraceWindow& window) : interval_ns_(interval_ns), window_(window) {}

    struct Look {
        std::int64_t begin_ns = 0;     // of any clock that goes on
        std::int64_t cpu_ns = 0;       // that it took
        std::uint64_t bytes = 0;        // that it added to the trace
        std::uint64_t trace_bytes = 0;  // that the trace had grown to then
        std::uint64_t slots = 0;        // of events that had come by then
        bool stacks = false;            // it was with stacks
    };
    void taken(const Look& look) {
        last_ = look;
        any_ = true;
        if (look.stacks) {
            any_stacks_ = true;
            last_stacks_ns_ = look.begin_ns;
        }
    }
    bool due(std::int64_t now_ns, std::uint64_t trace_bytes, std::uint64_t slots) const;
    // Whether it should be one with stacks: these follow the interval, however many events come.
    bool stacks_due(std::int64_t now_ns) const { return !any_stacks_ || now_ns - last_stacks_ns_ >= interval_ns_; }

    static constexpr std::uint64_t kSlotsMax = 300'000;

private:
    const std::int64_t interval_ns_;
    const TraceWindow window_;
    Look last_;
    bool any_ = false, any_stacks_ = false;
    std::int64_t last_stacks_ns_ = 0;
};

}  // namespace coroscope::traces
