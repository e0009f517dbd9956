// Mutex: exclusion, order, cancellation, time limits, threads that are no workers, static objects, mistakes.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, a_mutex_lets_one_in_at_a_time) {
    Mutex mutex("count");
    long count = 0;  // plain: what the mutex is for
    run([&] {
        std::vector<JoinHandle<void>> adders;
        for (int i = 0; i < 8; ++i) {
            adders.push_back(spawn("add", [&] {
                for (int round = 0; round < kRounds; ++round) {
                    ASSERT_TRUE(mutex.lock());
                    const long before = count;
                    if (round % 64 == 0) static_cast<void>(yield());
                    count = before + 1;
                    mutex.unlock();
                }
            }));
        }
        for (auto& adder : adders)
            EXPECT_TRUE(adder.join());
        EXPECT_EQ(record_of(mutex).served, 8U * kRounds);
        EXPECT_EQ(record_of(mutex).owner, 0U);
    });
    EXPECT_EQ(count, 8L * kRounds);
}

TEST_P(Synchronised, a_mutex_is_handed_to_whoever_has_waited_longest) {
    Mutex mutex("turn");
    std::vector<int> order;
    run([&] {
        ASSERT_TRUE(mutex.lock());
        std::vector<JoinHandle<void>> waiters;
        for (int i = 0; i < 10; ++i) {
            waiters.push_back(spawn("wait", [&, i] {
                const MutexLock hold(mutex);
                ASSERT_TRUE(hold);
                order.push_back(i);
            }));
            until_waiting(mutex, static_cast<std::uint32_t>(i) + 1);
        }
        mutex.unlock();
        // On several workers they may all have had it by now.
        if (GetParam() == 1) {
            EXPECT_EQ(mutex.try_lock().status(), Status::would_block)
                << "it was handed over, nobody slips in";
        }
        for (auto& waiter : waiters)
            EXPECT_TRUE(waiter.join());
    });
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_P(Synchronised, who_is_cancelled_while_waiting_for_a_mutex_does_not_get_it) {
    Mutex mutex;
    run([&] {
        ASSERT_TRUE(mutex.lock());
        Status ended = Status::ok;
        auto waiter = spawn("wait", [&] {
            const MutexLock hold(mutex);
            EXPECT_FALSE(hold);
            ended = hold.status();
            EXPECT_EQ(mutex.lock().status(), Status::cancelled) << "it stays cancelled";
        });
        auto next = spawn("next", [&] {
            const MutexLock hold(mutex);
            EXPECT_TRUE(hold);
        });
        until_waiting(mutex, 2);
        waiter.cancel();
        EXPECT_TRUE(waiter.join());
        EXPECT_EQ(ended, Status::cancelled);
        mutex.unlock();
        EXPECT_TRUE(next.join());
        ASSERT_TRUE(mutex.lock());
        mutex.unlock();
    });
}

TEST_P(Synchronised, a_cancelled_coroutine_still_gets_a_mutex_that_is_free) {
    Mutex mutex;
    run([&] {
        auto cancelled = spawn("cancelled", [&] {
            while (!cancel_requested())
                static_cast<void>(yield());
            EXPECT_TRUE(mutex.lock());
            mutex.unlock();
        });
        cancelled.cancel();
        EXPECT_TRUE(cancelled.join());
    });
}

TEST_P(Synchronised, a_time_limit_on_a_mutex_ends_the_wait) {
    Mutex mutex;
    std::atomic<bool> timed_out{false};
    run([&] {
        ASSERT_TRUE(mutex.lock());
        auto waiter = spawn("wait", [&] {
            const auto begin = std::chrono::steady_clock::now();
            EXPECT_EQ(mutex.try_lock_for(20ms).status(), Status::timed_out);
            EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
            EXPECT_EQ(mutex.try_lock_for(0ms).status(), Status::timed_out);
            EXPECT_EQ(mutex.try_lock_for(-1ms).status(), Status::timed_out);
            timed_out = true;
            const MutexLock hold(mutex, 1h);
            EXPECT_TRUE(hold);
        });
        while (!timed_out)
            static_cast<void>(yield());
        until_waiting(mutex, 1);
        mutex.unlock();
        EXPECT_TRUE(waiter.join());
        EXPECT_EQ(record_of(mutex).waiting, 0U);
    });
}

TEST_P(Synchronised, trying_a_mutex_never_waits_and_the_owner_is_answered_too) {
    Mutex mutex;
    run([&] {
        EXPECT_TRUE(mutex.try_lock());
        EXPECT_EQ(mutex.try_lock().status(), Status::would_block);
        EXPECT_EQ(mutex.try_lock_for(1ms).status(), Status::timed_out) << "of oneself, within the time";
        mutex.unlock();
        MutexLock hold(mutex);
        hold.unlock();
        EXPECT_FALSE(hold);
        EXPECT_TRUE(hold.lock());
        EXPECT_TRUE(hold);
    });
}

TEST_P(Synchronised, threads_that_are_no_workers_lock_a_mutex_too) {
    Mutex mutex("shared");
    long count = 0;
    const auto add = [&] {
        for (int round = 0; round < kRounds; ++round) {
            ASSERT_TRUE(mutex.lock());
            ++count;
            mutex.unlock();
        }
    };
    Runtime runtime({.workers = GetParam()});
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back(add);
    runtime.run([&] {
        std::vector<JoinHandle<void>> adders;
        for (int i = 0; i < 2; ++i)
            adders.push_back(spawn("add", add));
        for (auto& adder : adders)
            EXPECT_TRUE(adder.join());
    });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(count, 4L * kRounds);
}

TEST_P(Synchronised, a_threads_time_limit_ends_its_wait_and_its_turn_goes_to_the_next) {
    Mutex mutex;
    Runtime runtime({.workers = GetParam()});
    ASSERT_TRUE(mutex.lock());
    std::thread first([&] { EXPECT_EQ(mutex.try_lock_for(5ms).status(), Status::timed_out); });
    first.join();
    std::thread second([&] {
        EXPECT_TRUE(mutex.lock());
        mutex.unlock();
    });
    until_waiting(mutex, 1);
    EXPECT_TRUE(wire::owner_is_thread(record_of(mutex).owner));
    mutex.unlock();
    second.join();
}

TEST_P(Synchronised, waits_with_limits_cancellations_and_unlocks_at_once_lose_nobody) {
    Mutex mutex;
    std::atomic<int> got{0}, ended{0};
    run([&] {
        for (int round = 0; round < kRounds / 50; ++round) {
            ASSERT_TRUE(mutex.lock());
            std::vector<JoinHandle<void>> waiters;
            for (int i = 0; i < 8; ++i) {
                waiters.push_back(spawn("wait", [&, i] {
                    const Result<void> locked = i % 2 == 0
                                                    ? mutex.try_lock_for(std::chrono::microseconds(i * 20))
                                                    : mutex.lock();
                    ++ended;
                    if (!locked) return;
                    ++got;
                    mutex.unlock();
                }));
            }
            static_cast<void>(yield());
            waiters[1].cancel();
            mutex.unlock();
            waiters[3].cancel();
            for (auto& waiter : waiters)
                EXPECT_TRUE(waiter.join());
            EXPECT_EQ(record_of(mutex).owner, 0U);
            EXPECT_EQ(record_of(mutex).waiting, 0U);
        }
    });
    EXPECT_EQ(ended, kRounds / 50 * 8);
    EXPECT_GT(got, 0);
}

Mutex g_mutex("static");
constinit Semaphore g_semaphore(3, "static permits");

TEST(StaticObjects, are_made_before_a_runtime_and_used_in_several) {
    for (int i = 0; i < 3; ++i) {
        Runtime runtime({.workers = 2});
        runtime.run([] {
            ASSERT_TRUE(g_mutex.lock());  // never unlocked: each runtime finds it free
            EXPECT_EQ(detail::g_runtime->segment->string(record_of(g_mutex).name), "static");
        });
    }
    EXPECT_EQ(((detail::Waitable&)g_mutex).record, detail::Waitable::kNoRecord);
}

TEST(StaticObjects, keep_their_permits_from_one_runtime_to_the_next) {
    {
        Runtime runtime({.workers = 1});
        runtime.run([] { ASSERT_TRUE(g_semaphore.acquire(2)); });
    }
    Runtime runtime({.workers = 1});
    runtime.run([] {
        EXPECT_TRUE(g_semaphore.try_acquire());
        EXPECT_EQ(g_semaphore.try_acquire().status(), Status::would_block);
    });
}

TEST(StaticObjects, that_outlive_the_runtime_are_destroyed_in_peace) {
    auto mutex = std::make_unique<Mutex>("late");
    {
        Runtime runtime({.workers = 1});
        runtime.run([&] { ASSERT_TRUE(mutex->lock()); });
    }
    mutex.reset();
}

TEST(StaticObjects, a_thread_that_waits_at_the_end_of_the_runtime_is_cancelled) {
    Mutex mutex;
    std::thread outside;
    {
        Runtime runtime({.workers = 1});
        ASSERT_TRUE(mutex.lock());
        outside = std::thread([&] { EXPECT_EQ(mutex.lock().status(), Status::cancelled); });
        until_waiting(mutex, 1);
    }
    outside.join();
}

class MutexMisuseDeathTest : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    template <typename F>
    static void in_runtime(F&& function) {
        Runtime runtime({.workers = 1});
        runtime.run(std::forward<F>(function));
    }
};

TEST_F(MutexMisuseDeathTest, locking_twice_names_who_what_and_the_way_out) {
    EXPECT_DEATH(
        in_runtime([] {
            Mutex mutex("purse");
            static_cast<void>(mutex.lock());
            static_cast<void>(mutex.lock());
        }),
        "cprime: coroutine 1 locks mutex \"purse\" \\(.*mutex_test.cpp:[0-9]+\\), which it holds already, "
        "so that it would wait for itself for ever; unlock it first, or use try_lock");
}

TEST_F(MutexMisuseDeathTest, unlocking_what_one_does_not_hold_names_who_does) {
    EXPECT_DEATH(in_runtime([] { Mutex("free").unlock(); }),
                 "cprime: coroutine 1 unlocks mutex \"free\" .*, which nobody holds; only who has locked it");
    EXPECT_DEATH(in_runtime([] {
                     static Mutex mutex("held");
                     static_cast<void>(mutex.lock());
                     static_cast<void>(spawn("thief", [] { mutex.unlock(); }).join());
                 }),
                 "cprime: coroutine [0-9]+ unlocks mutex \"held\" .*, which coroutine 1 holds; only who has "
                 "locked it");
}

TEST_F(MutexMisuseDeathTest, destroying_a_locked_mutex_names_its_holder) {
    EXPECT_DEATH(in_runtime([] {
                     Mutex mutex("gone");
                     static_cast<void>(mutex.lock());
                 }),
                 "cprime: mutex \"gone\" .* was destroyed while coroutine 1 holds it; let it live longer");
}

TEST_F(MutexMisuseDeathTest, use_without_a_runtime_or_in_a_forked_child_is_told) {
    EXPECT_DEATH(static_cast<void>(Mutex().lock()),
                 "cprime: Mutex::lock was called while there is no cprime::Runtime");
    EXPECT_EXIT(
        {
            Mutex mutex;
            Runtime runtime({.workers = 1});
            static_cast<void>(mutex.lock());
            if (fork() == 0) mutex.unlock();
            int status = 0;
            wait(&status);
            mutex.unlock();
            _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? 0 : 1);
        },
        testing::ExitedWithCode(0), "cprime: Mutex::unlock was called in a forked child");
}

}  // namespace
}  // namespace cprime::test
