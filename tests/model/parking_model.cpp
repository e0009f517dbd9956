// Parking, waking and cancelling, under every interleaving: the source of runtime/scheduler/parking.cpp as it ships, with the two simplest ways
// to wait: a coroutine that suspends itself (suspend.cpp) and one that sleeps (sleep.cpp). Bounds: two threads are tried with up to three preemptions
// and every value that a load may see, three with two and one load that sees an old value.
#include <gtest/gtest.h>

#include "cprime/detail/spawn_request.h"
#include "cprime/this_coroutine.h"
#include "runtime/scheduler/sleepers.h"
#include "runtime/scheduler/suspended.h"
#include "world.h"

namespace cprime::detail {
namespace {

World& make_world(model::Program& program) {
    World& world = World::make(program);
    set_unlink_hook(wire::WaitReason::kSuspended, &unlink_suspended);
    set_unlink_hook(wire::WaitReason::kSleep, &unlink_sleeper);
    return world;
}

Status suspend() {
    SuspendRequest request{};
    park<&suspend_coroutine>(&request);
    return request.status;
}
// Until somebody fires the timers.
Status sleep() {
    SleepRequest request{.ns = 1};
    park<&sleep_coroutine>(&request);
    return request.status;
}
// Whether it had suspended itself.
bool resume(std::uint32_t target) {
    HandleRequest request{.target = target, .identity = World::identity(target)};
    park<&resume_coroutine>(&request);
    return request.found;
}
bool cancel(Worker* worker, std::uint32_t target) {
    return request_cancel(worker, target, World::identity(target));
}

TEST(ParkingModel, a_coroutine_that_is_cancelled_while_it_parks_goes_on) {
    const model::Result result = model::explore({.preemptions = 3}, [](model::Program& program) {
        World& world = make_world(program);
        const std::uint32_t waiting = world.coroutine(
            [] { model::check(suspend() == Status::cancelled, "it went on without being cancelled"); });
        world.worker([=](Worker& worker) { model::check(cancel(&worker, waiting), "it was not there"); });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(ParkingModel, what_its_waker_wrote_is_seen_by_a_coroutine_that_goes_on_elsewhere) {
    const model::Result result = model::explore({.preemptions = 3}, [](model::Program& program) {
        World& world = make_world(program);
        auto& written = program.make<model::Plain<int>>(0);
        const std::uint32_t waiting = world.coroutine([&written] {
            model::check(suspend() == Status::ok, "nobody cancels it");
            model::check(written == 1, "it went on before it was resumed");
        });
        world.coroutine([&written, waiting] {
            written = 1;
            while (!resume(waiting))
                cprime::detail::sync::pause();
        });
    });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(ParkingModel, of_a_canceller_and_one_who_resumes_exactly_one_ends_the_wait) {
    const model::Result result = model::explore(
        {.preemptions = 2, .stale_reads = 1}, [](model::Program& program) {
            World& world = make_world(program);
            auto& ends = program.make<std::array<int, 2>>();
            const std::uint32_t waiting = world.coroutine(
                [&ends] { ends[0] = suspend() == Status::cancelled ? 1 : 0; });
            world.coroutine([&ends, waiting] { ends[1] = resume(waiting) ? 1 : 0; });
            world.worker([=](Worker& worker) { cancel(&worker, waiting); });
            program.finally(
                [&ends] { model::check(ends[0] + ends[1] == 1, "not exactly one ended the wait"); });
        });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(ParkingModel, a_canceller_that_comes_late_leaves_the_next_wait_of_the_coroutine_cancelled_once) {
    const model::Result result = model::explore(
        {.preemptions = 2, .stale_reads = 1}, [](model::Program& program) {
            World& world = make_world(program);
            const std::uint32_t waiting = world.coroutine([] {
                static_cast<void>(suspend());
                model::check(suspend() == Status::cancelled, "the request to end was forgotten");
            });
            world.coroutine([waiting] { static_cast<void>(resume(waiting)); });
            world.worker([=](Worker& worker) { cancel(&worker, waiting); });
        });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(ParkingModel, of_a_canceller_and_the_timer_exactly_one_ends_a_sleep) {
    const model::Result result = model::explore(
        {.preemptions = 2, .stale_reads = 1}, [](model::Program& program) {
            World& world = make_world(program);
            const std::uint32_t sleeper = world.coroutine(
                [] { model::check(sleep() != Status::timed_out, "a sleep that is over is no failure"); });
            world.worker([=](Worker& worker) { cancel(&worker, sleeper); });
            world.worker([&world](Worker& worker) { world.fire_timers(worker); });
        });
    EXPECT_TRUE(result.passed()) << result.report();
}

TEST(ParkingModel, two_who_cancel_one_coroutine_wake_it_once) {
    const model::Result result = model::explore(
        {.preemptions = 2, .stale_reads = 1}, [](model::Program& program) {
            World& world = make_world(program);
            const std::uint32_t waiting = world.coroutine(
                [] { model::check(suspend() == Status::cancelled, "it went on without being cancelled"); });
            for (int i = 0; i < 2; ++i)
                world.worker([=](Worker& worker) { cancel(&worker, waiting); });
        });
    EXPECT_TRUE(result.passed()) << result.report();
}

}  // namespace
}  // namespace cprime::detail
