// Virtual time: agents are coroutines that wait for hours, and a day of theirs takes as long as what they compute in it.
//
//   void life(VirtualTime& time, std::uint32_t me) {
//       if (!time.begin()) return;
//       do { work(); } while (time.wait(me, 8 * kHour));
//       time.leave();
//   }
//
// Of all agents one runs at a time, the others have suspended themselves: so whatever they share needs no lock, and what happens does not depend on
// workers or on who was ready first. Of several that are due at once the one with the smallest number comes first.
//
// Thread: run() by one coroutine, the rest by the agent that runs. Which of the two is at work is handed to and fro by resume() and `stepped_`, and
// with it all that they wrote.
#pragma once

#include <cprime/cprime.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace parcels {

using Seconds = std::uint32_t;

class VirtualTime {
public:
    explicit VirtualTime(std::uint32_t agents);

    // An agent's coroutine, whose number is the count of those before it.
    void add(cprime::JoinHandle<void> agent) { agents_.push_back(std::move(agent)); }
    // Lets everybody live, from event to event, until there are no more. False: cancelled.
    bool run();

    Seconds now() const { return now_; }
    // Whoever has paused, or not begun, goes on then. Not for somebody who is to be woken already.
    void wake(std::uint32_t agent, Seconds when);
    // An agent's first call: waits until somebody wakes it. False: it was asked to end.
    bool begin();
    // The same later on: others live meanwhile.
    bool pause();
    bool wait(std::uint32_t agent, Seconds seconds) {
        wake(agent, now_ + seconds);
        return pause();
    }
    // The agent's last call.
    void leave() { stepped_.set(); }

    std::uint64_t events() const { return events_; }

private:
    struct Due {
        Seconds when;
        std::uint32_t agent;
    };
    static bool is_later(const Due& a, const Due& b) {
        return a.when != b.when ? a.when > b.when : a.agent > b.agent;
    }

    auto end() { return due_.begin() + static_cast<std::ptrdiff_t>(waiting_); }

    std::vector<cprime::JoinHandle<void>> agents_;
    // The first `waiting_` are a heap, the earliest in front. There is room for one of each agent from the start: agents, whose stacks are small,
    // never allocate.
    std::vector<Due> due_;
    std::size_t waiting_ = 0;
    Seconds now_ = 0;
    std::uint64_t events_ = 0;
    cprime::Event stepped_{"stepped", cprime::Event::resets_itself};
};

}  // namespace parcels
