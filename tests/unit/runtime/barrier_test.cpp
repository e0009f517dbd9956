// Barrier: rounds, the last one, cancellation.
#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, nobody_passes_a_barrier_before_all_have_come_and_one_is_told_that_it_was_last) {
    constexpr int kParties = 5;
    Barrier barrier(kParties, "round");
    std::atomic<int> arrived{0}, lasts{0};
    const int rounds = kRounds / 10;
    run([&] {
        std::vector<JoinHandle<void>> parties;
        for (int i = 0; i < kParties; ++i) {
            parties.push_back(spawn("party", [&] {
                for (int round = 1; round <= rounds; ++round) {
                    ++arrived;
                    const Result<bool> last = barrier.arrive_and_wait();
                    ASSERT_TRUE(last);
                    EXPECT_GE(arrived, round * kParties);
                    if (*last) ++lasts;
                }
            }));
        }
        for (auto& party : parties)
            EXPECT_TRUE(party.join());
        EXPECT_EQ(record_of(barrier).value, 0U);
    });
    EXPECT_EQ(lasts, rounds);
}

TEST_P(Synchronised, a_cancelled_party_takes_its_arrival_back) {
    Barrier barrier(3);
    run([&] {
        auto gone = spawn("gone", [&] { EXPECT_EQ(barrier.arrive_and_wait().status(), Status::cancelled); });
        until_waiting(barrier, 1);
        gone.cancel();
        EXPECT_TRUE(gone.join());
        EXPECT_EQ(record_of(barrier).value, 0U);
        std::vector<JoinHandle<void>> parties;
        for (int i = 0; i < 2; ++i)
            parties.push_back(spawn("party", [&] { EXPECT_TRUE(barrier.arrive_and_wait()); }));
        until_waiting(barrier, 2);
        const Result<bool> last = barrier.arrive_and_wait();
        EXPECT_TRUE(last && *last);
        for (auto& party : parties)
            EXPECT_TRUE(party.join());
    });
}

TEST_P(Synchronised, a_thread_is_a_party_too) {
    Barrier barrier(2);
    Runtime runtime({.workers = GetParam()});
    std::thread thread([&] { EXPECT_TRUE(barrier.arrive_and_wait()); });
    runtime.run([&] { EXPECT_TRUE(barrier.arrive_and_wait()); });
    thread.join();
}

TEST(BarrierMisuseDeathTest, a_barrier_of_nobody_is_refused) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(Barrier(0, "none"),
                 "cprime: barrier \"none\" \\(.*barrier_test.cpp:[0-9]+\\) was made for 0 parties");
}

}  // namespace
}  // namespace cprime::test
