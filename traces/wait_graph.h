// The wait graph: coroutines, and the sides of channels they wait at, with who could release whom.
//
// A node is a coroutine, a mutex or the like, or one side of a channel ("those who wait to receive from it" is one side, "to send to it"
// the other). A coroutine that waits points at the side it stands in (or at the coroutine it joins, or at the mutex); a mutex points at
// the coroutine that holds it, a side points at every coroutine that holds a handle of
// the opposite right. So a ring of arrows is a ring of waiting, and 100,000 receivers of one channel cost 100,000 arrows, not 100,000
// times its senders. A coroutine in a select points at the side of each arm.
//
// A coroutine is *stuck* when nobody who could release it can act: the greatest set in which every waker of every member is a member. So a
// select is stuck only if every arm of it is, and never when its arms are not known.
// It is computed twice: once counting holders that nobody knows (outside threads, handles of coroutines that ended) as able to act — what
// remains is certain — and once as unable — what remains besides is suspected. A member whose wait has a deadline can always act, and so
// can whoever is ready, running or asleep.
//
// Thread: pure functions. Tested in tests/unit/traces/waits_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "traces/moment.h"

namespace coroscope::traces {

class WaitGraph {
public:
    // `moved`: indices of coroutines whose wait was over again before the look was (Moment::moved); they can act.
    explicit WaitGraph(const inspect::StateImage& state, std::span<const std::uint32_t> moved = {});

    enum class What { kCoroutine, kSide, kWaitable };
    struct Node {
        What what = What::kCoroutine;
        std::uint32_t position = 0;    // in state.coroutines, state.channels or state.waitables
        bool waits_to_receive = true;  // which side, when it is a channel's
        bool unknown_holder = false;  // side: an outside thread or an ended coroutine holds a handle; waitable: holds it
        bool outside_holder = false;      // an outside thread does
        std::vector<std::uint32_t> to;    // who must act for this to go on
        std::vector<std::uint32_t> from;  // the same arrows from the other end
    };

    const std::vector<Node>& nodes() const { return nodes_; }
    // Which nodes are stuck: 0 no, 1 suspected (rests on holders that nobody knows), 2 certain.
    const std::vector<std::uint8_t>& stuck() const { return stuck_; }
    // Rings among nodes that are at least suspected; each in walking order, coroutines and sides alternating where they do.
    std::vector<std::vector<std::uint32_t>> rings() const;

private:
    void add_sides();
    void add_waitables();
    void add_waits();
    std::vector<std::uint32_t> targets_of(const inspect::CoroutineImage& coroutine) const;
    void find_stuck();
    std::vector<std::uint8_t> greatest_stuck_set(bool unknown_can_act) const;
    std::vector<std::uint32_t> shortest_ring(std::uint32_t start,
                                             const std::vector<std::uint32_t>& component_of,
                                             bool by_oneself) const;
    std::vector<std::uint32_t> walk_ring(const std::vector<std::uint32_t>& component,
                                         const std::vector<std::uint32_t>& component_of) const;

    const inspect::StateImage& state_;
    const std::span<const std::uint32_t> moved_;
    std::vector<Node> nodes_;  // coroutines first, in the order of state.coroutines, two sides a channel, waitables
    std::vector<std::uint8_t> stuck_;
};

}  // namespace coroscope::traces
