// Broadcast: everybody gets everything, slow ones hold up or lose, and nothing is left behind.
#include <cprime/broadcast.h>

#include <memory>
#include <string>

#include "sync_fixture.h"

namespace cprime::test {
namespace {

INSTANTIATE_WITH_WORKERS(Synchronised);

constexpr int kItems = kRounds / 5;

TEST_P(Synchronised, every_subscriber_gets_every_item_in_order) {
    run([] {
        Broadcast<int> numbers("numbers", 4);
        std::vector<JoinHandle<int>> readers;
        for (int r = 0; r < 5; ++r) {
            readers.push_back(spawn("reader", [inbox = numbers.subscribe()]() mutable {
                int next = 0;
                while (auto number = inbox.receive()) {
                    if (*number != next) return -1;
                    ++next;
                }
                EXPECT_EQ(inbox.missed(), 0U);
                return next;
            }));
        }
        for (int i = 0; i < kItems; ++i)
            EXPECT_TRUE(numbers.send(i));
        numbers.close();
        for (auto& reader : readers)
            EXPECT_EQ(*reader.join(), kItems);
    });
}

// Counts how many of it there are.
struct Counted {
    static inline std::atomic<int> alive{0};
    explicit Counted(std::string what) : text(std::move(what)) { ++alive; }
    Counted(const Counted& other) : text(other.text) { ++alive; }
    Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++alive; }
    ~Counted() { --alive; }
    Counted& operator=(const Counted&) = delete;
    std::string text;
};

TEST_P(Synchronised, objects_are_copied_for_each_and_none_is_left) {
    Counted::alive = 0;
    run([] {
        Broadcast<Counted> texts("texts", 3);
        std::vector<JoinHandle<int>> readers;
        for (int r = 0; r < 3; ++r) {
            readers.push_back(spawn("reader", [inbox = texts.subscribe(), r]() mutable {
                int next = 0;
                while (r != 1 || next < kItems / 2) {  // the second one leaves half way
                    auto text = inbox.receive();
                    if (!text) break;
                    if (text->text != "a text of more than a few letters: " + std::to_string(next)) return -1;
                    ++next;
                }
                return next;
            }));
        }
        for (int i = 0; i < kItems; ++i)
            EXPECT_TRUE(texts.send(Counted("a text of more than a few letters: " + std::to_string(i))));
        texts.close();
        EXPECT_EQ(*readers[0].join(), kItems);
        EXPECT_EQ(*readers[1].join(), kItems / 2);
        EXPECT_EQ(*readers[2].join(), kItems);
    });
    EXPECT_EQ(Counted::alive, 0);
}

TEST_P(Synchronised, a_sender_waits_for_the_slowest) {
    run([] {
        Broadcast<int> numbers("numbers", 2);
        auto slow = numbers.subscribe();
        auto fast = numbers.subscribe();
        EXPECT_TRUE(numbers.send(1));
        EXPECT_TRUE(numbers.send(2));
        EXPECT_EQ(*fast.receive(), 1);
        EXPECT_EQ(*fast.receive(), 2);
        EXPECT_EQ(numbers.try_send(3).status(), Status::would_block);
        EXPECT_EQ(numbers.send_for(3, 1ms).status(), Status::timed_out);
        auto sending = spawn("sender", [numbers] { EXPECT_TRUE(numbers.send(3)); });
        EXPECT_EQ(*slow.receive(), 1);
        EXPECT_TRUE(sending.join());
        EXPECT_EQ(*fast.receive(), 3);
        auto another = spawn("sender", [numbers] { EXPECT_TRUE(numbers.send(4)); });
        slow.unsubscribe();
        EXPECT_TRUE(another.join()) << "who has left holds up nobody";
        EXPECT_EQ(*fast.receive(), 4);
        EXPECT_EQ(fast.try_receive().status(), Status::would_block);
    });
}

TEST_P(Synchronised, one_that_lags_loses_the_oldest_and_learns_how_many) {
    run([] {
        Broadcast<std::string> texts("texts", 4, BroadcastMode::lagging);
        auto slow = texts.subscribe();
        auto fast = texts.subscribe();
        for (int i = 0; i < 10; ++i) {
            EXPECT_TRUE(texts.send(std::to_string(i)));
            EXPECT_EQ(*fast.receive(), std::to_string(i));
        }
        EXPECT_EQ(fast.missed(), 0U);
        for (int i = 6; i < 10; ++i)
            EXPECT_EQ(*slow.receive(), std::to_string(i));
        EXPECT_EQ(slow.missed(), 6U);
        EXPECT_EQ(slow.receive_for(1ms).status(), Status::timed_out);
    });
}

TEST_P(Synchronised, one_gets_what_is_sent_after_it_came_and_until_the_last_sender_goes) {
    run([] {
        std::optional<Broadcast<int>> numbers(std::in_place, "numbers", 8U);
        EXPECT_TRUE(numbers->send(1)) << "nobody is there, and the item is gone";
        auto inbox = numbers->subscribe();
        EXPECT_TRUE(numbers->send(2));
        auto copy = std::make_unique<Broadcast<int>>(*numbers);
        numbers.reset();
        EXPECT_TRUE(copy->send(3));
        copy.reset();
        EXPECT_EQ(*inbox.receive(), 2);
        EXPECT_EQ(*inbox.receive(), 3);
        EXPECT_EQ(inbox.receive().status(), Status::closed);
    });
}

TEST_P(Synchronised, an_object_that_was_not_sent_is_still_the_callers) {
    run([] {
        Broadcast<std::string> texts("texts", 1);
        auto inbox = texts.subscribe();
        std::string first(100, 'a'), second(100, 'b');
        EXPECT_TRUE(texts.send(std::move(first)));
        EXPECT_EQ(texts.try_send(std::move(second)).status(), Status::would_block);
        EXPECT_EQ(second, std::string(100, 'b'));
        texts.close();
        EXPECT_EQ(texts.send(std::move(second)).status(), Status::closed);
        EXPECT_EQ(second, std::string(100, 'b'));
        EXPECT_EQ(*inbox.receive(), std::string(100, 'a'));
    });
}

TEST_P(Synchronised, closing_and_cancelling_end_every_wait_for_items_and_for_room) {
    run([] {
        Broadcast<int> numbers("numbers", 1);
        auto full = numbers.subscribe();
        EXPECT_TRUE(numbers.send(1));
        auto cancelled_sender = spawn("sender",
                                      [numbers] { EXPECT_EQ(numbers.send(2).status(), Status::cancelled); });
        auto cancelled_reader = spawn("reader", [inbox = numbers.subscribe()]() mutable {
            EXPECT_EQ(inbox.receive().status(), Status::cancelled);
        });
        cancelled_sender.cancel();
        cancelled_reader.cancel();
        EXPECT_TRUE(cancelled_sender.join());
        EXPECT_TRUE(cancelled_reader.join());
        auto sender = spawn("sender", [numbers] { EXPECT_EQ(numbers.send(2).status(), Status::closed); });
        auto reader = spawn("reader", [inbox = numbers.subscribe()]() mutable {
            EXPECT_EQ(inbox.receive().status(), Status::closed);
        });
        for (int i = 0; i < 20; ++i)
            static_cast<void>(yield());
        numbers.close();
        EXPECT_TRUE(sender.join());
        EXPECT_TRUE(reader.join());
        EXPECT_EQ(*full.receive(), 1);
        EXPECT_EQ(full.receive().status(), Status::closed);
    });
}

TEST_P(Synchronised, coming_and_going_while_several_send_loses_nothing_for_those_who_stay) {
    run([] {
        Broadcast<std::string> texts("texts", 3);
        std::vector<JoinHandle<int>> stay;
        for (int r = 0; r < 2; ++r) {
            stay.push_back(spawn("stay", [inbox = texts.subscribe()]() mutable {
                int count = 0;
                while (inbox.receive())
                    ++count;
                return count;
            }));
        }
        std::vector<JoinHandle<void>> others;
        for (int s = 0; s < 3; ++s) {
            others.push_back(spawn("sender", [texts] {
                for (int i = 0; i < kItems / 4; ++i)
                    EXPECT_TRUE(texts.send("a text of more than a few letters"));
            }));
            others.push_back(spawn("visitor", [texts] {
                for (int i = 0; i < kItems / 20; ++i) {
                    auto inbox = texts.subscribe();
                    static_cast<void>(inbox.receive_for(20us));
                    static_cast<void>(yield());
                }
            }));
        }
        for (auto& one : others)
            EXPECT_TRUE(one.join());
        texts.close();
        for (auto& one : stay)
            EXPECT_EQ(*one.join(), 3 * (kItems / 4));
    });
}

TEST_P(Synchronised, threads_send_and_subscribe) {
    Runtime runtime({.workers = GetParam()});
    Broadcast<int> numbers("numbers", 2);
    std::thread thread([inbox = numbers.subscribe(), numbers]() mutable {
        for (int i = 0; i < 100; ++i)
            EXPECT_EQ(*inbox.receive(), i);
    });
    runtime.run([&] {
        for (int i = 0; i < 100; ++i)
            EXPECT_TRUE(numbers.send(i));
    });
    thread.join();
}

}  // namespace
}  // namespace cprime::test
