// WaitPicture: who waits for whom, taken from the runtime's own records while no worker has anything to do.
//
// A node is a coroutine, one side of a channel (those who wait to receive from it, or to send to it), or a mutex and the like. A coroutine that
// waits points at what it waits for; a side points at every coroutine that holds a handle of the opposite right, a mutex at whoever holds it: arrows
// lead to whoever could wake. `coroscope waits` draws the same picture from outside (traces/wait_graph.h).
//
// Stuck is whoever can be woken by stuck ones only: the greatest set in which every waker of every member is a member. Two worlds:
//   closed  nobody but coroutines could wake anybody: whoever waits is stuck, whatever for
//   open    other threads, or handlers of signals, may act: what they hold, what anybody may give (a permit, an event, a resume), and what an ended
//           coroutine held, releases its waiters
//
// Invariants
//   1. take() answers false rather than guess: where somebody is ready, has a deadline or waits for a call on the side pool.
//   2. It reads atomics only, and of records that others may make or take away meanwhile nothing else; the caller looks twice before it believes.
//
// Thread: a worker that sleeps. Linear in records and arrows; allocates. Tested in tests/unit/runtime/deadlock_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "instrumentation/wire/coroutine.h"

namespace cprime::detail {

class WaitPicture {
public:
    // False: it is no picture of rest (1), or give_up(context), asked now and then, said so. Throws std::bad_alloc.
    bool take(bool (*give_up)(void*), void* context);

    // Finds who is stuck. Once; after take().
    void judge(bool closed_world);

    // Record indices, in order.
    const std::vector<std::uint32_t>& stuck() const { return stuck_; }
    std::uint32_t alive() const { return alive_; }
    // Rings among the stuck, at most `most`, each the shortest through its first member, sides and mutexes left out: who waits for the next one. Each
    // member stands in one ring.
    std::vector<std::vector<std::uint32_t>> rings(std::size_t most) const;
    // Of the coroutines and what each waits for: the same number means that nobody has moved.
    std::uint64_t fingerprint(std::span<const std::uint32_t> coroutines) const;

private:
    using Arrow = std::pair<std::uint32_t, std::uint32_t>;
    // Arrows by where they begin: those of node n are to[first[n]] .. to[first[n + 1]].
    struct Arrows {
        std::vector<std::uint32_t> first, to;
        void sort(std::vector<Arrow>& arrows, std::uint32_t nodes);
        std::span<const std::uint32_t> of(std::uint32_t node) const {
            return {to.data() + first[node], to.data() + first[node + 1]};
        }
    };
    enum Mark : std::uint8_t {
        kNode = 1,    // somebody waits there, or is alive
        kActs = 2,    // a coroutine that something outside our records will wake
        kAnyone = 4,  // whoever could release it is not known, or not only
        kStuck = 8,
    };

    bool add_coroutine(std::uint32_t index);
    void add_select(std::uint32_t index, std::uint32_t first_arm);
    void wait_at_side(std::uint32_t index, std::uint32_t channel, bool receives);
    void add_owners();
    void add_handles();
    std::uint32_t index_of(std::uint64_t identity) const;
    std::vector<std::uint32_t> ring_through(std::uint32_t start) const;

    std::uint32_t side(std::uint32_t channel, bool receives) const {
        return coroutines_ + 2 * channel + (receives ? 0 : 1);
    }
    std::uint32_t waitable(std::uint32_t index) const { return coroutines_ + 2 * channels_ + index; }

    std::uint32_t coroutines_ = 0, channels_ = 0, waitables_ = 0, nodes_ = 0, alive_ = 0;
    bool anybody_acts_ = false;
    std::vector<std::uint8_t> marks_;                                   // by node
    std::vector<std::pair<std::uint64_t, std::uint32_t>> by_identity_;  // of those alive, sorted
    std::vector<Arrow> arrows_;
    Arrows wakers_, waiters_;  // the same arrows, both ways
    std::vector<std::uint32_t> stuck_;
};

}  // namespace cprime::detail
