// Sleep and cancellation: a result of every call that would wait, never lost, never for the wrong one.
#include <chrono>
#include <thread>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

class Cancel : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Cancel);
class Sleep : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Sleep);

TEST_P(Sleep, lasts_at_least_as_long_as_asked) {
    run([] {
        const auto before = steady_clock::now();
        EXPECT_TRUE(sleep_for(20ms));
        EXPECT_GE(steady_clock::now() - before, 20ms);
        EXPECT_TRUE(sleep_for(0ns));
        EXPECT_TRUE(sleep_for(-1s));
    });
}

TEST_P(Sleep, sleepers_wake_in_the_order_of_their_deadlines) {
    if (GetParam() != 1) GTEST_SKIP() << "with several workers the order of running is nobody's promise";
    std::vector<int> order;
    run([&order] {
        std::vector<JoinHandle<void>> handles;
        for (const int ms : {30, 10, 20, 5, 25}) {
            handles.push_back(spawn("sleeper", [&order, ms] {
                sleep_for(std::chrono::milliseconds(ms));
                order.push_back(ms);
            }));
        }
        for (auto& handle : handles)
            handle.join();
    });
    EXPECT_EQ(order, (std::vector<int>{5, 10, 20, 25, 30}));
}

TEST_P(Sleep, a_deadline_is_kept_by_an_idle_worker_while_the_one_that_armed_it_is_busy) {
    if (GetParam() == 1) GTEST_SKIP() << "needs a second worker";
    run([] {
        const auto before = steady_clock::now();
        auto sleeper = spawn("sleeper", [] { sleep_for(5ms); });
        auto hog = spawn("hog", [before] {
            while (steady_clock::now() - before < 300ms) {
            }
        });
        sleeper.join();
        EXPECT_LT(steady_clock::now() - before, 250ms);
        hog.join();
    });
}

TEST_P(Cancel, wakes_a_sleeper_at_once) {
    run([] {
        const auto before = steady_clock::now();
        Status told = Status::ok;
        auto sleeper = spawn("sleeper", [&told] { told = sleep_for(1h).status(); });
        for (int i = 0; i < 10; ++i)
            yield();
        EXPECT_TRUE(sleeper.cancel());
        sleeper.join();
        EXPECT_EQ(told, Status::cancelled);
        EXPECT_LT(steady_clock::now() - before, 30s);
    });
}

TEST_P(Cancel, stays_for_every_later_wait) {
    run([] {
        std::vector<Status> told;
        auto coroutine = spawn("stubborn", [&told] {
            while (!cancel_requested())
                yield();
            told.push_back(sleep_for(1h).status());
            told.push_back(yield().status());
            told.push_back(sleep_for(1h).status());
        });
        coroutine.cancel();
        coroutine.join();
        EXPECT_EQ(told, (std::vector<Status>{Status::cancelled, Status::cancelled, Status::cancelled}));
    });
}

TEST_P(Cancel, of_one_that_has_ended_says_so) {
    run([] {
        auto ended = spawn("ended", [] {});
        while (detail::g_runtime->scheduler.alive() > 1)
            yield();
        EXPECT_FALSE(ended.cancel());
        ended.join();
    });
}

TEST_P(Cancel, races_with_the_park_and_never_loses) {
    run([] {
        for (int round = 0; round < 2000; ++round) {
            auto sleeper = spawn("sleeper", [] { sleep_for(1h); });
            if (round % 3 == 1) yield();
            sleeper.cancel();
            sleeper.join();  // would last an hour
        }
    });
}

TEST_P(Cancel, from_a_thread_that_is_no_worker) {
    Runtime runtime({.workers = GetParam()});
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 200; ++i)
        handles.push_back(spawn("sleeper", [] { sleep_for(1h); }));
    for (auto& handle : handles)
        EXPECT_TRUE(handle.cancel());
    for (auto& handle : handles)
        EXPECT_TRUE(handle.join());
}

TEST_P(Cancel, shutdown_ends_everybody_and_runs_destructors) {
    std::atomic<int> destroyed{0};
    struct Counts {
        std::atomic<int>* counter;
        ~Counts() { counter->fetch_add(1); }
    };
    run([&destroyed] {
        for (int i = 0; i < 100; ++i) {
            spawn_detached("sleeper", [&destroyed] {
                const Counts counts{&destroyed};
                sleep_for(1h);
            });
            spawn_detached("spinner", [&destroyed] {
                const Counts counts{&destroyed};
                while (yield()) {
                }
            });
        }
        yield();
        shutdown();
        auto late = spawn("late", [] { EXPECT_TRUE(cancel_requested()); });
        late.detach();
    });
    EXPECT_EQ(destroyed.load(), 200);
}

TEST_P(Cancel, shutdown_names_those_who_do_not_end) {
    testing::internal::CaptureStderr();
    std::atomic<bool> enough{false};
    std::thread ender;
    {
        Runtime runtime({.workers = GetParam(), .shutdown_grace_ms = 20});
        spawn_detached("stubborn", [&enough] {
            while (!enough.load()) {
            }
        });
        shutdown();
        ender = std::thread([&enough] {
            std::this_thread::sleep_for(200ms);
            enough.store(true);
        });
        runtime.wait();
    }
    ender.join();
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("\"stubborn\" spawned at tests/unit/runtime/cancel_sleep_test.cpp:"), std::string::npos)
        << said;
    EXPECT_NE(said.find("has not ended after 20 ms"), std::string::npos) << said;
}

}  // namespace
}  // namespace cprime
