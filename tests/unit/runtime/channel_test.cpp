// Channels as their users see them: order, waiting, closing, handles, threads, and what never happens to an item.
#include "channel_fixture.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace cprime::test {
namespace {

template <typename H, typename T>
concept Sends = requires(const H& handle, T item) {
    handle.send(std::move(item));
};
template <typename H, typename T>
concept TriesToSend = requires(const H& handle, T item) {
    handle.try_send(std::move(item));
};
template <typename H>
concept Receives = requires(const H& handle) {
    handle.receive();
};
template <typename H>
concept Closes = requires(const H& handle) {
    handle.close();
};

TEST(ChannelHandles, do_not_compile_beyond_their_right) {
    static_assert(Sends<Sender<int>, int> && TriesToSend<Sender<int>, int> && Closes<Sender<int>> &&
                  !Receives<Sender<int>>);
    static_assert(Receives<Receiver<int>> && !Sends<Receiver<int>, int> && !TriesToSend<Receiver<int>, int>);
    static_assert(!Closes<Receiver<int>>);
    static_assert(Sends<Channel<int>, int> && Receives<Channel<int>> && Closes<Channel<int>>);
    static_assert(std::is_constructible_v<Sender<int>, const Channel<int>&> &&
                  std::is_constructible_v<Receiver<int>, const Channel<int>&>);
    static_assert(!std::is_constructible_v<Sender<int>, const Receiver<int>&> &&
                  !std::is_constructible_v<Channel<int>, const Sender<int>&>);
    static_assert(sizeof(Sender<std::string>) == 8);
}

class Channels : public OnWorkers {};
INSTANTIATE_TEST_SUITE_P(workers, Channels, testing::Values(1U, 2U, 4U, 8U));

TEST_P(Channels, deliver_in_the_order_of_sending) {
    runtime_.run([] {
        for (const std::uint32_t capacity : {0U, 1U, 7U, 64U}) {
            auto [sender, receiver] = make_channel<int>("numbers", capacity);
            auto producer = spawn("producer", [out = std::move(sender)] {
                for (int i = 0; i < 500; ++i)
                    EXPECT_TRUE(out.send(i));
            });
            int expected = 0;
            while (auto number = receiver.receive())
                EXPECT_EQ(*number, expected++);
            EXPECT_EQ(expected, 500);
            EXPECT_TRUE(producer.join());
        }
    });
}

TEST_P(Channels, give_each_item_to_one_receiver) {
    constexpr int kItems = 2000;
    std::vector<std::atomic<int>> seen(kItems);
    runtime_.run([&] {
        auto [sender, receiver] = make_channel<int>("shared", 3);
        for (int i = 0; i < 4; ++i) {
            spawn_detached("receiver", [in = receiver, &seen] {
                while (auto number = in.receive())
                    seen[static_cast<std::size_t>(*number)].fetch_add(1);
            });
            spawn_detached("sender", [out = sender, i] {
                for (int n = i; n < kItems; n += 4)
                    EXPECT_TRUE(out.send(n));
            });
        }
    });
    for (const auto& count : seen)
        EXPECT_EQ(count.load(), 1);
}

TEST_P(Channels, carry_objects_without_copying_or_losing_them) {
    runtime_.run([] {
        for (const std::uint32_t capacity : {0U, 2U}) {
            auto [sender, receiver] = make_channel<std::unique_ptr<int>>("pointers", capacity);
            auto producer = spawn("producer", [out = std::move(sender)] {
                for (int i = 0; i < 300; ++i)
                    EXPECT_TRUE(out.send(std::make_unique<int>(i)));
            });
            int expected = 0;
            while (auto item = receiver.receive())
                EXPECT_EQ(**item, expected++);
            EXPECT_EQ(expected, 300);
            EXPECT_TRUE(producer.join());
        }
    });
}

TEST_P(Channels, move_and_destroy_items_on_their_users_stacks_only) {
    Tracked::moved_on_worker = 0;
    runtime_.run([] {
        for (const std::uint32_t capacity : {0U, 2U}) {
            auto [sender, receiver] = make_channel<Tracked>("tracked", capacity);
            auto producer = spawn("producer", [out = std::move(sender)] {
                int sent = 0;
                while (out.send(Tracked(sent)))
                    ++sent;
                EXPECT_GE(sent, 90);
            });
            for (int i = 0; i < 90; ++i)
                EXPECT_EQ(receiver.receive()->value, i);
            receiver.reset();  // what is left is destroyed with the channel
            EXPECT_TRUE(producer.join());
        }
    });
    EXPECT_EQ(Tracked::moved_on_worker, 0);
    EXPECT_EQ(Tracked::alive, 0);
}

TEST_P(Channels, wake_everybody_when_they_close) {
    std::atomic<int> closed{0};
    runtime_.run([&] {
        Channel<int> empty("empty");
        Channel<int> full("full", 1);
        EXPECT_TRUE(full.send(0));
        for (int i = 0; i < 50; ++i) {
            spawn_detached("receiver", [in = empty.receiver(), &closed] {
                closed += in.receive().status() == Status::closed;
            });
            spawn_detached("sender", [out = full.sender(), &closed] {
                closed += out.send(1).status() == Status::closed;
            });
        }
        yield_until([&] {
            return empty.statistics().receivers_waiting == 50 && full.statistics().senders_waiting == 50;
        });
        empty.close();
        full.close();
        full.close();
        EXPECT_EQ(full.send(2).status(), Status::closed);
        EXPECT_EQ(*full.receive(), 0) << "what was in the buffer is still there";
        EXPECT_EQ(full.receive().status(), Status::closed);
    });
    EXPECT_EQ(closed, 100);
}

TEST_P(Channels, serve_threads_that_are_no_workers) {
    constexpr int kItems = 500;
    Channel<int> to_coroutines("to coroutines", 2);
    Channel<std::string> to_thread("to thread");
    std::thread outside([&, out = to_coroutines.sender(), in = to_thread.receiver()]() mutable {
        for (int i = 0; i < kItems; ++i) {
            ASSERT_TRUE(out.send(i));
            const auto answer = in.receive();
            ASSERT_TRUE(answer);
            ASSERT_EQ(*answer, std::to_string(i));
        }
        out.reset();
        EXPECT_EQ(in.receive().status(), Status::closed);
    });
    runtime_.run([in = to_coroutines.receiver(), out = to_thread.sender(), &to_coroutines, &to_thread] {
        to_coroutines.reset();
        to_thread.reset();
        while (auto number = in.receive())
            EXPECT_TRUE(out.send(std::to_string(*number)));
    });
    outside.join();
}

TEST_P(Channels, answer_cancelled_to_who_would_wait_and_serve_who_would_not) {
    runtime_.run([] {
        auto [sender, receiver] = make_channel<int>("cancelled", 1);
        auto handle = spawn("receiver", [in = receiver] {
            EXPECT_EQ(in.receive().status(), Status::cancelled);
            EXPECT_EQ(in.receive().status(), Status::cancelled);
            return 1;
        });
        yield_until([&in = receiver] { return in.statistics().receivers_waiting == 1; });
        EXPECT_TRUE(handle.cancel());
        EXPECT_EQ(*handle.join(), 1);
        EXPECT_EQ(receiver.statistics().receivers_waiting, 0U);
        EXPECT_TRUE(sender.send(7));
        auto second = spawn("sender", [out = sender, in = receiver] {
            EXPECT_EQ(out.send(8).status(), Status::cancelled);
            EXPECT_EQ(*in.receive(), 7) << "an item that is there is not withheld";
            EXPECT_TRUE(out.send(9)) << "nor is room that is there";
        });
        yield_until([&out = sender] { return out.statistics().senders_waiting == 1; });
        second.cancel();
        EXPECT_TRUE(second.join());
        EXPECT_EQ(*receiver.receive(), 9);
    });
}

class ChannelOrder : public OnOneWorker {};

TEST_F(ChannelOrder, receive_wakes_the_oldest_sender_first) {
    std::vector<int> got;
    runtime_.run([&] {
        auto [sender, receiver] = make_channel<int>("unbuffered");
        for (int i = 0; i < 5; ++i)
            spawn_detached("sender", [out = sender, i] { static_cast<void>(out.send(i)); });
        sender.reset();
        static_cast<void>(cprime::yield());
        EXPECT_EQ(receiver.statistics().senders_waiting, 5U);
        while (auto number = receiver.receive())
            got.push_back(*number);
    });
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(ChannelOrder, send_wakes_the_oldest_receiver_first) {
    std::vector<int> order;
    runtime_.run([&] {
        auto [sender, receiver] = make_channel<int>("unbuffered");
        for (int i = 0; i < 5; ++i) {
            spawn_detached("receiver",
                           [in = receiver, i, &order] { order.push_back(i * 10 + *in.receive()); });
        }
        static_cast<void>(cprime::yield());
        for (int i = 0; i < 5; ++i)
            EXPECT_TRUE(sender.send(i));
    });
    EXPECT_EQ(order, (std::vector<int>{0, 11, 22, 33, 44}));
}

TEST_F(ChannelOrder, a_waiting_senders_item_takes_the_place_that_became_free) {
    runtime_.run([] {
        auto [sender, receiver] = make_channel<int>("buffered", 2);
        EXPECT_TRUE(sender.send(1));
        EXPECT_TRUE(sender.send(2));
        auto waiting = spawn("sender", [out = sender] { EXPECT_TRUE(out.send(3)); });
        static_cast<void>(cprime::yield());
        EXPECT_EQ(receiver.statistics().senders_waiting, 1U);
        EXPECT_EQ(*receiver.receive(), 1);
        EXPECT_EQ(receiver.statistics().length, 2U);
        EXPECT_EQ(sender.try_send(4).status(), Status::would_block);
        EXPECT_EQ(*receiver.receive(), 2);
        EXPECT_EQ(*receiver.receive(), 3);
        EXPECT_TRUE(waiting.join());
    });
}

TEST_F(ChannelOrder, coroutines_and_threads_wait_in_one_line) {
    std::vector<int> order;
    auto [sender, receiver] = make_channel<int>("mixed");
    std::thread first;
    runtime_.run([&] {
        spawn_detached("receiver", [in = receiver, &order] { order.push_back(*in.receive()); });
        static_cast<void>(cprime::yield());
        std::atomic<int> got{0};
        first = std::thread([in = receiver, &got] { got = *in.receive(); });
        // The thread stands in line when a viewer would see its block: one operation more.
        const auto& record = detail::g_channels.channel(0);
        yield_until([&] { return record.operations.load() >= 3; });
        spawn_detached("receiver", [in = receiver, &order] { order.push_back(*in.receive()); });
        static_cast<void>(cprime::yield());
        for (int i = 1; i <= 3; ++i)
            EXPECT_TRUE(sender.send(i));
        yield_until([&] { return got.load() != 0; });
        EXPECT_EQ(got.load(), 2);
        first.join();
    });
    EXPECT_EQ(order, (std::vector<int>{1, 3}));
}

TEST_F(ChannelOrder, trying_never_waits) {
    runtime_.run([] {
        for (const std::uint32_t capacity : {0U, 1U}) {
            auto [sender, receiver] = make_channel<std::string>("tried", capacity);
            EXPECT_EQ(receiver.try_receive().status(), Status::would_block);
            std::string item = "item";
            if (capacity == 0) {
                EXPECT_EQ(sender.try_send(std::move(item)).status(), Status::would_block);
                EXPECT_EQ(item, "item") << "what was not sent stays with the caller";
                spawn_detached("sender", [out = sender] { static_cast<void>(out.send(std::string("item"))); });
                static_cast<void>(cprime::yield());
            } else {
                EXPECT_TRUE(sender.try_send(std::move(item)));
                std::string second = "second";
                EXPECT_EQ(sender.try_send(std::move(second)).status(), Status::would_block);
                EXPECT_EQ(second, "second");
            }
            EXPECT_EQ(*receiver.try_receive(), "item");
            static_cast<void>(cprime::yield());
            sender.reset();
            EXPECT_EQ(receiver.try_receive().status(), Status::closed);
        }
    });
}

TEST_F(ChannelOrder, an_item_that_is_refused_stays_with_its_sender) {
    runtime_.run([] {
        for (const std::uint32_t capacity : {0U, 1U}) {
            Channel<std::unique_ptr<int>> channel("refused", capacity);
            channel.close();
            auto item = std::make_unique<int>(5);
            EXPECT_EQ(channel.send(std::move(item)).status(), Status::closed);
            ASSERT_NE(item, nullptr);
            EXPECT_EQ(*item, 5);
        }
    });
}

TEST_F(ChannelOrder, the_last_sender_closes) {
    runtime_.run([] {
        auto [sender, receiver] = make_channel<int>("channel", 4);
        Sender<int> second = sender;
        sender.reset();
        EXPECT_TRUE(second.send(1));
        second = Sender<int>();
        EXPECT_EQ(*receiver.receive(), 1);
        EXPECT_EQ(receiver.receive().status(), Status::closed);
        EXPECT_TRUE(receiver.statistics().closed);
    });
}

TEST_F(ChannelOrder, the_last_receiver_closes) {
    runtime_.run([] {
        auto [sender, receiver] = make_channel<int>("channel");
        auto waiting = spawn("sender", [out = sender] { EXPECT_EQ(out.send(1).status(), Status::closed); });
        static_cast<void>(cprime::yield());
        receiver.reset();
        EXPECT_TRUE(waiting.join());
        EXPECT_EQ(sender.send(2).status(), Status::closed);
    });
}

TEST_F(ChannelOrder, a_waiting_receiver_is_released_when_the_handle_it_uses_goes) {
    runtime_.run([] {
        auto receiver = std::make_unique<Receiver<int>>();
        Sender<int> sender;
        {
            auto [s, r] = make_channel<int>("borrowed");
            sender = std::move(s);
            *receiver = std::move(r);
        }
        auto waiting = spawn(
            "receiver", [&borrowed = *receiver] { EXPECT_EQ(borrowed.receive().status(), Status::closed); });
        static_cast<void>(cprime::yield());
        receiver.reset();
        sender.reset();  // the channel is gone; its waiter got its answer
        EXPECT_TRUE(waiting.join());
    });
}

TEST(ChannelLifetime, items_left_in_a_channel_are_destroyed_once_even_if_it_outlives_its_runtime) {
    Tracked::alive = 0;
    Channel<Tracked>* outlives = nullptr;
    {
        Runtime runtime({.workers = 2});
        runtime.run([&] {
            outlives = new Channel<Tracked>("outlives", 3);
            EXPECT_TRUE(outlives->send(Tracked(1)));
            EXPECT_TRUE(outlives->send(Tracked(2)));
        });
        EXPECT_EQ(Tracked::alive, 2);
    }
    EXPECT_EQ(Tracked::alive, 0);
    Runtime next({.workers = 1});
    Channel<int> innocent("innocent");
    delete outlives;  // names a channel of the runtime before: nobody is harmed
    EXPECT_FALSE(innocent.statistics().closed);
}

// Cancels a coroutine while it is moved, which is while the one who receives it has been taken out and has not been woken.
struct Meddler {
    explicit Meddler(JoinHandle<void>* target) : whom(target) {}
    Meddler(Meddler&& other) noexcept : whom(other.whom) {
        if (whom != nullptr) whom->cancel();
    }
    Meddler& operator=(Meddler&& other) noexcept {
        whom = other.whom;
        if (whom != nullptr) whom->cancel();
        return *this;
    }
    ~Meddler() {}
    JoinHandle<void>* whom;
};

// receive(receiver) is done by a coroutine that the item cancels while it moves to it.
template <typename F>
void send_a_meddler(F receive) {
    auto [sender, receiver] = make_channel<Meddler>("meddler");
    auto waiting = spawn("waits", [receive, in = std::move(receiver)] { receive(in); });
    while (sender.statistics().receivers_waiting == 0)
        static_cast<void>(yield());
    Meddler item(nullptr);
    item.whom = &waiting;
    EXPECT_TRUE(sender.send(std::move(item)));
    waiting.join();
}

TEST_P(Channels, serve_whoever_is_cancelled_while_the_item_moves) {
    runtime_.run([] {
        send_a_meddler([](const Receiver<Meddler>& in) {
            EXPECT_TRUE(in.receive());
            EXPECT_EQ(in.receive().status(), Status::cancelled);
        });
    });
}

TEST_P(Channels, serve_whoever_is_cancelled_in_a_select_while_the_item_moves) {
    runtime_.run([] {
        send_a_meddler([](const Receiver<Meddler>& in) {
            Meddler item(nullptr);
            EXPECT_TRUE(select(on_receive(in, item)));
            EXPECT_EQ(select(on_receive(in, item)).status, Status::cancelled);
        });
    });
}

TEST(ChannelLifetime, a_thread_that_waits_is_let_go_when_the_runtime_ends) {
    std::thread outside;
    Sender<int> keeps_it_open;
    {
        Runtime runtime({.workers = 1});
        runtime.run([] {});
        Channel<int> channel("never");
        keeps_it_open = channel.sender();
        outside = std::thread([in = channel.receiver()]() mutable {
            EXPECT_EQ(in.receive().status(), Status::cancelled);
            in.reset();
        });
        const auto& record = detail::g_channels.channel(0);
        while (record.operations.load() < 2)
            std::this_thread::yield();
    }
    outside.join();
}

TEST(ChannelMisuseDeathTest, is_named_in_one_sentence) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    EXPECT_DEATH(Channel<int>("no runtime"), "cprime: Channel was called while there is no cprime::Runtime");
    EXPECT_DEATH(
        {
            Runtime runtime({.workers = 1});
            runtime.run([] { static_cast<void>(Sender<int>().send(1)); });
        },
        "cprime: send was called on an empty handle");
}

}  // namespace
}  // namespace cprime::test
