// Signals become coroutines.
#include <cprime/cprime.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/wire/coroutine.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/signal_records.h"
#include "runtime/stacks/pools.h"

namespace cprime::test {
namespace {

using namespace std::chrono_literals;

template <typename Condition>
void yield_until(Condition condition) {
    while (!condition())
        static_cast<void>(cprime::yield());
}

// Sleeps until somebody cancels; true when that was how it ended.
bool sleep_until_cancelled() {
    return cprime::sleep_for(60s).status() == Status::cancelled;
}

// What became of them adds up.
void expect_all_accounted(int number) {
    const SignalCounts counts = signals().count(number);
    EXPECT_EQ(counts.arrived, counts.delivered + counts.coalesced + counts.lost);
    EXPECT_LE(counts.finished, counts.delivered);
}

TEST(Signals, become_coroutines_that_know_who_sent_what) {
    Runtime runtime({.workers = 2});
    runtime.run([] {
        auto [sender, receiver] = make_channel<SignalInfo>("signals");
        signals().handle(SIGUSR1,
                         [out = sender](const SignalInfo& info) { static_cast<void>(out.send(info)); });
        ASSERT_EQ(sigqueue(getpid(), SIGUSR1, {.sival_int = 42}), 0);
        const auto info = receiver.receive();
        ASSERT_TRUE(info);
        EXPECT_EQ(info->number, SIGUSR1);
        EXPECT_EQ(info->sender, getpid());
        EXPECT_EQ(info->sender_uid, getuid());
        EXPECT_EQ(info->value, 42);
        yield_until([] { return signals().delivered(SIGUSR1) == 1; });
        signals().handle(SIGUSR1, [] {});  // lets go of the channel
    });
}

TEST(Signals, run_on_the_signal_pool_and_are_named_after_the_signal) {
    Runtime runtime({.workers = 1});
    std::atomic<std::uint64_t> handler{0};
    runtime.run([&] {
        signals().handle(SIGUSR1, [&] {
            handler = this_id();
            static_cast<void>(sleep_until_cancelled());
        });
        kill(getpid(), SIGUSR1);
        yield_until([&] { return handler != 0; });
        bool found = false;
        for (std::uint32_t i = 0; i < 64; ++i) {
            if (detail::detail(i).identity != handler) continue;
            found = true;
            EXPECT_EQ(detail::record(i).pool, detail::kPoolSignal);
            EXPECT_NE(detail::record(i).flags & coroscope::wire::kCoroutineSpecial, 0);
            const std::uint32_t own = detail::detail(i).name;
            const std::uint32_t name = own != coroscope::wire::kNone
                                           ? own
                                           : detail::g_runtime->sites.record(detail::detail(i).site).name;
            EXPECT_EQ(detail::g_runtime->segment->string(name), "SIGUSR1");
        }
        EXPECT_TRUE(found);
        shutdown();
    });
}

TEST(Signals, run_soon_even_when_many_coroutines_are_ready) {
    constexpr int kBusy = 1900;  // TSan has room for 2000
    Runtime runtime({.workers = 1});
    std::atomic<bool> handled{false};
    std::atomic<std::uint64_t> steps{0};
    std::uint64_t steps_before = 0;
    runtime.run([&] {
        signals().handle(SIGUSR1, [&] { handled = true; });
        for (int i = 0; i < kBusy; ++i) {
            spawn_detached("busy", [&] {
                while (!handled) {
                    ++steps;
                    if (!cprime::yield()) return;
                }
            });
        }
        kill(getpid(), SIGUSR1);
        while (detail::cprime_urgent.load() == 0) {
        }
        steps_before = steps;
        static_cast<void>(cprime::yield());
    });
    EXPECT_TRUE(handled);
    EXPECT_LT(steps - steps_before, kBusy / 4) << "the handler stood in the line instead of in front of it";
}

TEST(Signals, can_be_handled_that_are_not_taken_from_the_start) {
#ifdef __SANITIZE_THREAD__
    // TSan holds a handler back until its thread makes a call that TSan knows; this one waits in a futex of the runtime's. That
    // signals of such threads are passed on is the next test's.
    sigset_t both, before;
    sigemptyset(&both);
    sigaddset(&both, SIGHUP);
    sigaddset(&both, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &both, &before);
#endif
    Runtime runtime({.workers = 1});
    std::atomic<int> hangups{0}, real_time{0};
    runtime.run([&] {
        signals().handle(SIGHUP, [&] { ++hangups; }).handle(SIGRTMIN + 1, [&] { ++real_time; });
        kill(getpid(), SIGHUP);
        kill(getpid(), SIGRTMIN + 1);
        yield_until([&] { return hangups == 1 && real_time == 1; });
    });
#ifdef __SANITIZE_THREAD__
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
}

TEST(Signals, that_reach_a_thread_from_before_the_runtime_are_passed_on) {
    std::atomic<bool> over{false};
    std::thread before([&] {
        while (!over)
            std::this_thread::sleep_for(1ms);
    });
    {
        Runtime runtime({.workers = 1});
        std::atomic<int> handled{0};
        runtime.run([&] {
            signals().handle(SIGUSR1, [&] { ++handled; });
            for (int round = 1; round <= 3; ++round) {
                pthread_kill(before.native_handle(), SIGUSR1);
                yield_until([&] { return handled == round; });
            }
            expect_all_accounted(SIGUSR1);
            EXPECT_EQ(signals().count(SIGUSR1).arrived, 3U);
        });
    }
    over = true;
    before.join();
}

TEST(Signals, the_newest_handler_counts) {
    Runtime runtime({.workers = 1});
    std::vector<int> order;
    runtime.run([&] {
        for (int i = 0; i < 3; ++i) {
            signals().handle(SIGUSR1, [&order, i](const SignalInfo&) { order.push_back(i); });
            kill(getpid(), SIGUSR1);
            yield_until([&] { return order.size() == static_cast<std::size_t>(i) + 1; });
        }
    });
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Signals, interrupt_shuts_down_in_order) {
    for (const int number : {SIGINT, SIGTERM}) {
        Runtime runtime({.workers = 2});
        std::atomic<bool> cancelled{false};
        runtime.run([&] {
            spawn_detached("sleeper", [&] { cancelled = sleep_until_cancelled(); });
            kill(getpid(), number);
            EXPECT_TRUE(sleep_until_cancelled());
        });
        EXPECT_TRUE(cancelled);
        EXPECT_EQ(signals().delivered(number), 1U);
    }
}

TEST(Signals, that_nobody_handles_do_no_harm) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        kill(getpid(), SIGUSR1);
        yield_until([] { return signals().delivered(SIGUSR1) == 1; });
    });
}

TEST(Signals, a_broken_pipe_is_an_error_of_write) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        int ends[2];
        ASSERT_EQ(pipe(ends), 0);
        close(ends[0]);
        EXPECT_EQ(write(ends[1], "x", 1), -1);
        EXPECT_EQ(errno, EPIPE);
        close(ends[1]);
    });
}

TEST(Signals, are_the_programs_own_again_after_the_runtime) {
    sigset_t mask_before, mask_after;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask_before);
    {
        Runtime runtime({.workers = 1});
        signals().handle(SIGHUP, [] {});
        runtime.run([] {});
    }
    pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGPIPE}) {
        struct sigaction now {};
        sigaction(number, nullptr, &now);
        EXPECT_EQ(now.sa_handler, SIG_DFL) << number;
        EXPECT_EQ(sigismember(&mask_before, number), sigismember(&mask_after, number)) << number;
    }
}

TEST(Signals, get_the_stack_that_their_handler_says_it_needs) {
    Runtime runtime({.workers = 1});
    std::atomic<int> pool[2] = {-1, -1};
    const auto pool_of_this = [] {
        for (std::uint32_t i = 0; i < 64; ++i) {
            if (detail::detail(i).identity == this_id()) return static_cast<int>(detail::record(i).pool);
        }
        return -1;
    };
    runtime.run([&] {
        signals()
            .handle(SIGRTMIN + 1, [&] { pool[0] = pool_of_this(); }, SignalComplexity::micro)
            .handle(SIGRTMIN + 2, [&] { pool[1] = pool_of_this(); }, SignalComplexity::complex);
        sigqueue(getpid(), SIGRTMIN + 1, {});
        sigqueue(getpid(), SIGRTMIN + 2, {});
        yield_until([&] { return pool[0] != -1 && pool[1] != -1; });
    });
#ifdef __OPTIMIZE__
    EXPECT_EQ(pool[0], detail::kPoolSignalSmall);
#endif
    EXPECT_EQ(pool[1], detail::kPoolSignal);
    EXPECT_EQ(detail::g_runtime->pools.used(detail::kPoolSignalSmall), 0U);
}

TEST(Signals, are_counted_from_their_arrival_to_their_end) {
    Runtime runtime({.workers = 2});
    runtime.run([] {
        signals()
            .handle(SIGRTMIN, [](const SignalInfo& info) {
                if (info.value % 2 != 0) throw std::runtime_error("odd");
            })
            .handle(SIGUSR2, [] { check_cancelled(); });
        for (int i = 0; i < 10; ++i)
            ASSERT_EQ(sigqueue(getpid(), SIGRTMIN, {.sival_int = i}), 0);
        kill(getpid(), SIGUSR2);
        yield_until([] { return signals().count(SIGRTMIN).finished == 10 && signals().count(SIGUSR2).finished == 1; });
    });
    const SignalCounts counts = signals().count(SIGRTMIN);
    EXPECT_EQ(counts.arrived, 10U);
    EXPECT_EQ(counts.delivered, 10U);
    EXPECT_EQ(counts.failed, 5U);
    EXPECT_EQ(counts.coalesced + counts.lost + counts.emergency, 0U);
    EXPECT_EQ(signals().count(SIGUSR2).failed, 0U);
    coroscope::wire::SignalRecord& record = detail::g_signal_records.of(SIGRTMIN);
    EXPECT_GT(record.latency_ticks.load(), 0U);
    EXPECT_LE(record.latency_ticks_most.load(), record.latency_ticks.load());
    EXPECT_EQ(detail::g_signal_records.latency().samples.load(), 11U);
    EXPECT_NE(record.site.load(), 0U);
}

TEST(Signals, can_be_handled_before_the_runtime_runs) {
    std::atomic<int> handled{0};
    Runtime runtime({.workers = 1, .signals = SignalHandlers().handle(SIGHUP, [&] { ++handled; }).ignore(SIGUSR2)});
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGUSR2);
    runtime.run([&] { yield_until([&] { return handled == 1 && signals().delivered(SIGUSR2) == 1; }); });
}

TEST(Signals, that_are_ignored_are_taken_and_counted) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        signals().ignore(SIGTERM).ignore(SIGRTMIN + 3);
        kill(getpid(), SIGTERM);
        for (int i = 0; i < 5; ++i)
            ASSERT_EQ(sigqueue(getpid(), SIGRTMIN + 3, {}), 0);
        yield_until([] { return signals().delivered(SIGRTMIN + 3) == 5 && signals().delivered(SIGTERM) == 1; });
        EXPECT_NE(cprime::yield().status(), Status::cancelled);
        expect_all_accounted(SIGRTMIN + 3);
    });
}

std::atomic<int> g_before{0};

TEST(Signals, that_are_reset_do_what_they_did_before) {
    struct sigaction mine {}, old {};
    mine.sa_handler = [](int) { ++g_before; };
    mine.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &mine, &old);
    {
        Runtime runtime({.workers = 1});
        runtime.run([] {
            std::atomic<int> handled{0};
            signals().handle(SIGUSR2, [&] { ++handled; });
            kill(getpid(), SIGUSR2);
            yield_until([&] { return handled == 1; });
            for (int round = 1; round <= 3; ++round) {
                signals().reset(SIGUSR2);
                kill(getpid(), SIGUSR2);
                yield_until([&] { return g_before == round; });
                signals().handle(SIGUSR2, [&] { ++handled; });
                kill(getpid(), SIGUSR2);
                yield_until([&] { return handled == round + 1; });
            }
            signals().ignore(SIGTERM).reset(SIGTERM);
            spawn_detached("sleeper", [] { static_cast<void>(sleep_until_cancelled()); });
            kill(getpid(), SIGTERM);
            EXPECT_TRUE(sleep_until_cancelled());
        });
    }
    sigaction(SIGUSR2, &old, nullptr);
}

TEST(SignalsDeathTest, two_handlers_before_the_run_are_refused) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 1, .signals = SignalHandlers().handle(SIGUSR1, [] {}).handle(SIGUSR1, [] {})});
        },
        testing::ExitedWithCode(1), "SIGUSR1 has two handlers in RuntimeOptions::signals, from .*signal_test.cpp:");
    EXPECT_EXIT({ Runtime runtime({.workers = 1, .signals = SignalHandlers().handle(SIGKILL, [] {})}); },
                testing::ExitedWithCode(1), "SIGKILL cannot be handled by a coroutine.*the kernel lets nobody catch it");
    EXPECT_EXIT({ Runtime runtime({.workers = 1, .signals = SignalHandlers().ignore(SIGUSR1), .signal_thread = false}); },
                testing::ExitedWithCode(1), "signal_thread is false");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1, .signal_thread = false});
            signals().handle(SIGUSR1, [] {});
        },
        "without a signal thread; use cprime::direct_signals");
}

TEST(SignalsDeathTest, whoever_blocks_its_thread_in_a_handler_is_named) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 1, .stall_report_ms = 50});
            runtime.run([] {
                signals().handle(SIGUSR1, [] { std::this_thread::sleep_for(600ms); });
                spawn_detached("other", [] {
                    while (signals().count(SIGUSR1).finished == 0)
                        static_cast<void>(cprime::yield());
                });
                kill(getpid(), SIGUSR1);
                yield_until([] { return signals().count(SIGUSR1).finished == 1; });
            });
            std::_Exit(0);
        },
        testing::ExitedWithCode(0), "signal handler .*SIGUSR1.* has kept worker 0");
}

TEST(SignalsDeathTest, faults_and_nonsense_cannot_be_handled) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    for (const int number : {SIGSEGV, SIGKILL, SIGSTOP, 0, -1, 65, 1000}) {
        EXPECT_DEATH(
            {
                Runtime runtime({.workers = 1});
                signals().handle(number, [] {});
            },
            "cannot be handled by a coroutine")
            << number;
    }
    EXPECT_DEATH(signals().handle(SIGUSR1, [] {}),
                 "signals\\(\\).handle was called while there is no cprime::Runtime");
}

TEST(SignalsDeathTest, a_second_interrupt_ends_a_program_that_does_not_listen) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 1});
            runtime.run([] {
                spawn_detached("deaf", [] {
                    while (true)
                        static_cast<void>(cprime::yield());
                });
                kill(getpid(), SIGINT);
                yield_until([] { return signals().delivered(SIGINT) == 1; });
                kill(getpid(), SIGINT);
            });
        },
        testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace cprime::test
