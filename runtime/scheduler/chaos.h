// Chaos: order and timing drawn by a seed, so that what happens once a year happens today. It plays with the queues, fences and locks that ship, and
// takes the place of none.
//
//   who runs next     not the oldest, but whoever is drawn of those who stand in front, the newest, or the one that follows (RunQueue::pop_any)
//   runtime calls     one in kCallsPerSwitch that would go on running lets others run first
//   looking around    for injected coroutines and timers: after a drawn number of picks
//   steals            some where there is work at home; some refused, some of a few, the one that follows at any time
//   timers            some of those that are due wait for the next look; some sleeps are armed too early, and have to arm the rest
//   select            which of the ready arms (as always, but the seed decides)
//   delays            at picks, before locks, and between the store and the load of each light fence
//
// Priorities, and the order in channels and wait lists, are promises and stay.
//
// Deterministic mode is chaos on one worker, without delays, in virtual time (clock.h): a seed is an order, and the same one in each run
// of a program that is given the same input. What is beyond it: threads that are no workers, cprime::blocking(), signals, and whatever the
// program asks the machine for (its clock, addresses, files). While a blocking call is under way time stands still.
//
// What it costs when it is off: nothing on ways that are short. It comes in through gates that are there for others: cprime_urgent
// (parking.h), the light fence that is not free (atomics.h), the locks' bias (worker_bias.h), one flag on ways that are long.
//
// Thread: as marked. Tested in tests/unit/runtime/chaos_test.cpp; what it finds, in every test that takes seeds
// (tests/unit/runtime/seeds.h) and the soak.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/scheduler/worker.h"

namespace cprime::detail {

class Chaos {
public:
    // From now on: draws of that seed, or none; with `deterministic` in virtual time, which needs one worker. Before workers run, and after.
    void begin(std::optional<std::uint64_t> seed, bool deterministic);
    // The same for a runtime that lives on, in which no coroutine does. A thread that is no worker; for tests, which are then as they would be in a
    // runtime of their own.
    void change(std::optional<std::uint64_t> seed, bool deterministic);
    // With one worker: waits until it sleeps, if nobody is alive: so that where it meets the next coroutine does not depend on its pace. A
    // thread that is no worker.
    void settle() const;

    // Any thread.
    bool on() const noexcept { return on_.load(std::memory_order_relaxed); }
    bool delays() const noexcept { return delays_.load(std::memory_order_relaxed); }

    // The rest: the worker itself, on its own stack, while chaos is on.
    // It has found work after it had none: it draws by the newest seed from now on, and virtual time begins anew with it.
    void take_seed(Worker& worker) const;
    // Who runs next: of its own queue, or stolen; kNone: whoever would without chaos.
    std::uint32_t pick(Worker& worker) const;
    // Whether a runtime call that would go on lets others run first.
    bool switches(Worker& worker) const;
    // How many to take from a victim, of `most`; 0: it is not asked for now.
    std::uint32_t share(Worker& worker, std::uint32_t most) const;
    // How many timers may fire at this look, of `most`; at least 1.
    std::uint32_t fires(Worker& worker, std::uint32_t most) const;
    // How long a sleep of `duration_ns` is armed for at first.
    std::int64_t shortened(Worker& worker, std::int64_t duration_ns) const;

private:
    static constexpr std::uint32_t kCallsPerSwitch = 8;

    // Writer: begin(); readers: everybody. Relaxed, but for round_, which publishes seed_ [chaos.seed].
    std::atomic<bool> on_{false};
    std::atomic<bool> delays_{false};
    std::atomic<std::uint64_t> seed_{0};
    std::atomic<std::uint32_t> round_{0};  // how many seeds there were
};

extern constinit Chaos g_chaos;

}  // namespace cprime::detail
