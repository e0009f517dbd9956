// Semaphore: permits, order, cancellation, limits, mistakes.
#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, a_semaphore_lets_in_as_many_as_it_has_permits) {
    Semaphore semaphore(3, "three");
    std::atomic<int> inside{0}, most{0};
    run([&] {
        std::vector<JoinHandle<void>> users;
        for (int i = 0; i < 12; ++i) {
            users.push_back(spawn("use", [&] {
                for (int round = 0; round < kRounds / 10; ++round) {
                    ASSERT_TRUE(semaphore.acquire());
                    const int now = ++inside;
                    int before = most;
                    while (now > before && !most.compare_exchange_weak(before, now)) {
                    }
                    static_cast<void>(yield());
                    --inside;
                    semaphore.release();
                }
            }));
        }
        for (auto& user : users)
            EXPECT_TRUE(user.join());
        EXPECT_EQ(record_of(semaphore).value, 3U);
    });
    EXPECT_LE(most, 3);
    // Several workers may come to it one after the other.
    if (GetParam() == 1) {
        EXPECT_EQ(most, 3);
    }
}

TEST_P(Synchronised, who_wants_many_permits_is_not_passed_by_who_wants_few) {
    Semaphore semaphore(2);
    std::vector<int> order;
    Mutex guard;
    run([&] {
        std::vector<JoinHandle<void>> waiters;
        std::uint32_t waiting = 0;
        for (const int permits : {4, 1, 2}) {
            waiters.push_back(spawn("wait", [&, permits] {
                ASSERT_TRUE(semaphore.acquire(static_cast<std::uint32_t>(permits)));
                const MutexLock hold(guard);
                order.push_back(permits);
            }));
            until_waiting(semaphore, ++waiting);
        }
        EXPECT_EQ(semaphore.try_acquire().status(), Status::would_block)
            << "two are free, but somebody waits";
        semaphore.release();
        EXPECT_EQ(waiting_for(semaphore), 3U);
        semaphore.release();
        EXPECT_TRUE(waiters[0].join());
        semaphore.release();
        EXPECT_TRUE(waiters[1].join());
        semaphore.release(2);
        EXPECT_TRUE(waiters[2].join());
    });
    EXPECT_EQ(order, (std::vector<int>{4, 1, 2}));
}

TEST_P(Synchronised, those_behind_a_cancelled_wish_for_many_get_theirs_at_once) {
    Semaphore semaphore(1);
    run([&] {
        auto many = spawn("many", [&] { EXPECT_EQ(semaphore.acquire(5).status(), Status::cancelled); });
        until_waiting(semaphore, 1);
        auto one = spawn("one", [&] { EXPECT_TRUE(semaphore.acquire()); });
        until_waiting(semaphore, 2);
        many.cancel();
        EXPECT_TRUE(one.join());
        EXPECT_TRUE(many.join());
        EXPECT_EQ(record_of(semaphore).value, 0U);
    });
}

TEST_P(Synchronised, those_behind_a_wish_for_many_whose_time_is_over_get_theirs_at_once) {
    Semaphore semaphore(1);
    run([&] {
        auto many = spawn("many",
                          [&] { EXPECT_EQ(semaphore.acquire_for(30ms, 5).status(), Status::timed_out); });
        until_waiting(semaphore, 1);
        auto one = spawn("one", [&] { EXPECT_TRUE(semaphore.acquire()); });
        EXPECT_TRUE(one.join());
        EXPECT_TRUE(many.join());
    });
}

TEST_P(Synchronised, threads_wait_in_one_line_with_coroutines) {
    Semaphore semaphore(0);
    std::atomic<int> turn{0};
    int of_thread = -1, of_coroutine = -1;
    Runtime runtime({.workers = GetParam()});
    std::thread thread([&] {
        ASSERT_TRUE(semaphore.acquire());
        of_thread = turn++;
        semaphore.release();
    });
    until_waiting(semaphore, 1);
    runtime.run([&] {
        auto coroutine = spawn("second", [&] {
            ASSERT_TRUE(semaphore.acquire());
            of_coroutine = turn++;
        });
        until_waiting(semaphore, 2);
        semaphore.release();
        EXPECT_TRUE(coroutine.join());
    });
    thread.join();
    EXPECT_EQ(of_thread, 0);
    EXPECT_EQ(of_coroutine, 1);
}

TEST_P(Synchronised, no_permit_is_lost_or_made_between_limits_cancellations_and_releases) {
    Semaphore semaphore(2);
    run([&] {
        for (int round = 0; round < kRounds / 50; ++round) {
            std::vector<JoinHandle<void>> users;
            for (std::uint32_t i = 0; i < 8; ++i) {
                users.push_back(spawn("use", [&, i] {
                    const std::uint32_t permits = 1 + i % 2;
                    const Result<void> got = i % 3 == 0 ? semaphore.acquire_for(
                                                              std::chrono::microseconds(20 * i), permits)
                                                        : semaphore.acquire(permits);
                    if (!got) return;
                    static_cast<void>(yield());
                    semaphore.release(permits);
                }));
            }
            users[1].cancel();
            static_cast<void>(yield());
            users[4].cancel();
            for (auto& user : users)
                EXPECT_TRUE(user.join());
            ASSERT_EQ(record_of(semaphore).value, 2U);
            ASSERT_EQ(waiting_for(semaphore), 0U);
        }
    });
}

TEST(SemaphoreMisuseDeathTest, is_named_in_one_sentence) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto in_runtime = [](auto function) {
        Runtime runtime({.workers = 1});
        runtime.run(function);
    };
    EXPECT_DEATH(
        in_runtime([] { Semaphore(1, "cups", 1).release(); }),
        "cprime: coroutine 1 releases more permits than the limit allows to semaphore \"cups\" .*; release "
        "only what was acquired");
    EXPECT_DEATH(in_runtime([] { Semaphore(1).release(Semaphore::kLimitMax); }),
                 "more permits than the limit");
    EXPECT_DEATH(in_runtime([] { static_cast<void>(Semaphore(1, "cups", 4).acquire(5)); }),
                 "cprime: coroutine 1 waits for more permits than there can ever be of semaphore \"cups\"");
    EXPECT_DEATH(Semaphore(2, "cups", 1),
                 "cprime: semaphore \"cups\" .* was made with more permits than its limit");
    EXPECT_DEATH(in_runtime([] {
                     auto semaphore = std::make_unique<Semaphore>(0, "short");
                     auto waiter = spawn("wait", [&] { static_cast<void>(semaphore->acquire()); });
                     until_waiting(*semaphore, 1);
                     semaphore.reset();
                 }),
                 "cprime: semaphore \"short\" .* was destroyed while 1 coroutine waits for it");
}

}  // namespace
}  // namespace cprime::test
