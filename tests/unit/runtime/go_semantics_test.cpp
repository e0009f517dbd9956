// What the Go language specification and its memory model say of channels, said of ours. Each test is a function of a seed (seeds.h).
//
// Where we differ on purpose, ours is tested:
//   a send to a closed channel answers `closed`              (there it panics); what was not sent stays with its sender
//   senders who wait when a channel closes answer `closed`   (there they panic)
//   closing twice is no mistake                              (there it panics)
//   a channel closes with its last sender or last receiver   (there it waits for ever, or is collected with those who wait)
//   an empty handle in a select is never ready, like nil; sending to one outside of a select ends the program (there it waits for ever)
// Nothing here concerns stacks that shrink or move while somebody waits: ours do not move.
#include "seeds.h"

#include <array>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace cprime::test {
namespace {

class GoSemantics : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(workers, GoSemantics, testing::Values(1U, 2U, 4U, 8U));

TEST_P(GoSemantics, a_receive_waits_until_something_is_sent) {
    for_each_seed(GetParam(), [](Seed& seed) {
        Channel<int> numbers("numbers", seed.below(3));
        std::atomic<bool> received{false};
        auto receiver = spawn("receiver", [&, in = numbers.receiver()] {
            EXPECT_EQ(*in.receive(), 5);
            received = true;
        });
        until_received_from(numbers);
        seed.dawdle();
        EXPECT_FALSE(received);
        EXPECT_TRUE(numbers.send(5));
        EXPECT_TRUE(receiver.join());
        EXPECT_EQ(numbers.try_receive().status(), Status::would_block);
    });
}

TEST_P(GoSemantics, a_send_waits_exactly_while_there_is_no_room) {
    for_each_seed(GetParam(), [](Seed& seed) {
        const std::uint32_t capacity = seed.below(4);
        Channel<std::uint32_t> numbers("numbers", capacity);
        for (std::uint32_t i = 0; i < capacity; ++i) {
            EXPECT_EQ(numbers.statistics().length, i);
            EXPECT_TRUE(seed.coin() ? numbers.try_send(i) : numbers.send(i));
        }
        EXPECT_EQ(numbers.try_send(99).status(), Status::would_block);
        auto late = spawn("late", [&] { EXPECT_TRUE(numbers.send(capacity)); });
        until_sent_to(numbers);
        EXPECT_EQ(numbers.statistics().length, capacity) << "its item is not in the buffer yet";
        for (std::uint32_t i = 0; i <= capacity; ++i)
            EXPECT_EQ(*numbers.receive(), i);
        EXPECT_TRUE(late.join());
    });
}

// Plain variables: what orders them is the channel alone, and TSan looks.
TEST_P(GoSemantics, a_send_happens_before_its_receive_ends) {
    for_each_seed(GetParam(), [](Seed& seed) {
        Channel<int> done("done", seed.below(2));
        int written = 0;
        auto writer = spawn("writer", [&, mine = seed.another()]() mutable {
            mine.dawdle();
            written = 1;
            EXPECT_TRUE(done.send(0));
        });
        EXPECT_TRUE(done.receive());
        EXPECT_EQ(written, 1);
        EXPECT_TRUE(writer.join());
    });
}

TEST_P(GoSemantics, a_close_happens_before_a_receive_that_finds_it) {
    for_each_seed(GetParam(), [](Seed& seed) {
        auto [out, in] = make_channel<int>("done", seed.below(2));
        int written = 0;
        spawn_detached("writer", [&written, mine = seed.another(), out = std::move(out)]() mutable {
            mine.dawdle();
            written = 1;
            if (mine.coin()) {
                out.close();
            } else {
                out.reset();
            }
        });
        EXPECT_EQ(in.receive().status(), Status::closed);
        EXPECT_EQ(written, 1);
    });
}

TEST_P(GoSemantics, an_unbuffered_receive_happens_before_its_send_ends) {
    for_each_seed(GetParam(), [](Seed& seed) {
        Channel<int> done("done");
        int written = 0;
        auto writer = spawn("writer", [&, mine = seed.another()]() mutable {
            mine.dawdle();
            written = 1;
            EXPECT_TRUE(done.receive());
        });
        EXPECT_TRUE(done.send(0));
        EXPECT_EQ(written, 1);
        EXPECT_TRUE(writer.join());
    });
}

// "The kth receive on a channel with capacity C happens before the k+Cth send completes": a buffer counts who is inside.
TEST_P(GoSemantics, a_buffer_admits_as_many_as_it_has_room_for) {
    for_each_seed(GetParam(), [](Seed& seed) {
        const std::uint32_t most = 1 + seed.below(3);
        Channel<int> inside("inside", most);
        std::atomic<std::uint32_t> now{0}, peak{0};
        int guarded = 0;  // plain: with room for one it is a mutex
        std::vector<JoinHandle<void>> visitors;
        for (int i = 0; i < 12; ++i) {
            visitors.push_back(spawn("visitor", [&, mine = seed.another()]() mutable {
                EXPECT_TRUE(inside.send(0));
                const std::uint32_t here = ++now;
                for (std::uint32_t before = peak; before < here && !peak.compare_exchange_weak(before, here);) {
                }
                if (most == 1) ++guarded;
                mine.dawdle();
                --now;
                EXPECT_TRUE(inside.receive());
            }));
        }
        for (auto& visitor : visitors)
            EXPECT_TRUE(visitor.join());
        EXPECT_LE(peak, most);
        EXPECT_EQ(guarded, most == 1 ? 12 : 0);
    });
}

TEST_P(GoSemantics, what_was_sent_before_the_close_is_received_after_it) {
    for_each_seed(GetParam(), [](Seed& seed) {
        const int count = static_cast<int>(seed.below(5));
        Channel<int> numbers("numbers", 5);
        for (int i = 0; i < count; ++i)
            EXPECT_TRUE(numbers.send(i));
        numbers.close();
        EXPECT_EQ(numbers.send(9).status(), Status::closed);
        EXPECT_EQ(numbers.try_send(9).status(), Status::closed);
        EXPECT_EQ(numbers.send_for(9, 1h).status(), Status::closed);
        EXPECT_EQ(select(on_send(numbers, 9)).status, Status::closed);
        numbers.close();
        for (int i = 0; i < count; ++i) {
            int got = -1;
            if (seed.coin()) {
                EXPECT_TRUE(select(on_receive(numbers, got)));
            } else {
                got = *numbers.receive();
            }
            EXPECT_EQ(got, i);
        }
        for (int again = 0; again < 2; ++again) {
            int got = -1;
            EXPECT_EQ(numbers.receive().status(), Status::closed);
            EXPECT_EQ(numbers.try_receive().status(), Status::closed);
            EXPECT_EQ(numbers.receive_for(1h).status(), Status::closed);
            EXPECT_EQ(select(on_receive(numbers, got)).status, Status::closed);
            EXPECT_EQ(got, -1) << "there is no item, not even one of zeroes";
        }
    });
}

TEST_P(GoSemantics, senders_who_wait_when_it_closes_keep_their_items) {
    for_each_seed(GetParam(), [](Seed& seed) {
        const std::uint32_t capacity = seed.below(2);
        Channel<std::unique_ptr<int>> items("items", capacity);
        if (capacity != 0) {
            EXPECT_TRUE(items.send(std::make_unique<int>(-1)));
        }
        std::vector<JoinHandle<void>> senders;
        for (int i = 0; i < 5; ++i) {
            senders.push_back(spawn("sender", [&items, i, selects = seed.coin()] {
                auto item = std::make_unique<int>(i);
                EXPECT_EQ(selects ? select(on_send(items, std::move(item))).status
                                  : items.send(std::move(item)).status(),
                          Status::closed);
                EXPECT_TRUE(item != nullptr && *item == i);
            }));
        }
        until_sent_to(items, 5);
        items.close();
        for (auto& sender : senders)
            EXPECT_TRUE(sender.join());
        EXPECT_EQ(items.statistics().sent, capacity) << "what was in the buffer stays, nothing joins it";
    });
}

// An item, or the close, is always there: a receive that only tries must find one of them.
TEST_P(GoSemantics, trying_to_receive_while_it_closes_never_finds_nothing) {
    for_each_seed(GetParam(), [](Seed& seed) {
        for (int i = 0; i < 50; ++i) {
            Channel<int> one("one", 1);
            EXPECT_TRUE(one.send(1));
            auto trying = spawn("trying", [&, by_select = seed.coin()] {
                int got = 0;
                EXPECT_NE(
                    by_select ? select(on_receive(one, got), otherwise()).status : one.try_receive().status(),
                    Status::would_block);
            });
            one.close();
            EXPECT_NE(one.receive().status(), Status::would_block);
            EXPECT_TRUE(trying.join());
        }
    });
}

// Two channels of which at every instant at least one is ready: a select that looks at both must not take the one for empty after
// it has looked away from the other.
TEST_P(GoSemantics, a_select_looks_at_all_its_channels_at_one_instant) {
    for_each_seed(GetParam(), [](Seed& seed) {
        for (int i = 0; i < 50; ++i) {
            Channel<int> first("first", 1), second("second", 1);
            EXPECT_TRUE(first.send(1));
            auto trying = spawn("trying", [&] {
                int got = 0;
                EXPECT_NE(select(on_receive(first, got), on_receive(second, got), otherwise()).arm, 2);
            });
            if (seed.coin()) {
                EXPECT_TRUE(second.send(1));
            } else {
                second.close();
            }
            static_cast<void>(first.try_receive());
            EXPECT_TRUE(trying.join());
        }
    });
}

TEST_P(GoSemantics, a_select_of_two_sends_to_one_channel_sends_both_values_in_no_pattern) {
    for_each_seed(GetParam(), [](Seed& seed) {
        constexpr int kItems = 400;
        auto [out, in] = make_channel<int>("bits", seed.below(2) * 4);
        spawn_detached("sender", [out = std::move(out)] {
            for (int i = 0; i < kItems; ++i)
                EXPECT_TRUE(select(on_send(out, 0), on_send(out, 1)));
        });
        int ones = 0, items = 0;
        while (auto bit = in.receive()) {
            ++items;
            ones += *bit;
        }
        EXPECT_EQ(items, kItems);
        EXPECT_GT(ones, kItems / 20);
        EXPECT_LT(ones, kItems - kItems / 20);
    });
}

TEST_P(GoSemantics, many_consumers_get_each_item_once) {
    for_each_seed(GetParam(), [](Seed& seed) {
        constexpr std::uint64_t kItems = 300;
        auto [work_out, work_in] = make_channel<std::uint64_t>("work", seed.below(8));
        auto [done_out, done_in] = make_channel<std::uint64_t>("done", seed.below(8));
        for (int i = 0; i < 23; ++i) {
            spawn_detached("consumer", [in = work_in, out = done_out, mine = seed.another()]() mutable {
                while (auto item = in.receive()) {
                    mine.dawdle();
                    EXPECT_TRUE(out.send(*item));
                }
            });
        }
        work_in.reset();
        done_out.reset();
        spawn_detached("feeder", [out = std::move(work_out)] {
            for (std::uint64_t i = 0; i < kItems; ++i)
                EXPECT_TRUE(out.send(i));
        });
        std::vector<int> seen(kItems);
        while (auto item = done_in.receive())
            ++seen.at(*item);
        EXPECT_EQ(std::accumulate(seen.begin(), seen.end(), 0), static_cast<int>(kItems));
        for (const int times : seen)
            EXPECT_EQ(times, 1);
    });
}

// Each link of the chain may send only after the one before it has received.
TEST_P(GoSemantics, a_chain_of_coroutines_passes_its_items_on_in_order) {
    for_each_seed(GetParam(), [](Seed& seed) {
        constexpr int kLinks = 100;
        auto first = make_channel<int>("link", seed.below(2));
        Receiver<int> in = std::move(first.receiver);
        for (int i = 0; i < kLinks; ++i) {
            auto link = make_channel<int>("link", seed.below(2));
            spawn_detached("link", [from = std::move(in), to = std::move(link.sender)] {
                while (auto number = from.receive())
                    if (!to.send(*number + 1)) return;
            });
            in = std::move(link.receiver);
        }
        spawn_detached("source", [out = std::move(first.sender)] {
            for (int i = 0; i < 10; ++i)
                EXPECT_TRUE(out.send(i));
        });
        for (int i = 0; i < 10; ++i)
            EXPECT_EQ(*in.receive(), i + kLinks);
        EXPECT_EQ(in.receive().status(), Status::closed);
    });
}

}  // namespace
}  // namespace cprime::test
