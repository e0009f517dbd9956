// The runtime's own report of coroutines that can only wait for each other: what it says, when it says nothing, and what it does then.
#include <cprime/cprime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/sync/waitable_tables.h"
#include "runtime/watch/deadlock_watch.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadOfTheSanitizer = true;  // counts as one that might wake somebody
#else
constexpr bool kThreadOfTheSanitizer = false;
#endif

// Each locks its own, tells the other, and wants the other's.
struct TwoMutexes {
    Mutex left{"left fork"}, right{"right fork"};
    Barrier both{2, "both"};
    std::atomic<int> seated{0};  // who hold their first
    void take(Mutex& first, Mutex& second) {
        const MutexLock one(first);
        ++seated;
        if (!one || !both.arrive_and_wait()) return;
        const MutexLock other(second);
    }
    // Handles of the two.
    std::vector<JoinHandle<void>> sit_down() {
        std::vector<JoinHandle<void>> handles;
        handles.push_back(spawn("plato", [this] { take(left, right); }));
        handles.push_back(spawn("kant", [this] { take(right, left); }));
        return handles;
    }
};

// Each waits to receive what only the other could send.
void two_channels() {
    auto to_left = make_channel<int>("to left");
    auto to_right = make_channel<int>("to right");
    const auto answer = [](auto& in, auto& out) {
        if (in.receive()) static_cast<void>(out.send(1));
    };
    spawn_detached("left", [answer, in = std::move(to_left.receiver), out = std::move(to_right.sender)] {
        answer(in, out);
    });
    spawn_detached("right", [answer, in = std::move(to_right.receiver), out = std::move(to_left.sender)] {
        answer(in, out);
    });
}

class Deadlock : public testing::TestWithParam<unsigned> {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    // Runs function() in a program of its own, which must end with the code of deadlocks and say something that matches.
    template <typename F>
    static void ends_by_deadlock(F&& function, const std::string& saying) {
        const unsigned workers = GetParam();
        EXPECT_EXIT(
            {
                Runtime runtime({.workers = workers, .on_deadlock = OnDeadlock::exit});
                runtime.run(function);
                _exit(0);
            },
            testing::ExitedWithCode(kDeadlockExitCode), saying);
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, Deadlock, testing::Values(1U, 2U, 4U), testing::PrintToStringParamName());

TEST_P(Deadlock, of_mutexes_is_reported_with_the_cycle) {
    ends_by_deadlock(
        [] {
            TwoMutexes table;
            auto handles = table.sit_down();
            for (auto& handle : handles)
                handle.join();
        },
        "^cprime: deadlock: 3 coroutines wait for each other, and nothing is left that could wake them\n"
        "cprime:   coroutine [0-9]+ \"(plato|kant)\" spawned at tests/unit/runtime/deadlock_test.cpp:[0-9]+ "
        "waits to lock mutex "
        "\"(left|right) fork\" \\(tests/unit/runtime/deadlock_test.cpp:[0-9]+\\), which coroutine [0-9]+ "
        "holds, at "
        "deadlock_test\\+0x[0-9a-f]+\n"
        "cprime:   coroutine [0-9]+ \"(plato|kant)\" [^\n]* waits to lock mutex [^\n]*, which coroutine "
        "[0-9]+ holds, at [^\n]*\n"
        "cprime:   behind: coroutine [0-9]+ \"main\" [^\n]* joins coroutine [0-9]+ \"plato\", at [^\n]*\n$");
}

TEST_P(Deadlock, of_channels_is_reported_with_the_cycle) {
    ends_by_deadlock(
        [] { two_channels(); },
        "^cprime: deadlock: 2 coroutines wait for each other, and nothing is left that could wake them\n"
        "cprime:   coroutine [0-9]+ \"left\" [^\n]* waits to receive from channel \"to left\" [^\n]*, to "
        "which coroutine "
        "[0-9]+ could send, at [^\n]*\n"
        "cprime:   coroutine [0-9]+ \"right\" [^\n]* waits to receive from channel \"to right\" [^\n]*, to "
        "which coroutine "
        "[0-9]+ could send, at [^\n]*\n$");
}

TEST_P(Deadlock, of_selects_and_full_channels_is_reported) {
    ends_by_deadlock(
        [] {
            auto one = make_channel<int>("one");
            auto two = make_channel<int>("two");
            spawn_detached("chooses", [in = std::move(one.receiver), also = std::move(two.receiver)] {
                auto full = make_channel<int>("full", 1);
                full.sender.send(1);
                static_cast<void>(full.sender.send(2));  // nobody else has its receiver
                static_cast<void>(in.receive());
                static_cast<void>(also.receive());
            });
            spawn_detached("selects", [a = std::move(one.sender), b = std::move(two.sender)] {
                static_cast<void>(select(on_send(a, 1), on_send(b, 2)));
            });
        },
        "^cprime: deadlock: 2 coroutines wait for each other, [^\n]*\n"
        "cprime:   coroutine [0-9]+ \"chooses\" [^\n]* waits to send to channel \"full\" [^\n]*, from which "
        "coroutine [0-9]+ could "
        "receive, at [^\n]*\n"
        "cprime:   behind: coroutine [0-9]+ \"selects\" [^\n]* waits in a select to send to channel "
        "\"(one|two)\" [^\n]*, to send to "
        "channel \"(one|two)\" [^\n]*\n$");
}

TEST_P(Deadlock, of_joins_is_reported) {
    ends_by_deadlock(
        [] {
            static JoinHandle<void> first, second;
            static Event both("both are there");
            first = spawn("first", [] {
                static_cast<void>(both.wait());
                second.join();
            });
            second = spawn("second", [] {
                static_cast<void>(both.wait());
                first.join();
            });
            both.set();
        },
        "^cprime: deadlock: 2 coroutines wait for each other, [^\n]*\n"
        "cprime:   coroutine [0-9]+ \"first\" [^\n]* joins coroutine [0-9]+ \"second\", [^\n]*\n"
        "cprime:   coroutine [0-9]+ \"second\" [^\n]* joins coroutine [0-9]+ \"first\", [^\n]*\n$");
}

TEST_P(Deadlock, of_who_waits_for_what_nobody_is_left_to_do_is_reported) {
    if (kThreadOfTheSanitizer) GTEST_SKIP() << "TSan has a thread of its own, which might do it";
    ends_by_deadlock(
        [] {
            Semaphore permits(0, "permits");
            spawn_detached("suspends", [] { static_cast<void>(suspend()); });
            static_cast<void>(permits.acquire());
        },
        "^cprime: deadlock: 2 coroutines wait for what nobody is left to do\n"
        "cprime:   coroutine [0-9]+ \"main\" [^\n]* waits for a permit of semaphore \"permits\" [^\n]*\n"
        "cprime:   coroutine [0-9]+ \"suspends\" [^\n]* has suspended itself and waits to be "
        "resumed[^\n]*\n$");
}

TEST_P(Deadlock, of_a_crowd_is_told_in_a_few_lines) {
    ends_by_deadlock(
        [] {
            static TwoMutexes table;
            for (auto& handle : table.sit_down())
                handle.detach();
            while (table.seated != 2)
                static_cast<void>(yield());
            for (int i = 0; i < 1000; ++i)
                spawn_detached("crowd", [] { const MutexLock hold(table.left); });
        },
        "^cprime: deadlock: 1002 coroutines wait for each other, [^\n]*\n"
        "(cprime:   coroutine [^\n]*\n){2}(cprime:   behind: coroutine [0-9]+ \"crowd\" [^\n]*\n){12}cprime: "
        "  and 988 more\n$");
}

// ---- in this process: somebody outside looks on

class DeadlockWatched : public testing::TestWithParam<unsigned> {
protected:
    static std::uint32_t looks() { return detail::g_deadlocks.looks(); }
    // Blocks the calling thread until the runtime has looked that often from now on.
    static void until_looked(std::uint32_t times) {
        const std::uint32_t before = looks();
        while (looks() - before < times)
            std::this_thread::sleep_for(1ms);
    }
    static void until_waiting(Semaphore& object) {
        while (true) {
            const std::uint32_t index = detail::g_waitables.find_existing((detail::Waitable&)object);
            if (index != coroscope::wire::kNone && detail::g_waitables.record(index).waiting.load() == 1)
                return;
            std::this_thread::yield();
        }
    }
};
INSTANTIATE_TEST_SUITE_P(Workers, DeadlockWatched, testing::Values(1U, 2U, 4U),
                         testing::PrintToStringParamName());

std::size_t times_said(const std::string& text, const std::string& what) {
    std::size_t times = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
        ++times;
    return times;
}

TEST_P(DeadlockWatched, a_report_is_made_once_and_the_program_goes_on_when_somebody_cancels) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam(), .on_deadlock = OnDeadlock::report});
        TwoMutexes table;
        auto handles = table.sit_down();
        until_looked(3);
        // Others come and go, and the ring is the same.
        for (int i = 0; i < 3; ++i)
            spawn("passes", [] {}).join();
        until_looked(2);
        for (auto& handle : handles)
            handle.cancel();
        for (auto& handle : handles)
            handle.join();
    }
    EXPECT_EQ(times_said(testing::internal::GetCapturedStderr(), "cprime: deadlock: 2 coroutines wait"), 1U);
}

TEST_P(DeadlockWatched, whoever_a_thread_may_wake_is_left_alone) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam(), .on_deadlock = OnDeadlock::report});
        Semaphore permits(0, "permits");
        auto channel = make_channel<int>("from outside");
        std::thread outside([&] {
            until_waiting(permits);
            until_looked(3);
            permits.release();
            until_looked(3);
            static_cast<void>(channel.sender.send(1));
        });
        runtime.run([&permits, in = std::move(channel.receiver)] {
            static_cast<void>(permits.acquire());
            static_cast<void>(in.receive());
        });
        outside.join();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_P(DeadlockWatched, a_ring_that_no_thread_could_break_is_one_beside_others_that_wait_for_a_thread) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam(), .on_deadlock = OnDeadlock::report});
        Semaphore permits(0, "permits");
        spawn_detached("waits for the thread", [&permits] { static_cast<void>(permits.acquire()); });
        spawn("makes the ring", [] { two_channels(); }).join();
        until_waiting(permits);
        until_looked(3);
        permits.release();
        shutdown();
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr("cprime: deadlock: 2 of 3 coroutines wait for each other"));
    EXPECT_THAT(said, Not(HasSubstr("permits")));
}

TEST_P(DeadlockWatched, a_handler_of_a_signal_may_still_wake_somebody) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam(), .on_deadlock = OnDeadlock::report});
        std::thread outside;
        runtime.run([&] {
            Event stop("stop");
            signals().handle(SIGUSR2, [&stop](const SignalInfo&) { stop.set(); });
            outside = std::thread([] {
                until_looked(3);
                kill(getpid(), SIGUSR2);
            });
            static_cast<void>(stop.wait());
        });
        outside.join();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_P(DeadlockWatched, deadlines_and_blocking_calls_are_hope) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam(), .on_deadlock = OnDeadlock::report});
        runtime.run([] {
            TwoMutexes table;
            auto handles = table.sit_down();
            static_cast<void>(sleep_for(250ms));
            EXPECT_EQ(looks(), 0U);
            int ends[2];
            ASSERT_EQ(pipe(ends), 0);
            std::thread writer([&] {
                std::this_thread::sleep_for(250ms);
                EXPECT_EQ(write(ends[1], "x", 1), 1);
            });
            char byte = 0;
            EXPECT_EQ(*blocking([&] { return read(ends[0], &byte, 1); }), 1);
            writer.join();
            close(ends[0]);
            close(ends[1]);
            for (auto& handle : handles)
                handle.cancel();
            for (auto& handle : handles)
                handle.join();
        });
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST_P(DeadlockWatched, nothing_is_said_where_the_program_wants_silence) {
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = GetParam(), .on_deadlock = OnDeadlock::nothing});
        spawn("makes the ring", [] { two_channels(); }).join();
        std::this_thread::sleep_for(300ms);
        EXPECT_EQ(looks(), 0U);
        shutdown();
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

class DeadlockEnvironment : public Deadlock {
protected:
    void TearDown() override { unsetenv("CPRIME_DEADLOCK"); }
};
INSTANTIATE_TEST_SUITE_P(Workers, DeadlockEnvironment, testing::Values(2U));

TEST_P(DeadlockEnvironment, says_what_to_do_where_the_program_does_not) {
    setenv("CPRIME_DEADLOCK", "exit", 1);
    EXPECT_EXIT(run([] { two_channels(); }), testing::ExitedWithCode(kDeadlockExitCode),
                "^cprime: deadlock: 2 coroutines");
    setenv("CPRIME_DEADLOCK", "perhaps", 1);
    EXPECT_EXIT(Runtime(), testing::ExitedWithCode(2),
                "^cprime: CPRIME_DEADLOCK=perhaps means nothing; use report, exit or off\n$");
}

// A thread was there, which might have acted; when it is gone nobody is left.
TEST_P(DeadlockEnvironment, the_last_thread_that_goes_makes_it_certain) {
    if (kThreadOfTheSanitizer) GTEST_SKIP() << "TSan has a thread of its own, which might do it";
    EXPECT_EXIT(
        {
            Runtime runtime({.workers = 2, .on_deadlock = OnDeadlock::exit});
            Semaphore permits(0, "permits");
            std::thread([] {
                while (detail::g_deadlocks.looks() < 2)
                    std::this_thread::sleep_for(1ms);
                std::fputs("the thread goes\n", stderr);
            }).detach();
            runtime.run([&permits] { static_cast<void>(permits.acquire()); });
        },
        testing::ExitedWithCode(kDeadlockExitCode),
        "^the thread goes\ncprime: deadlock: 1 coroutine waits for what nobody is left to do\n");
}

}  // namespace
}  // namespace cprime
