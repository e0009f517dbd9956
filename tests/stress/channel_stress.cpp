// Channels under real concurrency: many coroutines and threads, all operations, and books that must balance at the end.
//
// Runs at 1, 2, 4 and 8 workers; the sanitizer builds run it too. The seed is printed; COROSCOPE_SEED sets it.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace cprime {
namespace {

std::uint64_t seed() {
    static const std::uint64_t chosen = [] {
        const char* given = std::getenv("COROSCOPE_SEED");
        const std::uint64_t value = given != nullptr ? std::strtoull(given, nullptr, 10)
                                                     : std::random_device{}();
        std::printf("COROSCOPE_SEED=%llu\n", static_cast<unsigned long long>(value));
        return value;
    }();
    return chosen;
}

// xorshift: coroutines have no room for the generators of <random>.
struct Random {
    std::uint64_t state;
    explicit Random(std::uint64_t salt) : state((seed() + salt) * 0x9e3779b97f4a7c15ULL | 1) {}
    std::uint64_t below(std::uint64_t bound) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (state >> 20) % bound;
    }
};

class ChannelStress : public testing::TestWithParam<unsigned> {
protected:
    Runtime runtime_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(workers, ChannelStress, testing::Values(1U, 2U, 4U, 8U));

struct Books {
    std::atomic<std::uint64_t> sent{0}, received{0};          // items
    std::atomic<std::uint64_t> sum_sent{0}, sum_received{0};  // of their values
};

template <typename T>
T make_item(std::uint64_t value) {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
        return value;
    } else {
        return std::make_unique<std::uint64_t>(value);
    }
}
std::uint64_t value_of(std::uint64_t item) {
    return item;
}
std::uint64_t value_of(const std::unique_ptr<std::uint64_t>& item) {
    return *item;
}

template <typename T>
void send_some(const Sender<T>& out, Books& books, std::uint64_t salt, int items) {
    Random random(salt);
    for (int i = 0; i < items; ++i) {
        const std::uint64_t value = random.below(1000);
        T item = make_item<T>(value);
        const Status status = random.below(4) == 0 ? out.try_send(static_cast<T&&>(item)).status()
                                                   : out.send(static_cast<T&&>(item)).status();
        if (status == Status::ok) {
            ++books.sent;
            books.sum_sent += value;
        } else if (status != Status::would_block) {
            return;
        }
        if (random.below(16) == 0) static_cast<void>(yield());
    }
}

template <typename T>
void receive_all(const Receiver<T>& in, Books& books, std::uint64_t salt) {
    Random random(salt);
    while (true) {
        const auto item = random.below(4) == 0 ? in.try_receive() : in.receive();
        if (item) {
            ++books.received;
            books.sum_received += value_of(*item);
        } else if (item.status() != Status::would_block) {
            return;
        } else {
            static_cast<void>(yield());
        }
    }
}

// Coroutines and two threads on one channel until the last sender is gone: what was sent is what was received.
template <typename T>
void everything_sent_is_received(Runtime& runtime, std::uint32_t capacity) {
    constexpr int kItems = 300;
    Books books;
    auto ends = make_channel<T>("stressed", capacity);
    std::thread sending([out = ends.sender, &books] { send_some(out, books, 1, kItems); });
    std::thread receiving([in = ends.receiver, &books] { receive_all(in, books, 2); });
    runtime.run([&] {
        for (std::uint64_t i = 0; i < 8; ++i) {
            spawn_detached("sender",
                           [out = ends.sender, &books, i] { send_some(out, books, 10 + i, kItems); });
            spawn_detached("receiver", [in = ends.receiver, &books, i] { receive_all(in, books, 20 + i); });
        }
        ends.sender.reset();
        ends.receiver.reset();
    });
    sending.join();
    receiving.join();
    EXPECT_EQ(books.sent, books.received);
    EXPECT_EQ(books.sum_sent, books.sum_received);
    EXPECT_GT(books.sent, 0U);
}

TEST_P(ChannelStress, plain_values_unbuffered) {
    everything_sent_is_received<std::uint64_t>(runtime_, 0);
}
TEST_P(ChannelStress, plain_values_buffered) {
    everything_sent_is_received<std::uint64_t>(runtime_, 7);
}
TEST_P(ChannelStress, objects_unbuffered) {
    everything_sent_is_received<std::unique_ptr<std::uint64_t>>(runtime_, 0);
}
TEST_P(ChannelStress, objects_buffered) {
    everything_sent_is_received<std::unique_ptr<std::uint64_t>>(runtime_, 7);
}

// Coroutines that wait on a channel are cancelled while others serve them, and the channel closes in the middle of it all: everybody
// ends, and nothing is received that was not sent.
TEST_P(ChannelStress, cancelling_and_closing_lose_nobody) {
    for (int round = 0; round < 20; ++round) {
        Books books;
        std::atomic<int> ended{0};
        runtime_.run([&] {
            auto ends = make_channel<std::unique_ptr<std::uint64_t>>("cancelled", round % 2 == 0 ? 0 : 3);
            std::vector<JoinHandle<void>> handles;
            for (std::uint64_t i = 0; i < 12; ++i) {
                const std::uint64_t salt = static_cast<std::uint64_t>(round) * 100 + i;
                handles.push_back(spawn("sender", [out = ends.sender, &books, &ended, salt] {
                    send_some(out, books, salt, 100);
                    ++ended;
                }));
                handles.push_back(spawn("receiver", [in = ends.receiver, &books, &ended, salt] {
                    receive_all(in, books, salt + 50);
                    ++ended;
                }));
            }
            Random random(static_cast<std::uint64_t>(round));
            for (int i = 0; i < 10; ++i) {
                handles[random.below(handles.size())].cancel();
                static_cast<void>(yield());
            }
            ends.sender.close();
            for (auto& handle : handles)
                EXPECT_TRUE(handle.join());
            // What was sent and not received is still in the buffer.
            while (ends.receiver.receive())
                ++books.received;
        });
        EXPECT_EQ(ended, 24);
        EXPECT_EQ(books.sent, books.received);
    }
}

// Channels are made, passed on inside of channels, and dropped, all the time.
TEST_P(ChannelStress, channels_come_and_go) {
    std::atomic<std::uint64_t> answered{0};
    runtime_.run([&] {
        struct Question {
            std::uint64_t number;
            Sender<std::uint64_t> answer;
        };
        auto questions = make_channel<Question>("questions", 4);
        for (int i = 0; i < 4; ++i) {
            spawn_detached("oracle", [in = questions.receiver] {
                while (auto question = in.receive())
                    static_cast<void>(question->answer.send(question->number * 2));
            });
        }
        for (std::uint64_t i = 0; i < 16; ++i) {
            spawn_detached("asker", [out = questions.sender, &answered, i] {
                for (std::uint64_t n = 0; n < 100; ++n) {
                    auto answer = make_channel<std::uint64_t>("answer", i % 2);
                    if (!out.send(Question{n, std::move(answer.sender)})) return;
                    const auto number = answer.receiver.receive();
                    if (number && *number == n * 2) ++answered;
                }
            });
        }
        questions.sender.reset();
        questions.receiver.reset();
    });
    EXPECT_EQ(answered, 1600U);
}

}  // namespace
}  // namespace cprime
