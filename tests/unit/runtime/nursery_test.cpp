// Nurseries: nobody outlives one, however it ends.
#include <cprime/nursery.h>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, waiting_lets_all_of_them_finish) {
    run([] {
        std::atomic<int> finished{0};
        Nursery nursery("nursery");
        EXPECT_TRUE(nursery.wait()) << "nobody was spawned";
        for (int i = 0; i < 50; ++i) {
            nursery
                .spawn("child",
                       [&, i] {
                           for (int n = 0; n < i; ++n)
                               static_cast<void>(yield());
                           if (i % 10 == 0) nursery.spawn("grandchild", [&] { ++finished; }).detach();
                           ++finished;
                       })
                .detach();
        }
        EXPECT_TRUE(nursery.wait());
        EXPECT_EQ(finished, 55);
        EXPECT_EQ(*nursery.spawn("again", [] { return 7; }).join(), 7);
    });
}

// Its destructor waits, and then counts.
struct CountsAtEnd {
    std::atomic<int>* ended;
    CountsAtEnd(std::atomic<int>& where) : ended(&where) {}
    CountsAtEnd(CountsAtEnd&& other) noexcept : ended(std::exchange(other.ended, nullptr)) {}
    ~CountsAtEnd() {
        if (ended == nullptr) return;
        static_cast<void>(yield());
        ++*ended;
    }
};

TEST_P(Synchronised, its_end_cancels_and_waits_until_closures_are_destroyed) {
    std::atomic<int> ended{0};
    run([&] {
        {
            Nursery nursery("nursery");
            for (int i = 0; i < 50; ++i) {
                nursery
                    .spawn("child", [at_end = CountsAtEnd(
                                         ended)] { EXPECT_EQ(sleep_for(1h).status(), Status::cancelled); })
                    .detach();
            }
        }
        EXPECT_EQ(ended, 50);
    });
}

TEST_P(Synchronised, a_cancelled_owner_waits_all_the_same) {
    std::atomic<int> ended{0};
    run([&] {
        auto owner = spawn("owner", [&] {
            Nursery nursery("nursery");
            nursery
                .spawn("child",
                       [at_end = CountsAtEnd(ended)] {
                           EXPECT_EQ(cprime::suspend().status(), Status::cancelled);
                           for (int i = 0; i < 20; ++i)
                               static_cast<void>(yield());
                       })
                .detach();
            EXPECT_EQ(nursery.wait().status(), Status::cancelled);
        });
        for (int i = 0; i < 10; ++i)
            static_cast<void>(yield());
        owner.cancel();
        EXPECT_TRUE(owner.join());
        EXPECT_EQ(ended, 1);
    });
}

TEST_P(Synchronised, a_parents_token_reaches_into_it) {
    run([] {
        CancelSource stop("stop");
        Nursery nursery(stop.token(), "nursery");
        nursery.spawn("child", [] { EXPECT_EQ(cprime::suspend().status(), Status::cancelled); }).detach();
        stop.cancel();
        EXPECT_TRUE(nursery.wait());
        EXPECT_TRUE(nursery.token().cancelled());
    });
}

TEST_P(Synchronised, a_thread_may_own_one) {
    Runtime runtime({.workers = GetParam()});
    std::atomic<int> ended{0};
    std::thread thread([&] {
        Nursery nursery("nursery");
        nursery.spawn("child", [at_end = CountsAtEnd(ended)] {}).detach();
        EXPECT_TRUE(nursery.wait());
        nursery.spawn("child", [at_end = CountsAtEnd(ended)] { static_cast<void>(sleep_for(1h)); }).detach();
    });
    thread.join();
    EXPECT_EQ(ended, 2);
}

TEST_P(Synchronised, it_lives_as_long_as_a_runtime_that_ends_around_it) {
    std::atomic<int> ended{0};
    {
        Runtime runtime({.workers = GetParam()});
        runtime.run([&] {
            spawn_detached("owner", [&] {
                Nursery nursery("nursery");
                for (int i = 0; i < 10; ++i)
                    nursery.spawn("child", [at_end = CountsAtEnd(ended)] { cprime::suspend(); }).detach();
                static_cast<void>(cprime::suspend());
            });
            for (int i = 0; i < 10; ++i)
                static_cast<void>(yield());
            shutdown();
        });
    }
    EXPECT_EQ(ended, 10);
}

}  // namespace
}  // namespace cprime::test
