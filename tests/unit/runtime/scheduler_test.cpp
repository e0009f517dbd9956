// Who runs when and where: priorities, aging, workers of one's own, stealing, idling.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "workers_fixture.h"

namespace cprime {
namespace {

detail::ResumePoint tell_worker(detail::Worker* worker, std::uint32_t, void* index) noexcept {
    *static_cast<unsigned*>(index) = worker->index;
    return detail::keep_running(*worker);
}
// The worker that runs the caller now.
unsigned my_worker() {
    unsigned index = ~0U;
    detail::park(&tell_worker, &index);
    return index;
}

class SchedulerOnOneWorker : public testing::Test {
protected:
    Runtime runtime_{{.workers = 1}};
};

TEST_F(SchedulerOnOneWorker, ready_coroutines_run_in_the_order_in_which_they_became_ready) {
    std::string order;
    runtime_.run([&] {
        for (const char name : {'a', 'b', 'c'})
            spawn_detached("step", [&order, name] {
                order += name;
                static_cast<void>(cprime::yield());
                order += name;
            });
    });
    EXPECT_EQ(order, "abcabc");
}

TEST_F(SchedulerOnOneWorker, higher_priority_runs_first_and_low_runs_last) {
    std::string order;
    runtime_.run([&] {
        const auto note = [&order](char name) { return [&order, name] { order += name; }; };
        // From one that makes way for nobody, however slow it is.
        spawn_detached({.priority = priority::high}, [note] {
            spawn_detached({.priority = priority::low}, note('l'));
            spawn_detached("normal", note('n'));
            spawn_detached({.priority = priority::high}, note('h'));
            spawn_detached({.priority = priority::high}, note('i'));
        });
    });
    EXPECT_EQ(order, "hinl");
}

TEST_F(SchedulerOnOneWorker, coroutines_of_low_priority_run_although_others_are_always_ready) {
    bool low_ran = false;
    runtime_.run([&] {
        for (int i = 0; i < 3; ++i)
            spawn_detached("busy", [&] {
                while (!low_ran)
                    static_cast<void>(cprime::yield());
            });
        spawn_detached({.priority = priority::low}, [&] { low_ran = true; });
    });
    EXPECT_TRUE(low_ran);
}

TEST_F(SchedulerOnOneWorker, ordinary_coroutines_run_although_others_of_high_priority_are_always_ready) {
    bool normal_ran = false;
    bool low_ran = false;
    runtime_.run([&] {
        for (int i = 0; i < 3; ++i)
            spawn_detached({.priority = priority::high}, [&] {
                while (!normal_ran || !low_ran)
                    static_cast<void>(cprime::yield());
            });
        spawn_detached("normal", [&] { normal_ran = true; });
        spawn_detached({.priority = priority::low}, [&] { low_ran = true; });
    });
    EXPECT_TRUE(normal_ran && low_ran);
}

TEST_F(SchedulerOnOneWorker, two_that_wake_each_other_do_not_keep_the_others_waiting) {
    constexpr int kYields = 100;
    int rallies = 0;
    bool over = false;
    runtime_.run([&] {
        auto [ping, ping_end] = make_channel<int>("ping");
        auto [pong, pong_end] = make_channel<int>("pong");
        spawn_detached("server", [&, ping = std::move(ping), pong_end = std::move(pong_end)] {
            while (!over && ping.send(1) && pong_end.receive())
                ++rallies;
        });
        spawn_detached("returner", [ping_end = std::move(ping_end), pong = std::move(pong)] {
            while (auto ball = ping_end.receive())
                if (!pong.send(*ball)) return;
        });
        spawn_detached("other", [&] {
            for (int i = 0; i < kYields; ++i)
                static_cast<void>(cprime::yield());
            over = true;
        });
    });
    EXPECT_GT(rallies, 0);
    EXPECT_LT(rallies, 4 * kYields)
        << "each of the other's yields lets the pair run a few times, not for ever";
}

TEST_F(SchedulerOnOneWorker, a_computation_makes_way_for_higher_priority_at_a_yield_point) {
    std::atomic<bool> urgent_ran{false};
    std::thread outside;
    runtime_.run([&] {
        outside = std::thread(
            [&] { spawn_detached({.priority = priority::high}, [&] { urgent_ran = true; }); });
        while (!urgent_ran)
            yield_point();
    });
    outside.join();
    EXPECT_TRUE(urgent_ran);
}

TEST_F(SchedulerOnOneWorker, other_runtime_calls_make_way_as_well_once_the_slice_is_over) {
    std::atomic<bool> urgent_ran{false};
    std::thread outside;
    runtime_.run([&] {
        Channel<int> scratch("scratch", 1);
        outside = std::thread(
            [&] { spawn_detached({.priority = priority::high}, [&] { urgent_ran = true; }); });
        while (!urgent_ran) {
            static_cast<void>(scratch.send(1));
            static_cast<void>(scratch.receive());
        }
    });
    outside.join();
    EXPECT_TRUE(urgent_ran);
}

TEST(Scheduler, newest_first_runs_what_was_spawned_last) {
    std::string order;
    run({.workers = 1, .newest_first = true}, [&] {
        for (const char name : {'a', 'b', 'c'})
            spawn_detached("step", [&order, name] { order += name; });
    });
    EXPECT_EQ(order, "cba");
}

TEST(Scheduler, newest_first_leaves_nobody_at_the_bottom_for_ever) {
    bool oldest_ran = false;
    run({.workers = 1, .newest_first = true}, [&] {
        spawn_detached("oldest", [&] { oldest_ran = true; });
        for (int i = 0; i < 2; ++i)
            spawn_detached("busy", [&] {
                while (!oldest_ran)
                    static_cast<void>(cprime::yield());
            });
    });
    EXPECT_TRUE(oldest_ran);
}

class SchedulerOnWorkers : public WithWorkers {};

TEST_P(SchedulerOnWorkers, one_that_is_bound_runs_on_its_worker_only) {
    run([] {
        const unsigned workers = GetParam();
        std::vector<JoinHandle<void>> bound;
        for (unsigned i = 0; i < 4 * workers; ++i) {
            bound.push_back(spawn({.name = "bound", .worker = i % workers}, [i, workers] {
                for (int n = 0; n < 50; ++n) {
                    EXPECT_EQ(my_worker(), i % workers);
                    if (n % 10 == 0) {
                        static_cast<void>(sleep_for(std::chrono::microseconds(50)));
                    } else {
                        static_cast<void>(cprime::yield());
                    }
                }
            }));
        }
        for (auto& one : bound)
            one.join();
    });
}

const coroscope::wire::WorkerQueuesRecord& shown_queues(unsigned worker) {
    return *detail::g_runtime->workers[worker].shown_queues;
}

TEST_P(SchedulerOnWorkers, those_that_wait_for_their_only_worker_are_shown_to_viewers) {
    run([] {
        const unsigned here = my_worker();
        std::vector<JoinHandle<void>> bound;
        // This worker is in our hands, and they may run nowhere else.
        auto by_whom_may_run_here_only = spawn({.name = "host", .worker = here}, [here, &bound] {
            for (unsigned i = 0; i < 5; ++i)
                bound.push_back(spawn({.name = "bound", .worker = here}, [] {}));
            EXPECT_EQ(shown_queues(here).bound_length.load(), 5U);
        });
        by_whom_may_run_here_only.join();
        for (auto& one : bound)
            one.join();
        EXPECT_EQ(shown_queues(here).bound_length.load(), 0U);
    });
}

TEST_P(SchedulerOnWorkers, whom_a_worker_took_coroutines_from_is_shown_to_viewers) {
    if (GetParam() == 1) GTEST_SKIP() << "nobody else is there";
    run([] {
        std::atomic<int> ran{0};
        for (int i = 0; i < 100; ++i)
            spawn_detached("behind", [&] { ++ran; });
        const unsigned here = my_worker();
        while (ran != 100) {  // without a runtime call
        }
        std::uint64_t taken_here = 0;
        for (unsigned thief = 0; thief < GetParam(); ++thief) {
            EXPECT_EQ(shown_queues(thief).taken_from[thief].load(), 0U);
            taken_here += shown_queues(thief).taken_from[here].load();
        }
        EXPECT_GT(taken_here, 0U);
    });
}

TEST_P(SchedulerOnWorkers, idle_workers_take_what_stands_behind_one_that_computes) {
    if (GetParam() == 1) GTEST_SKIP() << "nobody else is there";
    run([] {
        std::atomic<int> ran{0};
        for (int i = 0; i < 100; ++i)
            spawn_detached("behind", [&] { ++ran; });
        while (ran != 100) {  // without a runtime call
        }
    });
}

TEST_P(SchedulerOnWorkers, idle_workers_take_whom_a_computing_one_has_just_woken) {
    if (GetParam() == 1) GTEST_SKIP() << "nobody else is there";
    run([] {
        auto [sender, receiver] = make_channel<int>("wake");
        std::atomic<int> got{0};
        auto waiting = spawn("waits", [&, receiver = std::move(receiver)] {
            while (auto item = receiver.receive())
                got = *item;
        });
        for (int i = 1; i <= 100; ++i) {
            ASSERT_TRUE(sender.send(i));
            while (got != i) {  // without a runtime call
            }
        }
        sender.reset();
        waiting.join();
    });
}

TEST_P(SchedulerOnWorkers, busy_workers_relieve_one_that_a_coroutine_keeps) {
    if (GetParam() == 1) GTEST_SKIP() << "nobody else is there";
    std::atomic<unsigned> others_run{0};
    std::atomic<bool> done{false};
    std::atomic<int> ran{0};
    Runtime runtime({.workers = GetParam()});
    runtime.run([&] {
        // Two on each of the other workers, so that none of these is ever without work.
        for (std::uint32_t worker = 1; worker < GetParam(); ++worker) {
            for (int i = 0; i < 2; ++i) {
                spawn_detached({.worker = worker}, [&] {
                    for (++others_run; !done;) yield();
                });
            }
        }
        spawn_detached({.worker = 0}, [&] {
            while (others_run != 2 * (GetParam() - 1)) yield();
            for (int i = 0; i < 100; ++i) spawn_detached("behind", [&] { ++ran; });
            while (ran != 100) {  // without a runtime call
            }
            done = true;
        });
    });
}

TEST_P(SchedulerOnWorkers, many_more_than_a_queue_holds_all_run) {
    std::atomic<int> ran{0};
    constexpr int kCount = kManyCoroutines;
    run([&] {
        for (int i = 0; i < kCount; ++i)
            spawn_detached({.size_class = size_class::micro}, [&] { ++ran; });
    });
    EXPECT_EQ(ran, kCount);
}

TEST_P(SchedulerOnWorkers, idle_workers_do_not_spin) {
    const auto cpu_ms = [] {
        timespec used{};
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
        return used.tv_sec * 1000 + used.tv_nsec / 1'000'000;
    };
    constexpr auto kIdle = std::chrono::milliseconds(400);
    run([&] {
        static_cast<void>(sleep_for(std::chrono::milliseconds(20)));
        const auto before = cpu_ms();
        static_cast<void>(sleep_for(kIdle));
        EXPECT_LT(cpu_ms() - before, kIdle.count() / 4);
    });
}

INSTANTIATE_WITH_WORKERS(SchedulerOnWorkers);

TEST(SchedulerDeathTest, a_worker_that_is_not_there_is_named) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run({.workers = 2}, [] { spawn_detached({.worker = 2}, [] {}); }),
                 "spawned for worker 2, but there are 2: 0 to 1");
}

}  // namespace
}  // namespace cprime
