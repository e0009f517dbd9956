// ConditionVariable: notifications, and the mutex that is held afterwards whatever happened.
#include <deque>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

bool is_mine(Mutex& mutex) {
    return record_of(mutex).owner == this_id();
}

TEST_P(Synchronised, a_queue_guarded_by_a_mutex_and_a_condition_loses_nothing) {
    Mutex mutex("queue");
    ConditionVariable changed("changed");
    std::deque<int> queue;
    long sum = 0;
    run([&] {
        std::vector<JoinHandle<void>> all;
        for (int i = 0; i < 3; ++i) {
            all.push_back(spawn("take", [&] {
                for (int n = 0; n < kRounds; ++n) {
                    const MutexLock hold(mutex);
                    ASSERT_TRUE(changed.wait(mutex, [&] { return !queue.empty(); }));
                    sum += queue.front();
                    queue.pop_front();
                }
            }));
            all.push_back(spawn("put", [&] {
                for (int n = 0; n < kRounds; ++n) {
                    const MutexLock hold(mutex);
                    queue.push_back(1);
                    changed.notify_one();
                }
            }));
        }
        for (auto& one : all)
            EXPECT_TRUE(one.join());
    });
    EXPECT_EQ(sum, 3L * kRounds);
    EXPECT_TRUE(queue.empty());
}

TEST_P(Synchronised, one_notification_wakes_the_oldest_and_notify_all_the_rest) {
    Mutex mutex;
    ConditionVariable condition;
    std::vector<int> woken;
    run([&] {
        std::vector<JoinHandle<void>> waiters;
        for (int i = 0; i < 5; ++i) {
            waiters.push_back(spawn("wait", [&, i] {
                const MutexLock hold(mutex);
                EXPECT_TRUE(condition.wait(mutex));
                EXPECT_TRUE(is_mine(mutex));
                woken.push_back(i);
            }));
            until_waiting(condition, static_cast<std::uint32_t>(i) + 1);
        }
        condition.notify_one();
        EXPECT_TRUE(waiters[0].join());
        EXPECT_EQ(waiting_for(condition), 4U);
        condition.notify_all();
        for (int i = 1; i < 5; ++i)
            EXPECT_TRUE(waiters[static_cast<std::size_t>(i)].join());
        condition.notify_all();
        EXPECT_EQ(waiting_for(condition), 0U);
    });
    ASSERT_EQ(woken.size(), 5U);
    EXPECT_EQ(woken[0], 0);
}

TEST_P(Synchronised, notifications_cancellations_and_time_limits_at_once_leave_the_mutex_in_order) {
    Mutex mutex;
    ConditionVariable condition;
    long inside = 0;
    run([&] {
        for (int round = 0; round < kRounds / 50; ++round) {
            std::vector<JoinHandle<void>> waiters;
            for (int i = 0; i < 8; ++i) {
                waiters.push_back(spawn("wait", [&, i] {
                    const MutexLock hold(mutex);
                    if (!hold) return;  // cancelled before it began
                    const Result<void> waited = i % 2 == 0 ? condition.wait_for(
                                                                 mutex, std::chrono::microseconds(30 * i))
                                                           : condition.wait(mutex);
                    EXPECT_NE(waited.status(), Status::would_block);
                    EXPECT_TRUE(is_mine(mutex));
                    EXPECT_EQ(++inside, 1);
                    static_cast<void>(yield());
                    EXPECT_EQ(--inside, 0);
                }));
            }
            static_cast<void>(yield());
            condition.notify_one();
            waiters[1].cancel();
            static_cast<void>(yield());
            for (int i = 3; i < 8; i += 2)
                waiters[static_cast<std::size_t>(i)].cancel();
            condition.notify_all();
            for (auto& waiter : waiters)
                EXPECT_TRUE(waiter.join());
            ASSERT_EQ(record_of(mutex).owner, 0U);
            ASSERT_EQ(waiting_for(condition), 0U);
        }
    });
}

TEST_P(Synchronised, who_is_cancelled_holds_the_mutex_all_the_same) {
    Mutex mutex;
    ConditionVariable condition;
    run([&] {
        bool held = false;
        auto waiter = spawn("wait", [&] {
            const MutexLock hold(mutex);
            EXPECT_EQ(condition.wait(mutex).status(), Status::cancelled);
            held = is_mine(mutex);
            EXPECT_TRUE(cancel_requested()) << "it stays cancelled";
            EXPECT_EQ(condition.wait(mutex).status(), Status::cancelled) << "without waiting";
            EXPECT_TRUE(is_mine(mutex));
        });
        until_waiting(condition, 1);
        ASSERT_TRUE(mutex.lock());
        waiter.cancel();
        until_waiting(mutex, 1);  // it waits for the mutex although it was cancelled
        waiter.cancel();
        EXPECT_EQ(waiting_for(mutex), 1U);
        mutex.unlock();
        EXPECT_TRUE(waiter.join());
        EXPECT_TRUE(held);
    });
}

TEST_P(Synchronised, whose_time_is_over_holds_the_mutex_all_the_same) {
    Mutex mutex;
    ConditionVariable condition;
    run([&] {
        MutexLock hold(mutex);
        EXPECT_EQ(condition.wait_for(mutex, 5ms).status(), Status::timed_out);
        EXPECT_TRUE(is_mine(mutex));
        EXPECT_EQ(condition.wait_for(mutex, 0ms).status(), Status::timed_out);
        EXPECT_TRUE(is_mine(mutex));
        EXPECT_EQ(condition.wait_for(mutex, 5ms, [] { return false; }).status(), Status::timed_out);
        EXPECT_TRUE(condition.wait_for(mutex, 5ms, [] { return true; }));
        hold.unlock();
        EXPECT_EQ(record_of(mutex).owner, 0U);
    });
}

TEST_P(Synchronised, threads_wait_for_a_condition_too) {
    Mutex mutex;
    ConditionVariable condition;
    bool ready = false;
    std::atomic<bool> timed_out{false};
    Runtime runtime({.workers = GetParam()});
    std::thread thread([&] {
        const MutexLock hold(mutex);
        EXPECT_EQ(condition.wait_for(mutex, 2ms).status(), Status::timed_out);
        timed_out = true;
        EXPECT_TRUE(condition.wait(mutex, [&] { return ready; }));
        EXPECT_TRUE(wire::owner_is_thread(record_of(mutex).owner));
    });
    runtime.run([&] {
        while (!timed_out)
            static_cast<void>(yield());
        const MutexLock hold(mutex);
        ready = true;
        condition.notify_all();
    });
    thread.join();
}

TEST(ConditionAtTheEnd, a_thread_that_waits_is_cancelled_and_may_unlock_when_the_runtime_is_gone) {
    for (int round = 0; round < 20; ++round) {
        Mutex mutex;
        ConditionVariable condition;
        std::thread outside;
        {
            Runtime runtime({.workers = 1});
            outside = std::thread([&, round] {
                const MutexLock hold(mutex);
                const Result<void> waited = round % 2 == 0 ? condition.wait(mutex)
                                                           : condition.wait_for(mutex, 1h);
                EXPECT_EQ(waited.status(), Status::cancelled);
            });
            until_waiting(condition, 1);
        }
        outside.join();
    }
}

TEST(ConditionMisuseDeathTest, waiting_without_the_mutex_is_told) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1});
            runtime.run([] {
                Mutex mutex;
                ConditionVariable condition("changed");
                static_cast<void>(condition.wait(mutex));
            });
        },
        "cprime: coroutine 1 waits with a mutex that it does not hold for condition variable \"changed\" .*; "
        "lock the "
        "mutex first");
}

}  // namespace
}  // namespace cprime::test
