// Signals become coroutines.
#include <cprime/cprime.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/wire/coroutine.h"
#include "runtime/entry/runtime_state.h"
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
            pthread_kill(before.native_handle(), SIGUSR1);
            yield_until([&] { return handled == 1; });
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
