// Once: one runs it, the others wait; what happens when it throws.
#include <stdexcept>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, exactly_one_runs_it_and_the_others_wait_for_it) {
    Once once("tables");
    std::atomic<int> ran{0};
    run([&] {
        std::vector<JoinHandle<void>> callers;
        for (int i = 0; i < 20; ++i) {
            callers.push_back(spawn("call", [&] {
                EXPECT_TRUE(once.call([&] {
                    until_waiting(once, 19);
                    ++ran;
                }));
                EXPECT_EQ(ran, 1);
            }));
        }
        for (auto& caller : callers)
            EXPECT_TRUE(caller.join());
        EXPECT_TRUE(once.call([&] { ++ran; }));
    });
    EXPECT_EQ(ran, 1);
}

TEST_P(Synchronised, when_it_throws_the_one_that_has_waited_longest_runs_it_next) {
    Once once;
    std::atomic<int> tries{0};
    std::atomic<bool> go{false};
    run([&] {
        auto first = spawn("first", [&] {
            EXPECT_THROW(static_cast<void>(once.call([&] {
                             while (!go)
                                 static_cast<void>(yield());
                             ++tries;
                             throw std::runtime_error("no");
                         })),
                         std::runtime_error);
        });
        while (index_of(once) == wire::kNone)
            static_cast<void>(yield());
        std::vector<JoinHandle<void>> others;
        for (int i = 0; i < 3; ++i) {
            others.push_back(spawn("other", [&, i] {
                EXPECT_TRUE(once.call([&] {
                    ++tries;
                    EXPECT_EQ(i, 0);
                }));
            }));
            until_waiting(once, static_cast<std::uint32_t>(i) + 1);
        }
        go = true;
        EXPECT_TRUE(first.join());
        for (auto& other : others)
            EXPECT_TRUE(other.join());
    });
    EXPECT_EQ(tries, 2);
}

TEST_P(Synchronised, who_is_cancelled_while_another_runs_it_is_told) {
    Once once;
    std::atomic<bool> go{false};
    run([&] {
        auto runs = spawn("run", [&] {
            EXPECT_TRUE(once.call([&] {
                while (!go)
                    static_cast<void>(yield());
            }));
        });
        while (index_of(once) == wire::kNone)
            static_cast<void>(yield());
        auto waits = spawn("wait", [&] { EXPECT_EQ(once.call([] {}).status(), Status::cancelled); });
        until_waiting(once, 1);
        waits.cancel();
        EXPECT_TRUE(waits.join());
        go = true;
        EXPECT_TRUE(runs.join());
    });
}

TEST(StaticOnce, stays_done_from_one_runtime_to_the_next) {
    static Once once{"once for all"};
    int ran = 0;
    for (int i = 0; i < 2; ++i) {
        Runtime runtime({.workers = 1});
        EXPECT_TRUE(once.call([&] { ++ran; }));
    }
    EXPECT_EQ(ran, 1);
}

TEST(OnceMisuseDeathTest, calling_it_from_within_is_told) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1});
            runtime.run([] {
                Once once("self");
                static_cast<void>(once.call([&] { static_cast<void>(once.call([] {})); }));
            });
        },
        "cprime: coroutine 1 calls once \"self\" .*, which it holds already, so that it would wait for "
        "itself for "
        "ever; do not call it from within");
}

}  // namespace
}  // namespace cprime::test
