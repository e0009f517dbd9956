// EventBudget: whether a live session listens to events, which the program pays for, or lives from the state plane, which costs it nothing.
//
// An event costs a program some ten nanoseconds wherever it comes from, so what listening costs depends on how often the program switches for
// each second of its own processor time. Both can be read without listening: the workers count their switches in the state plane, the kernel
// counts the time. What events come without a switch (messages through a buffer) shows only while they are listened to: then they are
// given up and tried again later, each time after twice the time.
//
// Thread: one at a time. Blocks: never. Tested in tests/unit/traces/event_budget_test.cpp.
#pragma once

#include <cstdint>

namespace coroscope::traces {

class EventBudget {
public:
    // Of its processor time, a program may lose this much to events that nobody asked for.
    static constexpr double kShareMax = 0.015;
    // What a switch costs more when it is listened to, and what an event does. Measured: `./dev bench watched` has 12 ns for a yield that nobody
    // listens to and 48 ns for one with its events and their share of the stamped switches, two events each.
    static constexpr double kSwitchNs = 36;
    static constexpr double kEventNs = 16;

    // Counts since the program's start or since listening began; all but `now_ns` stand still while nothing runs.
    struct Counts {
        std::uint64_t switches = 0;
        std::uint64_t events = 0;
        std::uint64_t cpu_ns = 0;  // of the whole program
        std::uint64_t now_ns = 0;  // of any clock
    };

    // `listening`: events are listened to when the first counts come.
    explicit EventBudget(bool listening) : listening_(listening) {}

    // Takes the counts of one more look; returns whether events are to be listened to until the next one.
    bool update(const Counts& counts);
    // Share of the program's processor time that events would take (or take), by the last looks; 0 before there were two.
    double share() const { return share_; }

private:
    bool listening_;
    bool began_ = false;
    Counts before_;
    double share_ = 0;
    std::uint64_t retry_ns_ = 0;      // not before
    std::uint64_t patience_ns_ = 0;   // until the next try; doubles
};

}  // namespace coroscope::traces
