// Latch: opens once, for good.
#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, a_latch_opens_when_it_was_counted_down) {
    Latch latch(10, "ready");
    std::atomic<int> done{0};
    run([&] {
        std::vector<JoinHandle<void>> workers;
        for (int i = 0; i < 8; ++i) {
            workers.push_back(spawn("work", [&] {
                ++done;
                latch.count_down();
            }));
        }
        auto early = spawn("early", [&] { EXPECT_EQ(latch.wait_for(1ms).status(), Status::timed_out); });
        auto gone = spawn("gone", [&] { EXPECT_EQ(latch.wait().status(), Status::cancelled); });
        until_waiting(latch, 1);
        gone.cancel();
        EXPECT_TRUE(early.join());
        EXPECT_TRUE(gone.join());
        EXPECT_EQ(latch.try_wait().status(), Status::would_block);
        auto waiter = spawn("wait", [&] {
            EXPECT_TRUE(latch.arrive_and_wait());
            EXPECT_EQ(done, 8);
        });
        latch.count_down(1);
        EXPECT_TRUE(latch.wait());
        EXPECT_TRUE(waiter.join());
        for (auto& worker : workers)
            EXPECT_TRUE(worker.join());
        EXPECT_TRUE(latch.try_wait());
        EXPECT_TRUE(latch.wait());
    });
}

TEST_P(Synchronised, a_latch_on_the_stack_of_who_waits_may_go_as_soon_as_it_is_open) {
    run([&] {
        for (int round = 0; round < kRounds; ++round) {
            Latch latch(1);
            spawn("down", [&] { latch.count_down(); }).detach();
            ASSERT_TRUE(latch.wait());
        }
    });
}

TEST(LatchMisuseDeathTest, counting_below_zero_is_told) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1});
            runtime.run([] { Latch(2, "two").count_down(3); });
        },
        "cprime: coroutine 1 counts below zero latch \"two\"");
}

}  // namespace
}  // namespace cprime::test
