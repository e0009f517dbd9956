// SharedMutex: readers together, writers alone, nobody starved.
#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, readers_go_together_and_a_writer_alone) {
    SharedMutex mutex("map");
    std::atomic<int> readers{0}, writers{0}, most_readers{0};
    run([&] {
        std::vector<JoinHandle<void>> users;
        for (int i = 0; i < 8; ++i) {
            users.push_back(spawn("use", [&, i] {
                for (int round = 0; round < kRounds / 10; ++round) {
                    if ((i + round) % 4 == 0) {
                        const WriterLock hold(mutex);
                        ASSERT_TRUE(hold);
                        EXPECT_EQ(++writers, 1);
                        EXPECT_EQ(readers, 0);
                        static_cast<void>(yield());
                        --writers;
                    } else {
                        const ReaderLock hold(mutex);
                        ASSERT_TRUE(hold);
                        const int now = ++readers;
                        if (now > most_readers) most_readers = now;
                        EXPECT_EQ(writers, 0);
                        static_cast<void>(yield());
                        --readers;
                    }
                }
            }));
        }
        for (auto& user : users)
            EXPECT_TRUE(user.join());
        EXPECT_EQ(record_of(mutex).value, 0U);
        EXPECT_EQ(record_of(mutex).owner, 0U);
    });
    // Several workers may come to it one after the other.
    if (GetParam() == 1) {
        EXPECT_GT(most_readers, 1);
    }
}

TEST_P(Synchronised, a_reader_that_comes_after_a_waiting_writer_stands_behind_it) {
    SharedMutex mutex;
    std::vector<char> order;
    Mutex guard;
    const auto note = [&](char who) {
        const MutexLock hold(guard);
        order.push_back(who);
    };
    run([&] {
        ASSERT_TRUE(mutex.lock_shared());
        auto writer = spawn("writer", [&] {
            const WriterLock hold(mutex);
            note('w');
        });
        until_waiting(mutex, 1);
        EXPECT_EQ(mutex.try_lock_shared().status(), Status::would_block);
        auto reader = spawn("reader", [&] {
            const ReaderLock hold(mutex);
            note('r');
        });
        until_waiting(mutex, 2);
        mutex.unlock_shared();
        EXPECT_TRUE(writer.join());
        EXPECT_TRUE(reader.join());
    });
    EXPECT_EQ(order, (std::vector<char>{'w', 'r'}));
}

TEST_P(Synchronised, readers_behind_a_cancelled_writer_go_in_at_once) {
    SharedMutex mutex;
    run([&] {
        ASSERT_TRUE(mutex.lock_shared());
        auto writer = spawn("writer", [&] { EXPECT_EQ(mutex.lock().status(), Status::cancelled); });
        until_waiting(mutex, 1);
        auto reader = spawn("reader", [&] {
            EXPECT_TRUE(mutex.lock_shared());
            mutex.unlock_shared();
        });
        until_waiting(mutex, 2);
        writer.cancel();
        EXPECT_TRUE(reader.join());
        EXPECT_TRUE(writer.join());
        EXPECT_EQ(mutex.try_lock().status(), Status::would_block);
        EXPECT_EQ(mutex.try_lock_for(1ms).status(), Status::timed_out);
        EXPECT_TRUE(mutex.try_lock_shared_for(1ms));
        mutex.unlock_shared();
        mutex.unlock_shared();
        EXPECT_TRUE(mutex.try_lock());
        EXPECT_EQ(record_of(mutex).owner, this_id());
        mutex.unlock();
    });
}

TEST(SharedMutexMisuseDeathTest, is_named_in_one_sentence) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto in_runtime = [](auto function) {
        Runtime runtime({.workers = 1});
        runtime.run(function);
    };
    EXPECT_DEATH(in_runtime([] {
                     SharedMutex mutex("map");
                     static_cast<void>(mutex.lock());
                     static_cast<void>(mutex.lock_shared());
                 }),
                 "cprime: coroutine 1 locks as a reader shared mutex \"map\" .*, which it holds already");
    EXPECT_DEATH(in_runtime([] { SharedMutex("map").unlock_shared(); }),
                 "cprime: coroutine 1 unlocks as a reader shared mutex \"map\" .*; no reader holds it");
    EXPECT_DEATH(in_runtime([] {
                     SharedMutex mutex("map");
                     static_cast<void>(mutex.lock_shared());
                 }),
                 "cprime: shared mutex \"map\" .* was destroyed while 1 reader holds it");
}

}  // namespace
}  // namespace cprime::test
