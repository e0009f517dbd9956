// Selects that wait: who wakes them, with what, how often, and that nothing of them stays behind.
#include "select_fixture.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

namespace cprime::test {
namespace {

using std::chrono::steady_clock;
using SelectsThatWait = Selects;
INSTANTIATE_TEST_SUITE_P(workers, SelectsThatWait, testing::Values(1U, 2U, 4U, 8U));

TEST_P(SelectsThatWait, are_woken_by_whichever_arm_can_happen) {
    run([] {
        for (int which = 0; which < 4; ++which) {
            Channel<int> a("a"), b("b", 1), c("c"), d("d", 1);
            EXPECT_TRUE(d.send(-1));  // full
            auto waiting = spawn("waiting", [=] {
                std::array<int, 2> into{-1, -1};
                const Selected fired = select(on_receive(a, into[0]), on_receive(b, into[1]), on_send(c, 100),
                                              on_send(d, 200));
                EXPECT_TRUE(fired);
                EXPECT_EQ(fired.arm, which);
                for (int arm = 0; arm < 2; ++arm)
                    EXPECT_EQ(into[static_cast<std::size_t>(arm)], which == arm ? 10 + arm : -1);
            });
            until_received_from(a);
            EXPECT_EQ(b.statistics().receivers_waiting, 1U);
            EXPECT_EQ(c.statistics().senders_waiting, 1U);
            EXPECT_EQ(d.statistics().senders_waiting, 1U);
            if (which == 0) {
                EXPECT_TRUE(a.send(10));
            }
            if (which == 1) {
                EXPECT_TRUE(b.send(11));
            }
            if (which == 2) {
                EXPECT_EQ(*c.receive(), 100);
            }
            if (which == 3) {
                EXPECT_EQ(*d.receive(), -1);
                EXPECT_EQ(*d.receive(), 200) << "the waiting item took the place that became free";
            }
            EXPECT_TRUE(waiting.join());
            expect_empty_wait_lists();
        }
    });
}

TEST_P(SelectsThatWait, leave_no_arm_behind_that_could_still_be_served) {
    run([] {
        Channel<int> served("served"), other("other");
        for (int i = 0; i < 200; ++i) {
            auto waiting = spawn("waiting", [=] {
                int item = 0;
                EXPECT_EQ(select(on_receive(other, item), on_receive(served, item)).arm, 1);
            });
            until_received_from(served);
            EXPECT_TRUE(served.send(i));
            EXPECT_EQ(other.try_send(i).status(), Status::would_block);
            EXPECT_EQ(other.statistics().receivers_waiting, 0U);
            EXPECT_TRUE(waiting.join());
        }
        EXPECT_LE(records_used(coroscope::wire::SectionKind::kSelectArms), 2U) << "arms are used again";
    });
}

TEST_P(SelectsThatWait, stand_in_line_with_everybody_else) {
    if (GetParam() != 1) GTEST_SKIP() << "with several workers the order of arrival is nobody's to say";
    std::vector<int> order;
    run([&] {
        Channel<int> line("line"), never("never");
        for (int i = 0; i < 6; ++i) {
            spawn_detached("in line", [=, &order] {
                int item = -1;
                if (i % 2 == 0) {
                    item = *line.receive();
                } else {
                    EXPECT_TRUE(select(on_receive(never, item), on_receive(line, item)));
                }
                order.push_back(10 * i + item);
            });
        }
        until_received_from(line, 6);
        for (int i = 0; i < 6; ++i)
            EXPECT_TRUE(line.send(i));
    });
    EXPECT_EQ(order, (std::vector<int>{0, 11, 22, 33, 44, 55}));
}

TEST_P(SelectsThatWait, wait_no_longer_than_their_timeout) {
    run([] {
        Channel<int> silent("silent");
        int item = -1;
        const auto before = steady_clock::now();
        const Selected fired = select(on_receive(silent, item), on_timeout(20ms), on_send(silent, 1));
        EXPECT_GE(steady_clock::now() - before, 20ms);
        EXPECT_EQ(fired.arm, 1);
        EXPECT_EQ(fired.status, Status::timed_out);
        EXPECT_FALSE(fired);
        EXPECT_EQ(item, -1);
        EXPECT_EQ(silent.statistics().sent, 0U);
    });
}

TEST_P(SelectsThatWait, that_were_served_in_time_are_not_disturbed_by_their_timeout) {
    run([] {
        Channel<int> served("served"), later("later");
        auto waiting = spawn("waiting", [=] {
            int item = 0;
            EXPECT_EQ(select(on_receive(served, item), on_timeout(300ms)).arm, 0);
            // Parked again, on the same channel's arm, when that time is over.
            EXPECT_EQ(select(on_receive(later, item), on_timeout(10s)).arm, 0);
        });
        until_received_from(served);
        EXPECT_TRUE(served.send(1));
        until_received_from(later);
        EXPECT_TRUE(sleep_for(310ms));
        EXPECT_EQ(later.statistics().receivers_waiting, 1U);
        EXPECT_TRUE(later.send(1));
        EXPECT_TRUE(waiting.join());
    });
}

// The timeout and the item come at about the same time, again and again: one of them happens, and it is known which.
TEST_P(SelectsThatWait, lose_nothing_when_item_and_timeout_come_together) {
    run([] {
        Channel<int> items("items"), ready("ready");
        int received = 0, sent = 0;
        auto waiting = spawn("waiting", [&] {
            for (int i = 0; i < 200; ++i) {
                int item = 0;
                EXPECT_TRUE(ready.send(i));
                const Selected fired = select(on_receive(items, item),
                                              on_timeout(std::chrono::microseconds(i)));
                received += fired.status == Status::ok;
                EXPECT_EQ(fired.arm, fired ? 0 : 1);
            }
        });
        for (int i = 0; i < 200; ++i) {
            EXPECT_TRUE(ready.receive());
            for (int spin = 0; spin < i; ++spin)
                static_cast<void>(yield());
            sent += items.try_send(i).status() == Status::ok;
        }
        EXPECT_TRUE(waiting.join());
        EXPECT_EQ(received, sent);
        EXPECT_EQ(items.statistics().sent, static_cast<std::uint64_t>(sent));
    });
}

TEST_P(SelectsThatWait, answer_cancelled_without_an_arm) {
    run([] {
        Channel<int> silent("silent"), full("full", 1);
        EXPECT_TRUE(full.send(0));
        auto waiting = spawn("waiting", [=] {
            int item = -1;
            for (int i = 0; i < 2; ++i) {  // while it waits, and before it would
                const Selected fired = select(on_receive(silent, item), on_send(full, 1), on_timeout(1h));
                EXPECT_EQ(fired.arm, kNoArm);
                EXPECT_EQ(fired.status, Status::cancelled);
                EXPECT_FALSE(fired);
            }
            EXPECT_EQ(item, -1);
            // What need not wait still happens.
            EXPECT_EQ(select(on_receive(silent, item), on_receive(full, item)).arm, 1);
            EXPECT_EQ(select(on_receive(silent, item), otherwise()).arm, 1);
        });
        until_received_from(silent);
        EXPECT_TRUE(waiting.cancel());
        EXPECT_TRUE(waiting.join());
        EXPECT_EQ(full.statistics().sent, 1U);
    });
}

TEST_P(SelectsThatWait, for_nothing_at_all_wait_until_they_are_cancelled) {
    run([] {
        std::atomic<int> entered{0};
        auto waiting = spawn("waiting", [&entered] {
            Receiver<int> nothing;
            Sender<int> nowhere;
            int item = 0;
            ++entered;
            EXPECT_EQ(select(on_receive(nothing, item), on_send(nowhere, 1), on_receive(nothing, item)).arm,
                      kNoArm);
            EXPECT_EQ(select(on_receive(nothing, item)).arm, kNoArm);
        });
        yield_until([&] { return entered == 1; });
        EXPECT_TRUE(waiting.cancel());
        EXPECT_TRUE(waiting.join());
    });
}

TEST_P(SelectsThatWait, end_with_closed_when_a_channel_of_theirs_closes) {
    run([] {
        for (const bool receiving : {true, false}) {
            Channel<int> closing("closing"), silent("silent");
            auto waiting = spawn("waiting", [=] {
                int item = -1;
                const Selected fired = receiving ? select(on_receive(silent, item), on_receive(closing, item))
                                                 : select(on_receive(silent, item), on_send(closing, 1));
                EXPECT_EQ(fired.arm, 1);
                EXPECT_EQ(fired.status, Status::closed);
                EXPECT_EQ(item, -1);
            });
            until_received_from(silent);
            closing.close();
            EXPECT_TRUE(waiting.join());
            EXPECT_EQ(silent.statistics().receivers_waiting, 0U);
        }
    });
}

TEST_P(SelectsThatWait, end_when_the_last_sender_of_one_of_them_goes) {
    run([] {
        auto [out, in] = make_channel<int>("left alone");
        Channel<int> silent("silent");
        auto waiting = spawn("waiting", [in = std::move(in), silent] {
            int item = 0;
            const Selected fired = select(on_receive(silent, item), on_receive(in, item));
            EXPECT_EQ(fired.arm, 1);
            EXPECT_EQ(fired.status, Status::closed);
        });
        until_received_from(silent);
        out.reset();
        EXPECT_TRUE(waiting.join());
    });
}

TEST_P(SelectsThatWait, are_all_woken_by_one_close) {
    constexpr std::uint32_t kWaiting = 100;  // more than a close wakes at a time
    std::atomic<std::uint32_t> closed{0};
    run([&] {
        Channel<int> closing("closing"), silent("silent");
        for (std::uint32_t i = 0; i < kWaiting; ++i) {
            spawn_detached("waiting", [=, &closed] {
                int item = 0;
                const Selected fired = select(on_receive(closing, item), on_receive(closing, item),
                                              on_receive(silent, item));
                closed += fired.status == Status::closed && fired.arm < 2;
            });
        }
        until_received_from(silent, kWaiting);
        closing.close();
    });
    EXPECT_EQ(closed, kWaiting);
}

TEST_P(SelectsThatWait, on_two_channels_at_once_are_served_by_one_of_two_senders) {
    std::atomic<int> received{0}, refused{0};
    run([&] {
        for (int round = 0; round < 100; ++round) {
            Channel<int> a("a"), b("b");
            auto waiting = spawn("waiting", [=, &received] {
                int item = 0;
                received += select(on_receive(a, item), on_receive(b, item)).status == Status::ok;
            });
            until_received_from(a);
            auto left = spawn("left",
                              [=, &refused] { refused += a.try_send(1).status() == Status::would_block; });
            auto right = spawn("right",
                               [=, &refused] { refused += b.try_send(1).status() == Status::would_block; });
            EXPECT_TRUE(left.join());
            EXPECT_TRUE(right.join());
            EXPECT_TRUE(waiting.join());
        }
    });
    EXPECT_EQ(received, 100);
    EXPECT_EQ(refused, 100) << "the waiting one takes one item, and the other sender finds nobody";
}

}  // namespace
}  // namespace cprime::test
