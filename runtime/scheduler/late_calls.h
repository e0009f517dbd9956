// Handles that threads let go of, or ask, while the runtime ends: it waits for those who are inside, and turns away who comes later.
//
// A thread that is no worker may do so at any time; the runtime may end at that moment, and with it the records that the handle names. Either
// the thread finds it ended, and has nothing to do, or the end waits for the thread [calls.gate]: one adds itself and reads whether the gate is open,
// the other closes the gate and reads how many are inside, both sequentially consistent, so that one of the two sees the other.
//
// Thread: as marked. Tested in tests/stress/soak.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace cprime::detail {

class LateCalls {
public:
    // A thread that is no worker. False: the runtime has ended. leave() follows in both cases.
    bool enter() noexcept {
        inside_.fetch_add(1, std::memory_order_seq_cst);  // [calls.gate]
        return open_.load(std::memory_order_seq_cst);
    }
    // Release: what was done inside comes before the end.
    void leave() noexcept { inside_.fetch_sub(1, std::memory_order_release); }

    // The runtime's, when everything stands, and before anything goes. close() blocks until nobody is inside.
    void open() noexcept { open_.store(true, std::memory_order_seq_cst); }
    void close() noexcept {
        open_.store(false, std::memory_order_seq_cst);  // [calls.gate]
        while (inside_.load(std::memory_order_seq_cst) != 0)
            sched_yield();
    }

private:
    std::atomic<bool> open_{false};         // writer: who makes and ends the runtime; readers: such threads
    std::atomic<std::uint32_t> inside_{0};  // writers: such threads; reader: the end
};

extern constinit LateCalls g_late_calls;

}  // namespace cprime::detail
