// Items that own something, through select: moved once from the one who had it to the one who gets it, on their own stacks, and left alone
// by every arm that did not fire.
#include "select_fixture.h"

#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <utility>

namespace cprime::test {
namespace {

// Who comes first and waits; who selects and who makes a plain call. The arms that must not fire surround the one that does.
struct Meeting {
    std::uint32_t capacity;
    bool sender_selects, receiver_selects, sender_first;
};
void PrintTo(const Meeting& meeting, std::ostream* out) {
    *out << (meeting.capacity == 0 ? "unbuffered" : "buffered")
         << (meeting.sender_selects ? "_selecting" : "_plain") << "_sender"
         << (meeting.receiver_selects ? "_selecting" : "_plain") << "_receiver"
         << (meeting.sender_first ? "_sender_first" : "_receiver_first");
}

class Meetings : public testing::TestWithParam<std::tuple<unsigned, Meeting>> {
protected:
    Runtime runtime_{{.workers = std::get<0>(GetParam())}};
};
constexpr Meeting kMeetings[] = {
    {0, false, true, true},  {0, true, false, true},  {0, true, true, true},   {0, false, true, false},
    {0, true, false, false}, {0, true, true, false},  {1, false, true, true},  {1, true, false, true},
    {1, true, true, true},   {1, false, true, false}, {1, true, false, false}, {1, true, true, false},
};
INSTANTIATE_TEST_SUITE_P(workers, Meetings,
                         testing::Combine(testing::Values(1U, 2U, 4U, 8U), testing::ValuesIn(kMeetings)),
                         [](const auto& parameter) {
                             return std::to_string(std::get<0>(parameter.param)) + "_" +
                                    testing::PrintToString(std::get<1>(parameter.param));
                         });

// A Tracked that a select can receive into: assigned where the assigner stands.
struct Assigned : Tracked {
    using Tracked::Tracked;
    Assigned(Assigned&&) noexcept = default;
    Assigned& operator=(Assigned&& other) noexcept {
        value = std::exchange(other.value, kMovedFrom);
        if (on_worker_stack()) moved_on_worker.fetch_add(1);
        return *this;
    }
};

void send_to(const Sender<Assigned>& out, const Sender<Assigned>& full, int number, bool by_select) {
    Assigned item(number), other(1000);
    if (by_select) {
        Receiver<int> nothing;
        int untouched = -1;
        const Selected fired = select(on_send(full, std::move(other)), on_receive(nothing, untouched),
                                      on_send(out, std::move(item)));
        EXPECT_TRUE(fired);
        EXPECT_EQ(fired.arm, 2);
    } else {
        EXPECT_TRUE(out.send(std::move(item)));
    }
    EXPECT_EQ(item.value, Tracked::kMovedFrom);
    EXPECT_EQ(other.value, 1000);
}
void receive_from(const Receiver<Assigned>& in, const Receiver<Assigned>& silent, int expected,
                  bool by_select) {
    if (by_select) {
        Assigned item(-7), other(-8);
        const Selected fired = select(on_receive(silent, other), on_receive(in, item),
                                      on_receive(silent, other));
        EXPECT_TRUE(fired);
        EXPECT_EQ(fired.arm, 1);
        EXPECT_EQ(item.value, expected);
        EXPECT_EQ(other.value, -8);
    } else {
        const auto item = in.receive();
        EXPECT_TRUE(item);
        EXPECT_EQ(item->value, expected);
    }
}

TEST_P(Meetings, move_the_item_once_across_and_touch_no_other) {
    const Meeting meeting = std::get<1>(GetParam());
    Tracked::moved_on_worker = 0;
    Tracked::alive = 0;
    runtime_.run([&] {
        Channel<Assigned> items("items", meeting.capacity), silent("silent", meeting.capacity),
            full("full", 1);
        EXPECT_TRUE(full.send(Assigned(0)));
        if (meeting.capacity != 0 && meeting.sender_first) {
            EXPECT_TRUE(items.send(Assigned(99)));  // so that the sender waits
        }
        for (int i = 0; i < 20; ++i) {
            const auto send = [=] { send_to(items, full, i, meeting.sender_selects); };
            const auto receive = [=] {
                const int expected = meeting.capacity == 0 || !meeting.sender_first ? i
                                                                                    : (i == 0 ? 99 : i - 1);
                receive_from(items, silent, expected, meeting.receiver_selects);
            };
            JoinHandle<void> first, second;
            if (meeting.sender_first) {
                first = spawn("sender", send);
                until_sent_to(items);
                second = spawn("receiver", receive);
            } else {
                first = spawn("receiver", receive);
                until_received_from(items);
                second = spawn("sender", send);
            }
            EXPECT_TRUE(first.join());
            EXPECT_TRUE(second.join());
        }
    });
    expect_empty_wait_lists();
    expect_all_arms_given_back();
    EXPECT_EQ(Tracked::moved_on_worker, 0);
    EXPECT_EQ(Tracked::alive, 0);
}

using SelectedItems = Selects;
INSTANTIATE_TEST_SUITE_P(workers, SelectedItems, testing::Values(1U, 2U, 4U, 8U));

TEST_P(SelectedItems, are_received_from_a_buffer_at_once) {
    run([] {
        Channel<std::unique_ptr<int>> items("items", 2);
        EXPECT_TRUE(items.send(std::make_unique<int>(1)));
        EXPECT_TRUE(items.send(std::make_unique<int>(2)));
        std::unique_ptr<int> item;
        for (const int expected : {1, 2}) {
            EXPECT_TRUE(select(on_receive(items, item), otherwise()));
            EXPECT_EQ(*item, expected);
        }
        EXPECT_EQ(select(on_receive(items, item), otherwise()).arm, 1);
        EXPECT_EQ(*item, 2) << "what is not received is untouched";
    });
}

TEST_P(SelectedItems, that_were_not_sent_are_still_their_owners) {
    run([] {
        const std::string text = "longer than what a string holds without allocating";
        for (const std::uint32_t capacity : {0U, 1U}) {
            Channel<std::string> full("full", capacity), closed("closed", capacity);
            if (capacity != 0) {
                EXPECT_TRUE(full.send(std::string("first")));
            }
            closed.close();
            std::string item = text;
            EXPECT_EQ(select(on_send(full, std::move(item)), otherwise()).status, Status::would_block);
            EXPECT_EQ(item, text);
            EXPECT_EQ(select(on_send(full, std::move(item)), on_timeout(1ms)).status, Status::timed_out);
            EXPECT_EQ(item, text);
            EXPECT_EQ(select(on_send(full, std::move(item)), on_send(closed, std::move(item))).status,
                      Status::closed);
            EXPECT_EQ(item, text);
            auto waiting = spawn("waiting", [=] {
                std::string mine = text;
                EXPECT_EQ(select(on_send(full, std::move(mine))).status, Status::cancelled);
                EXPECT_EQ(mine, text);
            });
            until_sent_to(full);
            EXPECT_TRUE(waiting.cancel());
            EXPECT_TRUE(waiting.join());
        }
    });
}

// One item for whoever takes it first: the same object stands in several arms.
TEST_P(SelectedItems, may_stand_in_several_arms) {
    const std::string text = "longer than what a string holds without allocating";
    run([&] {
        for (const auto& [first, second] : {std::pair{0U, 0U}, {0U, 1U}, {1U, 0U}, {1U, 1U}}) {
            for (const bool second_fires : {false, true}) {
                Channel<std::string> a("a", first), b("b", second);
                Channel<int> go("go");
                if (first != 0) {
                    EXPECT_TRUE(a.send(std::string("before")));
                }
                if (second != 0) {
                    EXPECT_TRUE(b.send(std::string("before")));
                }
                auto sender = spawn("sender", [=] {
                    std::string item = text;
                    const Selected fired = select(on_send(a, std::move(item)), on_send(b, std::move(item)));
                    EXPECT_EQ(fired.arm, second_fires ? 1 : 0);
                    EXPECT_EQ(item, "") << "it was moved";
                    EXPECT_TRUE(go.receive());  // nobody waits, and no buffer has room
                    item = text;
                    EXPECT_EQ(
                        select(on_send(a, std::move(item)), on_send(b, std::move(item)), otherwise()).arm, 2);
                    EXPECT_EQ(item, text);
                });
                until_sent_to(a);
                auto& taken = second_fires ? b : a;
                if (taken.statistics().capacity != 0) {
                    EXPECT_EQ(*taken.receive(), "before");
                }
                EXPECT_EQ(*taken.receive(), text);
                if (taken.statistics().capacity != 0) {
                    EXPECT_TRUE(taken.send(std::string("full again")));
                }
                EXPECT_TRUE(go.send(1));
                EXPECT_TRUE(sender.join());
            }
        }
    });
}

TEST_P(SelectedItems, of_several_types_cross_in_one_select) {
    struct Large {
        std::uint64_t words[32];
    };
    run([] {
        Channel<std::string> texts("texts");
        Channel<std::unique_ptr<int>> pointers("pointers", 1);
        Channel<Large> blocks("blocks");
        Channel<char> letters("letters", 3);
        auto sender = spawn("sender", [=] {
            int left[4] = {50, 50, 50, 50};
            for (int i = 0; i < 200; ++i) {
                const auto [t, p, b, l] = std::tuple{
                    left[0] > 0 ? Sender<std::string>(texts) : Sender<std::string>(),
                    left[1] > 0 ? Sender<std::unique_ptr<int>>(pointers) : Sender<std::unique_ptr<int>>(),
                    left[2] > 0 ? Sender<Large>(blocks) : Sender<Large>(),
                    left[3] > 0 ? Sender<char>(letters) : Sender<char>()};
                Large block{};
                block.words[31] = 31;
                const Selected fired = select(on_send(t, std::string("text")),
                                              on_send(p, std::make_unique<int>(5)), on_send(b, block),
                                              on_send(l, 'x'));
                ASSERT_TRUE(fired);
                --left[fired.arm];
            }
        });
        int got[4] = {0, 0, 0, 0};
        for (int i = 0; i < 200; ++i) {
            std::string text;
            std::unique_ptr<int> pointer;
            Large block{};
            char letter = ' ';
            const Selected fired = select(on_receive(texts, text), on_receive(pointers, pointer),
                                          on_receive(blocks, block), on_receive(letters, letter));
            ASSERT_TRUE(fired);
            ++got[fired.arm];
            EXPECT_EQ(text, fired.arm == 0 ? "text" : "");
            EXPECT_EQ(pointer != nullptr && *pointer == 5, fired.arm == 1);
            EXPECT_EQ(block.words[31], fired.arm == 2 ? 31U : 0U);
            EXPECT_EQ(letter, fired.arm == 3 ? 'x' : ' ');
        }
        for (const int count : got)
            EXPECT_EQ(count, 50);
        EXPECT_TRUE(sender.join());
    });
}

}  // namespace
}  // namespace cprime::test
