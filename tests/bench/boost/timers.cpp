// Fibers that each sleep once. What is counted: runner/timer_plan.h. Fibers have no cancellation, so there is no row of it.
#include <boost/fiber/all.hpp>
#include <chrono>

#include "boost/workloads.h"
#include "runner/timer_plan.h"

namespace coroscope::bench::boost_peer {

Measured timers_fire(std::uint64_t count) {
    take_first_lock();
    boost::fibers::pooled_fixedsize_stack stacks(kSmallestStackBytes, 32, 512);  // why 512: parked.cpp
    std::uint64_t armed = 0;
    std::uint64_t fired = 0;
    const TimerPlan plan(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        boost::fibers::fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks,
                             [&, deadline_ns = plan.deadline_ns(i)] {
                                 ++armed;
                                 boost::this_fiber::sleep_until(std::chrono::steady_clock::time_point(
                                     std::chrono::nanoseconds(deadline_ns)));
                                 ++fired;
                             })
            .detach();
    }
    if (armed != count) return {};  // dispatched fibers have begun when they are made
    const std::uint64_t armed_ns = now_ns();
    boost::this_fiber::sleep_until(
        std::chrono::steady_clock::time_point(std::chrono::nanoseconds(plan.first_deadline_ns())));
    while (fired != count)
        boost::this_fiber::yield();
    return plan.measured(armed_ns, now_ns());
}

}  // namespace coroscope::bench::boost_peer
