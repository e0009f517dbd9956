// Deadline, sleep_until and Interval: steady_clock's, never early, each policy for missed ticks, on Micro stacks.
#include <cprime/deadline.h>

#include <chrono>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

class Intervals : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Intervals);

TEST_P(Intervals, sleep_until_ends_at_that_time_and_never_before) {
    run([] {
        for (const auto length : {0us, 1us, 17us, 300us, 5000us}) {
            const auto time = steady_clock::now() + length;
            EXPECT_TRUE(sleep_until(time));
            EXPECT_GE(steady_clock::now(), time);
        }
        EXPECT_TRUE(sleep_until(steady_clock::now() - 1h));
        EXPECT_TRUE(sleep_until(steady_clock::time_point::min()));
        const Deadline deadline(2ms);
        EXPECT_TRUE(sleep_until(deadline));
        EXPECT_TRUE(deadline.expired());
    });
}

TEST_P(Intervals, a_sleep_without_end_is_one_and_can_be_cancelled) {
    run([] {
        Status told[3] = {};
        auto a = spawn("a", [&told] { told[0] = sleep_until(Deadline::never()).status(); });
        auto b = spawn("b", [&told] { told[1] = sleep_for(std::chrono::hours::max()).status(); });
        auto c = spawn("c", [&told] { told[2] = sleep_until(steady_clock::time_point::max()).status(); });
        while (detail::g_runtime->timers.armed() < 3)
            yield();
        for (auto* handle : {&a, &b, &c}) {
            handle->cancel();
            handle->join();
        }
        for (const Status status : told)
            EXPECT_EQ(status, Status::cancelled);
    });
}

TEST(Deadline, remaining_falls_to_nothing_and_stays_there) {
    const auto before = steady_clock::now();
    const Deadline deadline(1h);
    EXPECT_FALSE(deadline.expired());
    EXPECT_GT(deadline.remaining(), 59min);
    EXPECT_LE(deadline.remaining(), 1h);
    EXPECT_GE(deadline.time(), before + 1h);
    for (const Deadline past : {Deadline(-1s), Deadline(0s), Deadline(steady_clock::time_point::min())}) {
        EXPECT_TRUE(past.expired());
        EXPECT_EQ(past.remaining(), 0ns);
        EXPECT_LT(past, deadline);
    }
    EXPECT_LT(deadline, Deadline::never());
    EXPECT_FALSE(Deadline::never().expired());
    EXPECT_EQ(Deadline::never().remaining(), std::chrono::nanoseconds::max());
    EXPECT_EQ(Deadline(std::chrono::hours::max()), Deadline::never());
}

TEST_P(Intervals, ticks_come_at_multiples_of_the_period) {
    run([] {
        const auto start = steady_clock::now();
        Interval every(2ms);
        for (int i = 1; i <= 10; ++i) {
            EXPECT_TRUE(every.tick());
            EXPECT_GE(steady_clock::now() - start, i * 2ms);
        }
    });
}

// The caller dawdles for some periods; what it sees of the ticks after that.
void miss(steady_clock::duration dawdle) {
    const auto until = steady_clock::now() + dawdle;
    while (steady_clock::now() < until) {
    }
}

TEST_P(Intervals, skip_gives_the_late_tick_at_once_and_leaves_the_others_out) {
    run([] {
        const auto start = steady_clock::now();
        Interval every(10ms);
        miss(55ms);
        EXPECT_TRUE(every.tick());  // of 10 ms
        const std::uint64_t skipped = every.skipped();
        EXPECT_GE(skipped, 4U);  // 20, 30, 40, 50
        EXPECT_TRUE(every.tick());
        EXPECT_GE(steady_clock::now() - start, (static_cast<int>(skipped) + 2) * 10ms) << "still in step";
    });
}

TEST_P(Intervals, burst_gives_every_tick_there_was) {
    run([] {
        const auto start = steady_clock::now();
        Interval every(10ms, MissedTicks::burst);
        miss(55ms);
        for (int i = 1; i <= 6; ++i) {
            EXPECT_TRUE(every.tick());
            EXPECT_GE(steady_clock::now() - start, i * 10ms);
        }
        EXPECT_EQ(every.skipped(), 0U);
    });
}

TEST_P(Intervals, delay_keeps_a_whole_period_between_ticks) {
    run([] {
        Interval every(10ms, MissedTicks::delay);
        miss(35ms);
        const auto late_call = steady_clock::now();
        EXPECT_TRUE(every.tick());
        EXPECT_TRUE(every.tick());
        EXPECT_GE(steady_clock::now() - late_call, 10ms);
        EXPECT_EQ(every.skipped(), 0U);
    });
}

// What a tick that is 45 ms late, at a period of 10 ms, makes of the next one: how long after the late one's time that is due.
std::chrono::nanoseconds next_after_late_tick(MissedTicks missed) {
    const std::int64_t called_ns = steady_clock::now().time_since_epoch().count();
    detail::IntervalRequest request;
    request.period_ns = 10'000'000;
    request.next_ns = called_ns - 45'000'000;
    request.missed = static_cast<std::uint8_t>(missed);
    const std::int64_t late_one_ns = request.next_ns;
    detail::park<&detail::tick_interval>(&request);
    EXPECT_EQ(request.sleep.status, Status::ok);
    return std::chrono::nanoseconds(request.next_ns - late_one_ns);
}

TEST_P(Intervals, the_tick_after_a_late_one_is_where_the_policy_says) {
    run([] {
        EXPECT_EQ(next_after_late_tick(MissedTicks::burst), 10ms);
        const auto skip = next_after_late_tick(MissedTicks::skip);
        EXPECT_EQ(skip % 10ms, 0ns);
        EXPECT_GE(skip, 50ms);
        EXPECT_GE(next_after_late_tick(MissedTicks::delay), 55ms);
    });
}

TEST_P(Intervals, a_cancelled_tick_says_so) {
    run([] {
        Status told = Status::ok;
        auto ticking = spawn("ticking", [&told] {
            Interval every(1h);
            told = every.tick().status();
        });
        while (detail::g_runtime->timers.armed() < 1)
            yield();
        ticking.cancel();
        ticking.join();
        EXPECT_EQ(told, Status::cancelled);
    });
}

TEST(Interval, works_on_a_thread_that_is_no_worker) {
    const auto start = steady_clock::now();
    Interval every(1ms);
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(every.tick());
    EXPECT_GE(steady_clock::now() - start, 3ms);
    EXPECT_TRUE(sleep_until(start + 5ms));
    EXPECT_GE(steady_clock::now() - start, 5ms);
}

}  // namespace
}  // namespace cprime
