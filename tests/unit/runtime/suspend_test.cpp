// Suspending oneself and being resumed through a handle: only who suspended itself is woken, and nobody else ends the wait.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <cprime/channel.h>

#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;

class Suspend : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Suspend);

// One resume for one suspend.
template <typename T>
void insist(JoinHandle<T>& handle) {
    while (!handle.resume()) {
        ASSERT_FALSE(handle.is_complete());
        yield();
    }
}

TEST_P(Suspend, lasts_until_somebody_resumes) {
    run([] {
        std::atomic<int> steps{0};
        auto one = spawn("one", [&steps] {
            EXPECT_TRUE(suspend());
            ++steps;
            EXPECT_TRUE(suspend());
            ++steps;
        });
        for (int i = 0; i < 20; ++i)
            yield();
        EXPECT_EQ(steps, 0);
        insist(one);
        insist(one);
        EXPECT_TRUE(one.join());
        EXPECT_EQ(steps, 2);
    });
}

TEST_P(Suspend, resume_wakes_nobody_who_waits_for_something_else) {
    run([] {
        Channel<int> channel("gate");
        auto receiver = spawn("receiver", [channel]() mutable { return *channel.receive(); });
        auto sleeper = spawn("sleeper", [] { return sleep_for(1h).status(); });
        auto joiner = spawn("joiner", [&receiver] { return receiver.join().status(); });
        for (int i = 0; i < 100; ++i) {
            EXPECT_FALSE(receiver.resume());
            EXPECT_FALSE(sleeper.resume());
            EXPECT_FALSE(joiner.resume());
            yield();
        }
        channel.send(7);
        EXPECT_EQ(*joiner.join(), Status::ok);
        EXPECT_FALSE(sleeper.is_complete());
        sleeper.cancel();
        EXPECT_EQ(*sleeper.join(), Status::cancelled);
    });
}

TEST_P(Suspend, an_early_resume_is_not_remembered) {
    if (GetParam() != 1) GTEST_SKIP() << "on one worker it is known that the child has not run yet";
    run([] {
        auto child = spawn("child", [] { return suspend().status(); });
        EXPECT_FALSE(child.resume());
        yield();
        EXPECT_FALSE(child.is_complete());
        EXPECT_TRUE(child.resume());
        EXPECT_FALSE(child.resume()) << "it is ready now, not suspended";
        EXPECT_EQ(*child.join(), Status::ok);
    });
}

TEST_P(Suspend, answers_cancelled_and_stays_so) {
    run([] {
        auto child = spawn("child", [] {
            const Status first = suspend().status();
            return first == Status::cancelled && suspend().status() == Status::cancelled;
        });
        yield();
        EXPECT_TRUE(child.cancel());
        EXPECT_TRUE(*child.join());
    });
}

TEST_P(Suspend, cancel_and_resume_race_and_wake_once) {
    run([] {
        for (int round = 0; round < 500; ++round) {
            auto child = spawn("child", [] { return suspend().status(); });
            std::atomic<bool> resumed{false};
            auto resumer = spawn("resumer", [&] { resumed = child.resume(); });
            auto canceller = spawn("canceller", [&] { child.cancel(); });
            resumer.join();
            canceller.join();
            const auto told = child.join();
            ASSERT_TRUE(told);
            EXPECT_EQ(*told, resumed ? Status::ok : Status::cancelled);
        }
    });
}

TEST_P(Suspend, every_suspend_takes_exactly_one_resume_from_several_resumers) {
    run([] {
        constexpr int kTimes = 300;
        auto child = spawn("child", [] {
            int times = 0;
            while (times < kTimes && suspend())
                ++times;
            return times;
        });
        std::atomic<int> woken{0};
        std::vector<JoinHandle<void>> resumers;
        for (int i = 0; i < 4; ++i) {
            resumers.push_back(spawn("resumer", [&] {
                while (!child.is_complete()) {
                    if (child.resume()) ++woken;
                    yield();
                }
            }));
        }
        for (auto& resumer : resumers)
            resumer.join();
        EXPECT_EQ(*child.join(), kTimes);
        EXPECT_EQ(woken, kTimes);
    });
}

TEST_P(Suspend, a_thread_that_is_no_worker_resumes_as_well) {
    Runtime runtime({.workers = GetParam()});
    auto child = spawn("child", [] {
        suspend();
        return 5;
    });
    EXPECT_FALSE(child.is_complete());
    while (!child.resume())
        std::this_thread::yield();
    EXPECT_EQ(*child.join(), 5);
    EXPECT_TRUE(child.is_complete()) << "an empty handle";
    EXPECT_FALSE(child.resume());
}

TEST_P(Suspend, a_handle_says_whether_its_coroutine_has_ended_and_what_it_is) {
    run([] {
        auto child = spawn({.name = "child", .size_class = size_class::small}, [] { suspend(); });
        EXPECT_EQ(child.size_class(), size_class::small);
        EXPECT_EQ(child.name(), "child");
        EXPECT_FALSE(child.is_complete());
        insist(child);
        while (!child.is_complete())
            yield();
        EXPECT_EQ(child.size_class(), size_class::unspecified);
        EXPECT_EQ(child.name(), "");
        EXPECT_FALSE(child.resume());
        EXPECT_TRUE(child.join());
    });
}

TEST_P(Suspend, is_shown_as_such) {
    run([] {
        auto child = spawn("child", [] { suspend(); });
        std::uint32_t index = 0;
        while (detail::detail(index).identity.load() != child.id())
            ++index;
        while (detail::record(index).state.load() != coroscope::wire::CoroutineState::kParked)
            yield();
        EXPECT_EQ(detail::record(index).reason.load(), coroscope::wire::WaitReason::kSuspended);
        EXPECT_EQ(detail::record(index).wait_object.load(), coroscope::wire::kNone);
        insist(child);
        child.join();
    });
}

TEST_P(Suspend, shutdown_ends_those_whom_nobody_can_resume) {
    std::atomic<int> ended{0};
    run([&ended] {
        for (int i = 0; i < 50; ++i) {
            spawn_detached("forgotten", [&ended] {
                EXPECT_EQ(suspend().status(), Status::cancelled);
                ++ended;
            });
        }
        yield();
        shutdown();
    });
    EXPECT_EQ(ended, 50);
}

TEST(SuspendOutside, on_a_thread_that_is_no_worker_ends_the_program_with_a_sentence) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(suspend(), "suspend was called on a thread that is no worker");
}

}  // namespace
}  // namespace cprime
