// More signals than stacks, or than turns: nothing is lost that the kernel took, and what it did not take its sender knows.
#include <cprime/cprime.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>

namespace cprime::test {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMany = 5'000;
#else
constexpr int kMany = 100'000;
#endif

template <typename Condition>
void yield_until(Condition condition) {
    while (!condition())
        static_cast<void>(cprime::yield());
}

// Sends one; how often the kernel had no room for it before.
std::uint64_t send(int number, int value) {
    std::uint64_t refused = 0;
    while (sigqueue(getpid(), number, {.sival_int = value}) != 0) {
        EXPECT_EQ(errno, EAGAIN);
        ++refused;
        sched_yield();
    }
    return refused;
}

void allow_pending(rlim_t most) {
    const rlimit limit{most, most};
    setrlimit(RLIMIT_SIGPENDING, &limit);
}

void expect_counts(int number, std::uint64_t sent) {
    const SignalCounts counts = signals().count(number);
    EXPECT_EQ(counts.arrived, sent);
    EXPECT_EQ(counts.delivered, sent);
    EXPECT_EQ(counts.finished, sent);
    EXPECT_EQ(counts.failed + counts.lost + counts.coalesced, 0U);
}

class Storms : public testing::TestWithParam<int> {
protected:
    RuntimeOptions options() const {
        RuntimeOptions made{.workers = 2};
        if (GetParam() != 0) made.chaos = static_cast<std::uint64_t>(GetParam());
        return made;
    }
};

TEST_P(Storms, of_real_time_signals_lose_none_and_double_none) {
    const int many = GetParam() == 0 ? kMany : kMany / 20;
    const auto times = std::make_unique<std::atomic<std::uint8_t>[]>(static_cast<std::size_t>(many));
    Runtime runtime(options());
    for (const SignalComplexity complexity : {SignalComplexity::micro, SignalComplexity::complex}) {
        const int number = SIGRTMIN + (complexity == SignalComplexity::micro ? 1 : 2);
        for (int i = 0; i < many; ++i)
            times[static_cast<std::size_t>(i)] = 0;
        std::thread sender;
        runtime.run([&] {
            signals().handle(
                number, [&](const SignalInfo& info) { ++times[static_cast<std::size_t>(info.value)]; },
                complexity);
            sender = std::thread([&] {
                for (int i = 0; i < many; ++i)
                    send(number, i);
            });
            yield_until([&] { return signals().count(number).finished == static_cast<std::uint64_t>(many); });
        });
        sender.join();
        expect_counts(number, static_cast<std::uint64_t>(many));
        for (int i = 0; i < many; ++i)
            ASSERT_EQ(times[static_cast<std::size_t>(i)], 1) << i;
    }
}

TEST_P(Storms, with_full_pools_wait_for_a_stack) {
    constexpr int kSent = 300;
    RuntimeOptions small = options();
    small.pools = {.signal_slots_max = 2, .emergency_slots = 1};
    Runtime runtime(small);
    std::atomic<bool> open{false};
    std::atomic<int> inside{0}, most_inside{0};
    runtime.run([&] {
        signals().handle(SIGRTMIN, [&] {
            const int now = ++inside;
            if (now > most_inside) most_inside = now;
            while (!open)
                static_cast<void>(sleep_for(1ms));
            --inside;
        });
        for (int i = 0; i < kSent; ++i)
            ASSERT_EQ(send(SIGRTMIN, i), 0U);
        yield_until([&] { return inside == 3; });
        EXPECT_EQ(signals().count(SIGRTMIN).delivered, 3U);
        EXPECT_EQ(signals().count(SIGRTMIN).emergency, 1U);
        open = true;
        yield_until([&] { return signals().count(SIGRTMIN).finished == kSent; });
    });
    EXPECT_LE(most_inside, 3);
    expect_counts(SIGRTMIN, kSent);
}

TEST_P(Storms, that_nobody_gets_through_to_still_end_by_a_signal) {
    RuntimeOptions small = options();
    small.pools = {.signal_slots_max = 1, .emergency_slots = 0};
    Runtime runtime(small);
    std::atomic<int> cancelled{0};
    runtime.run([&] {
        signals().handle(SIGRTMIN, [&] {
            if (sleep_for(60s).status() == Status::cancelled) ++cancelled;
        });
        for (int i = 0; i < 4; ++i)
            send(SIGRTMIN, i);
        yield_until(
            [] { return signals().delivered(SIGRTMIN) == 1 && signals().count(SIGRTMIN).arrived >= 2; });
        kill(getpid(), SIGTERM);
        EXPECT_EQ(sleep_for(60s).status(), Status::cancelled);
    });
    EXPECT_GE(cancelled, 1);
    EXPECT_EQ(signals().delivered(SIGTERM), 1U);
}

TEST_P(Storms, of_standard_signals_are_put_together_while_one_waits) {
    RuntimeOptions small = options();
    small.pools = {.signal_slots_max = 1, .emergency_slots = 0};
    Runtime runtime(small);
    std::atomic<bool> open{false};
    runtime.run([&] {
        const auto wait = [&] {
            while (!open)
                static_cast<void>(sleep_for(1ms));
        };
        signals().handle(SIGHUP, wait).handle(SIGUSR2, wait);
        kill(getpid(), SIGHUP);
        yield_until([] { return signals().delivered(SIGHUP) == 1; });
        for (int i = 0; i < 100; ++i)
            kill(getpid(), SIGUSR2);
        yield_until([] { return signals().count(SIGUSR2).arrived != 0; });
        open = true;
        yield_until([] {
            const SignalCounts counts = signals().count(SIGUSR2);
            return counts.finished != 0 && counts.finished + counts.coalesced == counts.arrived;
        });
    });
    EXPECT_EQ(signals().count(SIGUSR2).lost, 0U);
}

INSTANTIATE_TEST_SUITE_P(Chaos, Storms, testing::Values(0, 1, 7));

TEST(StormsDeathTest, beyond_the_limit_are_refused_to_their_sender_who_can_count_them) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(
        {
            allow_pending(50);
            Runtime runtime({.workers = 1, .pools = {.signal_slots_max = 1, .emergency_slots = 0}});
            std::atomic<bool> open{false};
            std::uint64_t sent = 0;
            std::uint64_t refused = 0;
            runtime.run([&] {
                signals().handle(SIGRTMIN, [&] {
                    while (!open)
                        static_cast<void>(sleep_for(1ms));
                });
                while (refused < 20) {
                    if (sigqueue(getpid(), SIGRTMIN, {}) == 0) {
                        ++sent;
                    } else {
                        ++refused;
                        static_cast<void>(sleep_for(1ms));
                    }
                }
                open = true;
                yield_until([&] { return signals().count(SIGRTMIN).finished == sent; });
            });
            const SignalCounts counts = signals().count(SIGRTMIN);
            std::_Exit(counts.arrived == sent && counts.delivered == sent && counts.lost == 0 ? 0 : 5);
        },
        testing::ExitedWithCode(0), "");
}

TEST(StormsDeathTest, that_were_read_and_came_too_late_are_counted_and_said) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(
        {
            {
                Runtime runtime({.workers = 1, .pools = {.signal_slots_max = 1, .emergency_slots = 0}});
                signals().handle(SIGRTMIN, [] { static_cast<void>(sleep_for(60s)); });
                for (int i = 0; i < 2; ++i)
                    send(SIGRTMIN, i);
                while (signals().count(SIGRTMIN).arrived != 2)
                    sched_yield();
            }
            std::_Exit(0);
        },
        testing::ExitedWithCode(0),
        "SIGRTMIN.* is lost: the runtime ended before a stack for its handler came back");
}

}  // namespace
}  // namespace cprime::test
