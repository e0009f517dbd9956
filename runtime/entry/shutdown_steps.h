// ShutdownSteps: the functions of at_shutdown(), and who runs them.
//
// A coroutine of its own takes the steps of the lowest number, runs them, waits for them, and takes the next; then it cancels everybody. So a
// shutdown asked for by a signal, a coroutine, a thread or the end of the Runtime is the same one, and it happens once.
//
//   collecting ──shutdown() with steps──▶ running ──none left──▶ over
//        └───────shutdown() without any──────────────────────────┘
//
// Thread: as marked. Tested in tests/unit/runtime/shutdown_test.cpp.
#pragma once

#include <cstdint>

#include "cprime/shutdown.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

class ShutdownSteps {
public:
    // A Runtime begins; ends, when no coroutine is left: what never ran is destroyed.
    void start();
    void stop();

    // Any thread. False: too late for that number.
    bool add(ShutdownStep* step);

    enum class Begin : std::uint8_t { run, wait, cancel };
    // Any thread, at shutdown: run: the caller must see to it that run_all() runs; wait: somebody does; cancel: there is no step to run any more.
    Begin begin();
    // In a coroutine: all of them, number by number. Then it is over.
    void run_all();
    // There was no coroutine to be had: all are left out, and it is over.
    void give_up();

private:
    enum class Phase : std::uint8_t { collecting, running, over };
    ShutdownStep* take_lowest();  // all of that number, linked; null: none is left, and it is over
    static void run_at_once(ShutdownStep* steps);

    SpinLock lock_;  // guards everything below
    Phase phase_ = Phase::collecting;
    ShutdownStep* first_ = nullptr;  // by number, those of one number in the order in which they came
    unsigned passed_ = 0;            // numbers below are over
};

extern ShutdownSteps g_shutdown_steps;

}  // namespace cprime::detail
