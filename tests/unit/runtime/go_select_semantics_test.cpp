// Go's semantics of select among others, of time limits, and of items of every kind: what go_semantics_test.cpp says of channels alone.
#include "seeds.h"

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cprime::test {
namespace {

class GoSelects : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(workers, GoSelects, testing::Values(1U, 2U, 4U, 8U));

// The last in a line of waiters goes away without having been served: who comes after it must still stand in the line.
TEST_P(GoSelects, a_loser_at_the_end_of_a_line_takes_nobody_with_it) {
    for_each_seed(GetParam(), [](Seed& seed) {
        Channel<int> line("line"), chosen("chosen");
        auto first = spawn("first", [&] { EXPECT_EQ(*line.receive(), 1); });
        until_received_from(line, 1);
        auto loser = spawn("loser", [&] {
            int got = 0;
            EXPECT_EQ(select(on_receive(line, got), on_receive(chosen, got)).arm, 1);
        });
        until_received_from(line, 2);
        seed.dawdle();
        EXPECT_TRUE(chosen.send(0));
        auto last = spawn("last", [&] { EXPECT_EQ(*line.receive(), 2); });
        until_received_from(line, 2);
        EXPECT_TRUE(line.send(1));
        EXPECT_TRUE(line.send(2));
        EXPECT_TRUE(first.join());
        EXPECT_TRUE(loser.join());
        EXPECT_TRUE(last.join());
    });
}

// Every place in a line is left in every way, the others are served in the order in which they came.
TEST_P(GoSelects, who_gives_up_is_passed_over_and_the_order_of_the_others_stays) {
    for_each_seed(GetParam(), [](Seed& seed) {
        constexpr std::uint32_t kLine = 7;
        Channel<int> line("line"), quit("quit");
        const std::uint32_t leaves = seed.below(kLine), how = seed.below(3);
        const auto& record = detail::g_channels.channel(detail::channel_of(detail::HandleAccess::id(line)));
        const std::uint32_t before = record.operations.load();
        std::array<std::atomic<int>, kLine> got{};
        std::vector<JoinHandle<void>> waiting;
        for (std::uint32_t i = 0; i < kLine; ++i) {
            waiting.push_back(spawn("in line", [&, i, selects = seed.coin()] {
                int item = -1, nothing = 0;
                if (i != leaves) {
                    item = selects ? select(on_receive(line, item)).arm == 0 ? item : -2 : *line.receive();
                } else if (how == 0) {
                    EXPECT_EQ(select(on_receive(line, item), on_receive(quit, nothing)).arm, 1);
                } else if (how == 1) {
                    EXPECT_EQ(line.receive().status(), Status::cancelled);
                } else {
                    EXPECT_EQ(line.receive_for(2ms).status(), Status::timed_out);
                }
                got[i] = item;
            }));
            // It stands in line when a viewer would see its block: one operation more. Who is counted may have timed out again.
            yield_until([&] { return record.operations.load() - before > i; });
        }
        if (how == 0) {
            EXPECT_TRUE(quit.send(0));
        }
        if (how == 1) waiting[leaves].cancel();
        EXPECT_TRUE(waiting[leaves].join());
        for (int i = 0; i + 1 < static_cast<int>(kLine); ++i)
            EXPECT_TRUE(line.send(i));
        for (std::uint32_t i = 0; i < kLine; ++i) {
            if (i != leaves) {
                EXPECT_TRUE(waiting[i].join());
            }
            EXPECT_EQ(got[i], i == leaves ? -1 : static_cast<int>(i < leaves ? i : i - 1));
        }
    });
}

// One producer offers each number on several channels; whoever merges them again sees each once.
TEST_P(GoSelects, an_item_offered_on_several_channels_is_taken_on_one) {
    for_each_seed(GetParam(), [](Seed& seed) {
        constexpr int kItems = 300;
        std::vector<Channel<int>> offers;
        for (int i = 0; i < 4; ++i)
            offers.emplace_back("offer", seed.below(2));
        auto merged = make_channel<int>("merged");
        for (const auto& offer : offers) {
            spawn_detached("merger", [in = offer.receiver(), out = merged.sender] {
                while (auto item = in.receive())
                    EXPECT_TRUE(out.send(*item));
            });
        }
        merged.sender.reset();
        spawn_detached("producer", [offers = std::move(offers)] {
            for (int i = 0; i < kItems; ++i) {
                EXPECT_TRUE(select(on_send(offers[0], i), on_send(offers[1], i), on_send(offers[2], i),
                                   on_send(offers[3], i)));
            }
            for (const auto& offer : offers)
                offer.close();
        });
        std::vector<int> seen(kItems);
        while (auto item = merged.receiver.receive())
            ++seen.at(static_cast<std::size_t>(*item));
        for (const int times : seen)
            EXPECT_EQ(times, 1);
    });
}

enum class Way : std::uint32_t { plain, select_alone, select_among, with_limit };

Status send_in(Way way, const Channel<int>& out, int item) {
    Channel<int> never("never");
    int nothing = 0;
    switch (way) {
        case Way::plain:
            return out.send(item).status();
        case Way::select_alone:
            return select(on_send(out, item)).status;
        case Way::select_among:
            return select(on_receive(never, nothing), on_send(out, item), on_send(never, 0)).status;
        default:
            return out.send_for(item, 1h).status();
    }
}
Status receive_in(Way way, const Channel<int>& in, int& into) {
    Channel<int> never("never");
    switch (way) {
        case Way::plain: {
            const auto item = in.receive();
            if (item) into = *item;
            return item.status();
        }
        case Way::select_alone:
            return select(on_receive(in, into)).status;
        case Way::select_among:
            return select(on_send(never, 0), on_receive(in, into), on_timeout(1h)).status;
        default: {
            const auto item = in.receive_for(1h);
            if (item) into = *item;
            return item.status();
        }
    }
}

TEST_P(GoSelects, every_way_to_send_meets_every_way_to_receive_whoever_comes_first) {
    for_each_seed(GetParam(), [](Seed& seed) {
        for (std::uint32_t pair = 0; pair < 16; ++pair) {
            const Way sends = static_cast<Way>(pair / 4), receives = static_cast<Way>(pair % 4);
            Channel<int> meeting("meeting", seed.below(2));
            const bool sender_first = seed.coin();
            const auto send = [&] { EXPECT_EQ(send_in(sends, meeting, 17), Status::ok); };
            const auto receive = [&] {
                int item = 0;
                EXPECT_EQ(receive_in(receives, meeting, item), Status::ok);
                EXPECT_EQ(item, 17);
            };
            JoinHandle<void> first = sender_first ? spawn("first", send) : spawn("first", receive);
            seed.dawdle();
            JoinHandle<void> second = sender_first ? spawn("second", receive) : spawn("second", send);
            EXPECT_TRUE(first.join());
            EXPECT_TRUE(second.join());
        }
    });
}

TEST_P(GoSelects, who_has_timed_out_meets_nobody_any_more) {
    for_each_seed(GetParam(), [](Seed& seed) {
        Channel<int> late("late");
        int got = -1;
        if (seed.coin()) {
            EXPECT_EQ(late.send_for(1, 100us).status(), Status::timed_out);
            EXPECT_EQ(select(on_send(late, 1), on_timeout(100us)).arm, 1);
            EXPECT_EQ(late.try_receive().status(), Status::would_block);
            EXPECT_EQ(late.statistics().senders_waiting, 0U);
        } else {
            EXPECT_EQ(late.receive_for(100us).status(), Status::timed_out);
            EXPECT_EQ(select(on_receive(late, got), on_timeout(100us)).arm, 1);
            EXPECT_EQ(late.try_send(1).status(), Status::would_block);
            EXPECT_EQ(late.statistics().receivers_waiting, 0U);
        }
        EXPECT_EQ(got, -1);
    });
}

TEST_P(GoSelects, an_item_is_what_it_was_when_it_was_sent) {
    for_each_seed(GetParam(), [](Seed& seed) {
        Channel<std::array<int, 20>> blocks("blocks", 2);
        std::array<int, 20> block{};
        block[19] = 1;
        EXPECT_TRUE(blocks.send(block));
        block[19] = 2;
        EXPECT_TRUE(seed.coin() ? select(on_send(blocks, block)).status == Status::ok
                                : blocks.send(block).status() == Status::ok);
        block[19] = 3;
        EXPECT_EQ((*blocks.receive())[19], 1);
        EXPECT_EQ((*blocks.receive())[19], 2);
    });
}

struct Nothing {};

TEST_P(GoSelects, items_without_content_are_counted_all_the_same) {
    for_each_seed(GetParam(), [](Seed& seed) {
        auto [out, in] = make_channel<Nothing>("nothings", seed.below(3));
        spawn_detached("sender", [out = std::move(out), by_select = seed.coin()] {
            for (int i = 0; i < 50; ++i)
                EXPECT_TRUE(by_select ? select(on_send(out, Nothing{})).status == Status::ok
                                      : out.send(Nothing{}).status() == Status::ok);
        });
        int items = 0;
        while (in.receive())
            ++items;
        EXPECT_EQ(items, 50);
    });
}

struct Question {
    int number;
    Sender<int> answer;
};

TEST_P(GoSelects, channels_are_items_too) {
    for_each_seed(GetParam(), [](Seed& seed) {
        auto [ask, questions] = make_channel<Question>("questions", seed.below(3));
        for (int i = 0; i < 3; ++i) {
            spawn_detached("oracle", [in = questions] {
                while (auto question = in.receive())
                    EXPECT_TRUE(question->answer.send(question->number * 2));
            });
        }
        questions.reset();
        std::vector<JoinHandle<void>> askers;
        for (int i = 0; i < 10; ++i) {
            askers.push_back(spawn("asker", [out = ask, i, by_select = seed.coin()] {
                auto [sender, answer] = make_channel<int>("answer");
                if (by_select) {
                    EXPECT_TRUE(select(on_send(out, Question{i, std::move(sender)})));
                } else {
                    EXPECT_TRUE(out.send(Question{i, std::move(sender)}));
                }
                EXPECT_EQ(*answer.receive(), 2 * i);
            }));
        }
        for (auto& asker : askers)
            EXPECT_TRUE(asker.join());
    });
}

// Sends out of frames deep in a stack that has grown for them, and comes back to where it began.
int deep_sum(const Sender<std::array<int, 64>>& out, const Receiver<int>& back, int depth) {
    std::array<int, 64> block{};
    block[63] = depth;
    Receiver<int> nothing;
    int echo = 0, unused = 0;
    if (depth % 2 == 0) {
        EXPECT_TRUE(select(on_send(out, block), on_receive(nothing, unused)));
        EXPECT_TRUE(select(on_receive(nothing, unused), on_receive(back, echo)));
    } else {
        EXPECT_TRUE(out.send(block));
        echo = *back.receive();
    }
    EXPECT_EQ(echo, depth);
    return depth == 0 ? 0 : echo + deep_sum(out, back, depth - 1);
}

TEST_P(GoSelects, frames_of_grown_stacks_are_where_items_come_from_and_go_to) {
    for_each_seed(GetParam(), [](Seed&) {
        constexpr int kDepth = detail::kSanitizer ? 8 : 40;
        auto [out, in] = make_channel<std::array<int, 64>>("blocks");
        auto [back_out, back_in] = make_channel<int>("back");
        auto climber = spawn("climber", [out = std::move(out), back = std::move(back_in)] {
            for (int again = 0; again < 2; ++again)
                EXPECT_EQ(deep_sum(out, back, kDepth), kDepth * (kDepth + 1) / 2);
        });
        while (auto block = in.receive())
            EXPECT_TRUE(back_out.send((*block)[63]));
        EXPECT_TRUE(climber.join());
    });
}

// The primes, from a chain of coroutines that each let through what their prime does not divide.
TEST_P(GoSelects, a_sieve_of_coroutines_finds_the_primes_and_ends_with_who_reads_them) {
    for_each_seed(GetParam(), [](Seed& seed) {
        const std::uint32_t capacity = seed.below(2);
        auto ends = make_channel<int>("numbers", capacity);
        spawn_detached("numbers", [out = std::move(ends.sender)] {
            for (int number = 2; out.send(number); ++number) {
            }
        });
        Receiver<int> in = std::move(ends.receiver);
        for (const int expected : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47}) {
            const auto prime = in.receive();
            ASSERT_TRUE(prime);
            EXPECT_EQ(*prime, expected);
            auto next = make_channel<int>("sifted", capacity);
            spawn_detached("filter", [from = std::move(in), to = std::move(next.sender), prime = *prime] {
                while (auto number = from.receive())
                    if (*number % prime != 0 && !to.send(*number)) return;
            });
            in = std::move(next.receiver);
        }
    });
}

}  // namespace
}  // namespace cprime::test
