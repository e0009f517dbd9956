// Event: manual and self-resetting, cancellation, limits, threads, mistakes.
#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

TEST_P(Synchronised, an_event_lets_everybody_through_until_it_is_reset) {
    Event event("loaded");
    run([&] {
        std::vector<JoinHandle<void>> waiters;
        for (int i = 0; i < 20; ++i)
            waiters.push_back(spawn("wait", [&] { EXPECT_TRUE(event.wait()); }));
        until_waiting(event, 20);
        event.set();
        for (auto& waiter : waiters)
            EXPECT_TRUE(waiter.join());
        EXPECT_TRUE(event.try_wait());
        EXPECT_TRUE(event.wait());
        event.reset();
        EXPECT_EQ(event.try_wait().status(), Status::would_block);
        EXPECT_EQ(event.wait_for(1ms).status(), Status::timed_out);
    });
}

TEST_P(Synchronised, an_event_that_resets_itself_lets_one_through_for_each_set) {
    Event event("tick", Event::resets_itself);
    std::atomic<int> through{0};
    run([&] {
        event.set();
        event.set();
        EXPECT_TRUE(event.try_wait());
        EXPECT_EQ(event.try_wait().status(), Status::would_block) << "two sets while nobody waits count once";
        std::vector<JoinHandle<void>> waiters;
        for (int i = 0; i < 3; ++i) {
            waiters.push_back(spawn("wait", [&] {
                EXPECT_TRUE(event.wait());
                ++through;
            }));
        }
        until_waiting(event, 3);
        for (int i = 0; i < 3; ++i) {
            event.set();
            while (through != i + 1)
                static_cast<void>(yield());
            EXPECT_EQ(waiting_for(event), 2U - static_cast<std::uint32_t>(i));
        }
        for (auto& waiter : waiters)
            EXPECT_TRUE(waiter.join());
        EXPECT_EQ(record_of(event).value, 0U);
    });
}

TEST_P(Synchronised, who_is_cancelled_while_waiting_for_an_event_uses_up_no_set) {
    Event event({}, Event::resets_itself);
    run([&] {
        auto waiter = spawn("wait", [&] { EXPECT_EQ(event.wait().status(), Status::cancelled); });
        until_waiting(event, 1);
        waiter.cancel();
        EXPECT_TRUE(waiter.join());
        event.set();
        EXPECT_TRUE(event.wait());
    });
}

TEST_P(Synchronised, a_thread_sets_an_event_that_coroutines_wait_for_and_the_other_way_round) {
    Event there, back;
    Runtime runtime({.workers = GetParam()});
    std::thread thread([&] {
        until_waiting(there, 1);
        there.set();
        EXPECT_TRUE(back.wait_for(1h));
    });
    runtime.run([&] {
        EXPECT_TRUE(there.wait());
        until_waiting(back, 1);
        back.set();
    });
    thread.join();
}

TEST_P(Synchronised, ping_pong_over_two_events_loses_no_set) {
    Event ping({}, Event::resets_itself), pong({}, Event::resets_itself);
    run([&] {
        auto other = spawn("pong", [&] {
            for (int i = 0; i < kRounds; ++i) {
                ASSERT_TRUE(ping.wait());
                pong.set();
            }
        });
        for (int i = 0; i < kRounds; ++i) {
            ping.set();
            ASSERT_TRUE(pong.wait());
        }
        EXPECT_TRUE(other.join());
    });
}

TEST(StaticEvents, keep_whether_they_are_set) {
    static Event event;
    {
        Runtime runtime({.workers = 1});
        event.set();
    }
    Runtime runtime({.workers = 1});
    EXPECT_TRUE(event.try_wait());
}

TEST(EventMisuseDeathTest, destroying_one_that_a_thread_waits_for_is_told) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1});
            auto event = std::make_unique<Event>("early");
            std::thread thread([&event = *event] { static_cast<void>(event.wait()); });
            until_waiting(*event, 1);
            event.reset();
        },
        "cprime: event \"early\" .* was destroyed while 1 thread waits for it");
}

}  // namespace
}  // namespace cprime::test
