// What select.h promises, sentence by sentence: which arm fires, what it answers, and what the others leave alone.
// Waiting, cancelling and closing: select_waiting_test.cpp. Items that own something: select_items_test.cpp.
#include "select_fixture.h"

#include <array>
#include <thread>
#include <utility>
#include <vector>

namespace cprime::test {
namespace {

INSTANTIATE_TEST_SUITE_P(workers, Selects, testing::Values(1U, 2U, 4U, 8U));

template <typename H>
concept SelectsAsSender = requires(const H& handle, int item) {
    on_send(handle, item);
};
template <typename H>
concept SelectsAsReceiver = requires(const H& handle, int item) {
    on_receive(handle, item);
};

TEST(SelectArms, do_not_compile_beyond_the_right_of_their_handle) {
    static_assert(SelectsAsSender<Sender<int>> && !SelectsAsReceiver<Sender<int>>);
    static_assert(SelectsAsReceiver<Receiver<int>> && !SelectsAsSender<Receiver<int>>);
    static_assert(SelectsAsSender<Channel<int>> && SelectsAsReceiver<Channel<int>>);
}

TEST_P(Selects, do_the_one_arm_that_is_ready) {
    run([] {
        Channel<int> empty("empty");
        Channel<int> full("full", 1);
        Channel<int> there("there", 1);
        EXPECT_TRUE(full.send(1));
        EXPECT_TRUE(there.send(7));
        int first = -1, last = -1;
        const Selected fired = select(on_receive(empty, first), on_send(full, 2), on_receive(there, last));
        EXPECT_TRUE(fired);
        EXPECT_EQ(fired.arm, 2);
        EXPECT_EQ(fired.status, Status::ok);
        EXPECT_EQ(last, 7);
        EXPECT_EQ(first, -1) << "what was not received is untouched";
        EXPECT_EQ(full.statistics().length, 1U) << "what was not to happen did not";
        EXPECT_EQ(there.statistics().length, 0U);
    });
}

TEST_P(Selects, send_to_whoever_waits_and_receive_from_whoever_waits) {
    run([] {
        Channel<int> questions("questions");
        Channel<int> answers("answers");
        auto partner = spawn("partner", [in = questions.receiver(), out = answers.sender()] {
            const auto question = in.receive();
            ASSERT_TRUE(question);
            EXPECT_TRUE(out.send(*question + 1));
        });
        until_received_from(questions);
        int answer = 0;
        Selected fired = select(on_receive(answers, answer), on_send(questions, 41));
        EXPECT_EQ(fired.arm, 1);
        until_sent_to(answers);
        fired = select(on_receive(answers, answer), on_send(questions, 0));
        EXPECT_EQ(fired.arm, 0);
        EXPECT_EQ(answer, 42);
        EXPECT_TRUE(partner.join());
    });
}

// Of 4000 draws of one in four 1000 are to be expected, give or take 27: 200 is more than seven times that.
constexpr int kDraws = 4000;
void expect_fair(const std::array<int, 4>& drawn) {
    for (const int count : drawn)
        EXPECT_NEAR(count, kDraws / 4, 200);
}

TEST_P(Selects, draw_each_of_several_ready_arms_as_often) {
    run([] {
        std::array<int, 4> drawn{};
        Channel<int> a("a", 2), b("b", 2);
        EXPECT_TRUE(a.send(0));
        EXPECT_TRUE(b.send(0));
        for (int i = 0; i < kDraws; ++i) {
            int item = 0;
            const Selected fired = select(on_receive(a, item), on_send(a, i), on_receive(b, item),
                                          on_send(b, i));
            ASSERT_TRUE(fired);
            ++drawn[fired.arm];
            // Each buffer holds one item of two before every draw: all four arms are ready.
            static_cast<void>(a.try_receive());
            static_cast<void>(b.try_receive());
            static_cast<void>(a.try_receive());
            static_cast<void>(b.try_receive());
            EXPECT_TRUE(a.send(i));
            EXPECT_TRUE(b.send(i));
        }
        expect_fair(drawn);
    });
}

TEST_P(Selects, draw_closed_channels_as_often_as_others) {
    run([] {
        std::array<int, 4> drawn{};
        Channel<int> closed("closed"), items("items", 1);
        closed.close();
        for (int i = 0; i < kDraws; ++i) {
            EXPECT_TRUE(items.send(i));
            int item = 0;
            const Selected fired = select(on_receive(closed, item), on_receive(items, item),
                                          on_send(closed, i), on_receive(closed, item));
            ++drawn[fired.arm];
            EXPECT_EQ(fired.status, fired.arm == 1 ? Status::ok : Status::closed);
            static_cast<void>(items.try_receive());
        }
        expect_fair(drawn);
    });
}

TEST_P(Selects, starve_nobody_while_both_sides_are_busy) {
    run([] {
        constexpr int kEnough = 100, kItemsMost = 10'000'000;
        std::array<Channel<int>, 2> channels{Channel<int>("left", 1), Channel<int>("right", 1)};
        std::array<int, 2> received{};
        for (auto& channel : channels) {
            spawn_detached("sender", [out = channel.sender()] {
                while (out.send(1)) {
                }
            });
        }
        for (int i = 0; i < kItemsMost && (received[0] < kEnough || received[1] < kEnough); ++i) {
            int item = 0;
            const Selected fired = select(on_receive(channels[0], item), on_receive(channels[1], item));
            ASSERT_TRUE(fired);
            ++received[fired.arm];
        }
        EXPECT_GE(received[0], kEnough);
        EXPECT_GE(received[1], kEnough);
        channels[0].close();
        channels[1].close();
    });
}

TEST_P(Selects, know_a_channel_that_stands_in_several_arms) {
    run([] {
        std::array<int, 4> drawn{};
        Channel<int> numbers("numbers", 1);
        for (int i = 0; i < kDraws; ++i) {
            EXPECT_TRUE(numbers.send(i));
            std::array<int, 4> into{-1, -1, -1, -1};
            const Selected fired = select(on_receive(numbers, into[0]), on_receive(numbers, into[1]),
                                          on_receive(numbers, into[2]), on_receive(numbers, into[3]));
            ASSERT_TRUE(fired);
            ++drawn[fired.arm];
            for (int arm = 0; arm < 4; ++arm)
                EXPECT_EQ(into[static_cast<std::size_t>(arm)], arm == fired.arm ? i : -1);
        }
        expect_fair(drawn);
    });
}

TEST_P(Selects, deliver_once_to_a_channel_that_waits_in_several_arms) {
    run([] {
        Channel<int> numbers("numbers");
        auto twice = spawn("twice", [in = numbers.receiver()] {
            int first = -1, second = -1;
            const Selected fired = select(on_receive(in, first), on_receive(in, second));
            EXPECT_TRUE(fired);
            EXPECT_EQ(fired.arm == 0 ? first : second, 5);
            EXPECT_EQ(fired.arm == 0 ? second : first, -1);
        });
        until_received_from(numbers, 2);  // one coroutine with two arms
        EXPECT_TRUE(numbers.try_send(5));
        EXPECT_EQ(numbers.try_send(6).status(), Status::would_block) << "the other arm waits no more";
        EXPECT_TRUE(twice.join());
        EXPECT_EQ(numbers.statistics().sent, 1U);
    });
}

TEST_P(Selects, never_meet_themselves) {
    run([] {
        Channel<int> mirror("mirror");
        int seen = -1;
        EXPECT_EQ(select(on_send(mirror, 1), on_receive(mirror, seen), otherwise()).arm, 2);
        const Selected fired = select(on_send(mirror, 1), on_receive(mirror, seen), on_timeout(2ms));
        EXPECT_EQ(fired.arm, 2);
        EXPECT_EQ(fired.status, Status::timed_out);
        EXPECT_EQ(seen, -1);
        EXPECT_EQ(mirror.statistics().sent, 0U);
    });
}

// What Go's authors call self-select: both sides of a channel in one select, by several at once.
TEST_P(Selects, that_both_send_and_receive_on_one_channel_meet_each_other) {
    for (const std::uint32_t capacity : {0U, 10U}) {
        std::atomic<int> from_each_other{0}, sent{0}, received{0};
        run([&] {
            Channel<int> mirror("mirror", capacity);
            for (const int who : {1, 2}) {
                spawn_detached("self-selecting", [&, mirror, who] {
                    for (int i = 0; i < 500; ++i) {
                        int other = 0;
                        const Selected fired = select(on_send(mirror, who), on_receive(mirror, other));
                        if (!fired) return;
                        if (fired.arm == 0) {
                            ++sent;
                        } else {
                            ++received;
                            from_each_other += other != who;
                        }
                    }
                    mirror.close();  // the other one may be one exchange short of its 500
                });
            }
        });
        EXPECT_LE(received, sent);
        EXPECT_LE(sent - received, static_cast<int>(capacity));
        if (capacity == 0) {
            EXPECT_EQ(from_each_other, received) << "an unbuffered item comes from somebody else";
        }
    }
}

TEST_P(Selects, answer_at_once_with_otherwise) {
    run([] {
        Channel<int> empty("empty");
        Channel<int> there("there", 1);
        int item = -1;
        Selected fired = select(otherwise(), on_receive(empty, item), on_send(empty, 1));
        EXPECT_EQ(fired.arm, 0);
        EXPECT_EQ(fired.status, Status::would_block);
        EXPECT_FALSE(fired);
        EXPECT_TRUE(there.send(3));
        fired = select(otherwise(), on_receive(empty, item), on_receive(there, item));
        EXPECT_EQ(fired.arm, 2) << "otherwise() fires when no other is ready";
        EXPECT_EQ(select(otherwise()).arm, 0);
    });
}

TEST_P(Selects, prefer_what_is_ready_to_a_timeout_of_nothing) {
    run([] {
        Channel<int> there("there", 1);
        int item = -1;
        for (const auto timeout : {0ns, -5ns}) {
            EXPECT_TRUE(there.send(3));
            EXPECT_EQ(select(on_timeout(timeout), on_receive(there, item)).arm, 1);
            const Selected fired = select(on_timeout(timeout), on_receive(there, item));
            EXPECT_EQ(fired.arm, 0);
            EXPECT_EQ(fired.status, Status::timed_out);
        }
    });
}

TEST_P(Selects, take_empty_handles_for_arms_that_are_never_ready) {
    run([] {
        Receiver<int> nothing;
        Sender<int> nowhere;
        Channel<int> there("there", 1);
        int item = -1;
        EXPECT_EQ(select(on_receive(nothing, item), on_send(nowhere, 1), otherwise()).arm, 2);
        EXPECT_EQ(select(on_receive(nothing, item), on_send(nowhere, 1), on_timeout(1ms)).arm, 2);
        EXPECT_TRUE(there.send(4));
        EXPECT_EQ(select(on_receive(nothing, item), on_receive(there, item)).arm, 1);
        EXPECT_EQ(item, 4);
    });
}

// The idiom of select.h: an arm whose channel has closed is taken out of the loop.
TEST_P(Selects, drain_several_channels_until_all_are_closed) {
    std::atomic<int> sum{0};
    run([&] {
        auto [a_out, a] = make_channel<int>("a");
        auto [b_out, b] = make_channel<int>("b", 4);
        spawn_detached("a", [out = std::move(a_out)] {
            for (int i = 0; i < 100; ++i)
                EXPECT_TRUE(out.send(1));
        });
        spawn_detached("b", [out = std::move(b_out)] {
            for (int i = 0; i < 200; ++i)
                EXPECT_TRUE(out.send(1000));
        });
        while (a || b) {
            int item = 0;
            const Selected fired = select(on_receive(a, item), on_receive(b, item));
            if (fired) {
                sum += item;
            } else {
                EXPECT_EQ(fired.status, Status::closed);
                (fired.arm == 0 ? a : b).reset();
            }
        }
    });
    EXPECT_EQ(sum, 200100);
}

template <std::size_t... kPositions>
Selected select_from(std::vector<Channel<int>>& channels, std::array<int, 32>& into,
                     std::index_sequence<kPositions...>) {
    return select(on_receive(channels[kPositions], into[kPositions])...);
}

TEST_P(Selects, have_room_for_32_arms) {
    run([] {
        std::vector<Channel<int>> channels;
        for (int i = 0; i < 32; ++i)
            channels.emplace_back("one of many");
        auto waiting = spawn({.name = "waiting", .size_class = size_class::large}, [&channels] {
            for (int n = 0; n < 32; ++n) {
                std::array<int, 32> into{};
                const Selected fired = select_from(channels, into, std::make_index_sequence<32>{});
                EXPECT_TRUE(fired);
                EXPECT_EQ(fired.arm, 31 - n);
                EXPECT_EQ(into[fired.arm], n + 1);
            }
        });
        for (int n = 0; n < 32; ++n) {
            until_received_from(channels[0]);
            EXPECT_TRUE(channels[static_cast<std::size_t>(31 - n)].send(n + 1));
        }
        EXPECT_TRUE(waiting.join());
    });
}

// One place in the source, however often it is called: counts are kept by it.
[[gnu::noinline]] Selected choose(const Channel<int>& a, const Channel<int>& b) {
    int item = 0;
    return select(on_receive(a, item), on_receive(b, item), on_timeout(1ms));
}

TEST_P(Selects, count_by_their_place_which_arms_fired_and_which_were_passed_over) {
    run([] {
        Channel<int> a("a", 1), b("b", 1);
        std::array<std::uint64_t, 2> first_choice{};
        for (int i = 0; i < 50; ++i) {
            EXPECT_TRUE(a.send(i));
            EXPECT_TRUE(b.send(i));
            ++first_choice.at(choose(a, b).arm);
            EXPECT_TRUE(choose(a, b));
            EXPECT_EQ(choose(a, b).arm, 2);
        }
        const auto& counts = only_select();
        EXPECT_EQ(counts.arms.load(), 3U);
        EXPECT_EQ(counts.receives, 0b011U);
        EXPECT_EQ(counts.other_arm, 3U);
        EXPECT_EQ(counts.fired[0].load(), 50U);
        EXPECT_EQ(counts.fired[1].load(), 50U);
        EXPECT_EQ(counts.passed_over[0].load(), first_choice[1]);
        EXPECT_EQ(counts.passed_over[1].load(), first_choice[0]);
        EXPECT_EQ(counts.parked.load(), 50U);
        EXPECT_EQ(counts.timed_out.load(), 50U);
        EXPECT_EQ(counts.declined.load(), 0U);
    });
}

TEST_P(Selects, count_where_otherwise_fired_and_what_they_waited_for) {
    run([] {
        Channel<int> items("items");
        int item = 0;
        for (int i = 0; i < 20; ++i)
            EXPECT_EQ(select(on_receive(items, item), otherwise()).arm, 1);
        EXPECT_EQ(only_select().declined.load(), 20U);
        EXPECT_EQ(only_select().parked.load(), 0U);
        EXPECT_EQ(only_select().fired[0].load(), 0U);
    });
}

}  // namespace
}  // namespace cprime::test
