// Coroutines that each wait for a timer of their own. What is counted: runner/timer_plan.h.
#include <memory>
#include <optional>
#include <vector>

#include "asio/executor.h"
#include "asio/workloads.h"
#include "runner/timer_plan.h"

namespace coroscope::bench::asio_peer {
namespace {

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

struct Tally {
    std::uint64_t count = 0;
    std::uint64_t armed = 0;
    std::uint64_t armed_ns = 0;  // when the last one was
    std::uint64_t ended = 0;
    std::uint64_t cancelled = 0;

    void arm() {
        if (++armed == count) armed_ns = now_ns();
    }
};

// steady_clock is CLOCK_MONOTONIC, as now_ns() is.
std::chrono::steady_clock::time_point at(std::uint64_t deadline_ns) {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns));
}

Awaitable<> wait_until(Executor executor, Tally& tally, std::uint64_t deadline_ns) {
    Timer timer(executor, at(deadline_ns));
    tally.arm();
    co_await timer.async_wait(kAwait);
    ++tally.ended;
}

Awaitable<> wait_cancelled(Timer& timer, Tally& tally) {
    tally.arm();
    error_code error;
    co_await timer.async_wait(asio::redirect_error(kAwait, error));
    ++tally.ended;
    if (error == asio::error::operation_aborted) ++tally.cancelled;
}

}  // namespace

Measured timers_fire(std::uint64_t count) {
    Context context;
    auto more_to_come = asio::make_work_guard(
        context);  // without, poll() ends the context whenever nobody waits
    Tally tally{.count = count};
    const TimerPlan plan(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        spawn(context.get_executor(), wait_until(context.get_executor(), tally, plan.deadline_ns(i)));
        if (i % 64 == 0) context.poll();  // as on our side: no long run queue
    }
    more_to_come.reset();
    context.run();
    if (tally.ended != count) return {};
    return plan.measured(tally.armed_ns, now_ns());
}

Measured timers_cancelled(std::uint64_t count) {
    Context context;
    Tally tally{.count = count};
    std::vector<std::optional<Timer>> timers(count);
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        timers[i].emplace(context.get_executor(), at(begin_ns + TimerPlan::kNeverNs));
        spawn(context.get_executor(), wait_cancelled(*timers[i], tally));
        if (i % 64 == 0) context.poll();
    }
    context.poll();
    if (tally.armed != count || tally.ended != 0) return {};
    for (std::optional<Timer>& timer : timers)
        timer->cancel();
    context.run();
    const std::uint64_t end_ns = now_ns();
    if (tally.ended != count || tally.cancelled != count) return {};
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace coroscope::bench::asio_peer
