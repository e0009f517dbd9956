// Coroutines that each sleep once, on Micro stacks. What is counted: runner/timer_plan.h. How long one sleeps is reckoned by its maker, so
// it wakes up to a few microseconds after its deadline, never before.
#include <cprime/cprime.h>

#include <chrono>
#include <vector>

#include "cprime/workloads.h"
#include "runner/timer_plan.h"

namespace coroscope::bench::cprime_side {
namespace {

constexpr cprime::SpawnOptions kTimer = {.name = "timer", .size_class = cprime::size_class::micro};

struct TimerTally {
    std::uint64_t count = 0;
    std::uint64_t armed = 0;
    std::uint64_t ended = 0;
    std::uint64_t cancelled = 0;
    cprime::Channel<std::uint64_t> all{"all ended", 1};

    void end() {
        if (++ended == count) all.send(ended);
    }
};

void spawn_sleeping(TimerTally& tally, std::uint64_t duration_ns) {
    cprime::spawn_detached(kTimer, [&tally, duration_ns] {
        ++tally.armed;
        cprime::sleep_for(std::chrono::nanoseconds(duration_ns));
        tally.end();
    });
}

cprime::JoinHandle<void> spawn_cancelled(TimerTally& tally) {
    return cprime::spawn(kTimer, [&tally] {
        ++tally.armed;
        if (cprime::sleep_for(std::chrono::nanoseconds(TimerPlan::kNeverNs)).status() ==
            cprime::Status::cancelled)
            ++tally.cancelled;
        ++tally.ended;
    });
}

}  // namespace

Measured timers_fire(std::uint64_t count) {
    TimerTally tally{.count = count};
    const TimerPlan plan(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t now = now_ns();
        const std::uint64_t deadline_ns = plan.deadline_ns(i);
        spawn_sleeping(tally, deadline_ns > now ? deadline_ns - now : 0);
        // They arm a few at a time: no long run queue is part of the measurement.
        if (i % 64 == 0) cprime::yield();
    }
    while (tally.armed != count)
        cprime::yield();
    const std::uint64_t armed_ns = now_ns();
    const auto ended = tally.all.receive();
    const std::uint64_t end_ns = now_ns();
    if (!ended || *ended != count) return {};  // no operations: the driver reports it
    return plan.measured(armed_ns, end_ns);
}

Measured timers_cancelled(std::uint64_t count) {
    TimerTally tally{.count = count};
    std::vector<cprime::JoinHandle<void>> handles;
    handles.reserve(count);
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        handles.push_back(spawn_cancelled(tally));
        if (i % 64 == 0) cprime::yield();
    }
    while (tally.armed != count)
        cprime::yield();
    if (tally.ended != 0) return {};
    for (auto& handle : handles)
        handle.cancel();
    for (auto& handle : handles)
        handle.join();
    const std::uint64_t end_ns = now_ns();
    if (tally.ended != count || tally.cancelled != count) return {};
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
