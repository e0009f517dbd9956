// The end of a Runtime in numbered steps: their order, their graces, who begins them, and that nothing is left.
#include <cprime/cprime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <atomic>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "workers_fixture.h"

namespace cprime {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::ElementsAre;

class Shutdown : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Shutdown);

TEST_P(Shutdown, steps_run_by_their_numbers_before_anybody_is_cancelled) {
    std::vector<int> order;
    bool alive_in_the_last = false;
    run([&] {
        auto works = spawn("works on", [] {
            while (yield()) {
            }
        });
        const std::uint64_t worker = works.id();
        EXPECT_NE(worker, 0U);
        EXPECT_TRUE(at_shutdown(30, [&order, &works, &alive_in_the_last] {
            order.push_back(30);
            alive_in_the_last = !works.is_complete() && !cancel_requested();
        }));
        EXPECT_TRUE(at_shutdown(10, [&order] { order.push_back(10); }));
        EXPECT_TRUE(at_shutdown(20, [&order] {
            order.push_back(20);
            static_cast<void>(sleep_for(5ms));  // the next one waits for it
            order.push_back(21);
        }));
        shutdown();
        EXPECT_EQ(suspend().status(), Status::cancelled) << "whoever waits is cancelled after the last step";
        EXPECT_TRUE(cancel_requested());
    });
    EXPECT_THAT(order, ElementsAre(10, 20, 21, 30));
    EXPECT_TRUE(alive_in_the_last);
}

TEST_P(Shutdown, functions_of_one_number_run_at_once) {
    std::atomic<int> met{0};
    run([&met] {
        auto both = std::make_shared<Barrier>(2, "both");
        for (int i = 0; i < 2; ++i)
            at_shutdown(1, [both, &met] {
                if (both->arrive_and_wait()) met.fetch_add(1);
            });
        shutdown();
    });
    EXPECT_EQ(met.load(), 2);
}

TEST_P(Shutdown, a_step_beyond_its_grace_is_named_and_cancelled_and_the_next_one_runs) {
    testing::internal::CaptureStderr();
    Status ended = Status::ok;
    bool next_ran = false;
    run([&] {
        at_shutdown(
            1, [&ended] { ended = suspend().status(); }, 10ms);
        at_shutdown(2, [&] { next_ran = ended == Status::cancelled; });
        shutdown();
    });
    EXPECT_TRUE(next_ran);
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                ContainsRegex("^cprime: shutdown: step 1 \\(coroutine [0-9]+\\) has not ended after 10 ms "
                              "and is cancelled\n$"));
}

TEST_P(Shutdown, a_step_that_goes_on_after_being_cancelled_is_left_behind) {
    testing::internal::CaptureStderr();
    std::atomic<bool> next_ran{false};
    run([&] {
        at_shutdown(
            1,
            [&next_ran] {
                while (!next_ran.load())
                    static_cast<void>(yield());  // whatever it answers
            },
            10ms);
        at_shutdown(2, [&next_ran] { next_ran.store(true); });
        shutdown();
    });
    EXPECT_TRUE(next_ran.load());
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                ContainsRegex("is cancelled\ncprime: shutdown: step 1 goes on after being cancelled "
                              "\\(coroutine [0-9]+\\); what comes after it "
                              "begins\n"));
}

TEST_P(Shutdown, asked_for_from_everywhere_at_once_and_again_it_happens_once) {
    std::atomic<int> runs{0};
    {
        Runtime runtime({.workers = GetParam()});
        at_shutdown(1, [&runs] {
            runs.fetch_add(1);
            shutdown();  // from within as well
        });
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([] { shutdown(); });
        runtime.run([] {
            for (int i = 0; i < 10; ++i)
                spawn_detached("asks", [] { shutdown(); });
            shutdown();
        });
        for (auto& thread : threads)
            thread.join();
        shutdown();
        EXPECT_LE(runs.load(), 1) << "under way, or done";
    }
    EXPECT_EQ(runs.load(), 1);
}

TEST_P(Shutdown, the_end_of_the_runtime_is_one_even_if_nobody_asked) {
    std::vector<int> order;
    {
        Runtime runtime({.workers = GetParam()});
        at_shutdown(2, [&order] { order.push_back(2); });
        at_shutdown(1, [&order] { order.push_back(1); });
        runtime.run([&order] { order.push_back(0); });
        runtime.run([&order] { order.push_back(0); });
    }
    EXPECT_THAT(order, ElementsAre(0, 0, 1, 2));
}

TEST_P(Shutdown, a_signal_that_ends_the_program_begins_with_the_steps) {
    bool ran = false;
    run([&ran] {
        at_shutdown(1, [&ran] { ran = true; });
        kill(getpid(), SIGTERM);
        EXPECT_EQ(sleep_for(1h).status(), Status::cancelled);
    });
    EXPECT_TRUE(ran);
}

TEST_P(Shutdown, a_step_may_add_later_ones_but_none_that_has_passed) {
    std::vector<int> order;
    bool too_late = true;
    run([&] {
        at_shutdown(5, [&] {
            order.push_back(5);
            EXPECT_TRUE(at_shutdown(7, [&order] { order.push_back(7); }));
            EXPECT_TRUE(at_shutdown(5, [&order] { order.push_back(55); })) << "its own comes round once more";
            too_late = at_shutdown(4, [&order] { order.push_back(4); });
        });
        shutdown();
    });
    EXPECT_FALSE(too_late);
    EXPECT_THAT(order, ElementsAre(5, 55, 7));
}

TEST_P(Shutdown, what_a_step_throws_is_a_sentence_and_the_rest_goes_on) {
    testing::internal::CaptureStderr();
    bool next_ran = false;
    run([&next_ran] {
        at_shutdown(1, [] { throw std::runtime_error("no disk"); });
        at_shutdown(2, [&next_ran] { next_ran = true; });
        shutdown();
    });
    EXPECT_TRUE(next_ran);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), ContainsRegex("shutdown step 1.*no disk"));
}

TEST_P(Shutdown, every_function_is_destroyed_once_whether_it_ran_or_not) {
    struct Counts {
        std::shared_ptr<int> shared;
    };
    const auto counted = std::make_shared<int>(0);
    run([&counted] {
        at_shutdown(1, [counts = Counts{counted}] {});
        shutdown();
        while (yield()) {
        }
        EXPECT_FALSE(at_shutdown(9, [counts = Counts{counted}] {})) << "it is over";
    });
    EXPECT_EQ(counted.use_count(), 1);
    {
        Runtime runtime({.workers = GetParam()});
        at_shutdown(1, [counts = Counts{counted}] {});
    }
    EXPECT_EQ(counted.use_count(), 1);
}

TEST_P(Shutdown, a_next_runtime_begins_anew) {
    int runs = 0;
    for (int round = 0; round < 3; ++round) {
        run([&runs] {
            EXPECT_TRUE(at_shutdown(1, [&runs] { ++runs; }));
            shutdown();
        });
    }
    EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace cprime
