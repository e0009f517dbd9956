// Select among everything else: coroutines and threads play random scripts of sends, receives, selects, tries, time limits, cancellations and
// closes over a few channels, and the books are closed at the end.
//
// Checked, round by round:
//   no item is lost      what was sent was received, or is found in the buffers afterwards
//   none is doubled      each item was received once
//   order is kept        two items of one sender on one channel reach one receiver in the order in which they were sent
//   nobody is forgotten  everybody ends once the channels are closed, no wait list holds anybody, every arm is given back
//
// Runs at 1, 2, 4 and 8 workers for a second each; COROSCOPE_STRESS_SECONDS=N for longer. The seed is printed; COROSCOPE_SEED sets it.
#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "instrumentation/wire/segment.h"
#include "runtime/channels/arms.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"

namespace cprime {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

// xorshift: coroutines have no room for the generators of <random>.
class Random {
public:
    explicit Random(std::uint64_t salt) : state_((salt + 1) * 0x9e3779b97f4a7c15ULL | 1) {}
    std::uint32_t below(std::uint32_t bound) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>((state_ >> 32) * bound >> 32);
    }
    std::uint64_t next() { return static_cast<std::uint64_t>(below(1U << 31)) << 31 | below(1U << 31); }

private:
    std::uint64_t state_;
};

// Whose item it is, on which channel, and its number among those.
struct Label {
    std::uint16_t sender = 0, channel = 0;
    std::uint32_t number = 0;
};
template <typename T>
T make_item(Label label) {
    if constexpr (std::is_same_v<T, Label>) {
        return label;
    } else {
        return std::make_unique<Label>(label);
    }
}
Label label_of(const Label& item) {
    return item;
}
Label label_of(const std::unique_ptr<Label>& item) {
    return *item;
}

constexpr std::size_t kChannels = 3, kPlayers = 10, kOutsiders = 2, kEverybody = kPlayers + kOutsiders;
constexpr int kMovesMost = 200;

// What one player did. Only its own coroutine or thread writes it.
struct Diary {
    std::array<std::uint32_t, kChannels> sent{};  // items that were answered ok
    std::vector<Label> received;
};

template <typename T>
struct Table {
    std::array<Sender<T>, kChannels> out;
    std::array<Receiver<T>, kChannels> in;
};

// One coroutine or thread with its script.
template <typename T>
class Player {
public:
    Player(std::uint16_t who, std::uint64_t seed, Table<T> table, Diary& diary)
        : who_(who), random_(seed), table_(std::move(table)), diary_(diary) {}

    // Plays until its moves are over, it is cancelled, or it meets a closed channel; then drains, if it may.
    void play() {
        for (int moves = static_cast<int>(random_.below(kMovesMost)); moves > 0; --moves) {
            const Status status = move();
            if (status == Status::cancelled || status == Status::closed) break;
            if (random_.below(16) == 0) static_cast<void>(yield());
        }
        for (auto& out : table_.out)
            out.reset();
        while (drain()) {
        }
        for (auto& in : table_.in)
            in.reset();
    }

private:
    std::size_t any() { return random_.below(kChannels); }
    T next_item(std::size_t channel) {
        return make_item<T>({who_, static_cast<std::uint16_t>(channel), diary_.sent[channel]});
    }
    Status sent(std::size_t channel, Status status) {
        if (status == Status::ok) ++diary_.sent[channel];
        return status;
    }
    template <typename R>
    Status received(const R& result) {
        if (result) diary_.received.push_back(label_of(*result));
        return result.status();
    }

    Status move() {
        const std::size_t channel = any();
        const microseconds patience(random_.below(200));
        switch (random_.below(8)) {
            case 0:
                return sent(channel, table_.out[channel].send(next_item(channel)).status());
            case 1:
                return sent(channel, table_.out[channel].try_send(next_item(channel)).status());
            case 2:
                return sent(channel, table_.out[channel].send_for(next_item(channel), patience).status());
            case 3:
                return received(table_.in[channel].receive());
            case 4:
                return received(table_.in[channel].try_receive());
            case 5:
                return received(table_.in[channel].receive_for(patience));
            default:
                return choose(channel, any(), patience);
        }
    }

    // Any of two sends and two receives, of which the channels may be the same.
    Status choose(std::size_t a, std::size_t b, microseconds patience) {
        T to_a = next_item(a), to_b = next_item(b), from_a{}, from_b{};
        Selected fired{};
        switch (random_.below(4)) {
            case 0:
                fired = select(on_send(table_.out[a], std::move(to_a)), on_receive(table_.in[b], from_b));
                break;
            case 1:
                fired = select(on_send(table_.out[a], std::move(to_a)), on_receive(table_.in[b], from_b),
                               on_send(table_.out[b], std::move(to_b)), on_receive(table_.in[a], from_a),
                               on_timeout(patience));
                break;
            case 2:
                fired = select(otherwise(), on_receive(table_.in[b], from_b),
                               on_send(table_.out[b], std::move(to_b)), on_receive(table_.in[a], from_a));
                break;
            default:
                fired = select(on_timeout(patience), on_receive(table_.in[b], from_b), otherwise_never(),
                               on_receive(table_.in[a], from_a));
                break;
        }
        if (!fired) return fired.status;
        switch (fired.arm) {
            case 0:
                return sent(a, Status::ok);
            case 1:
                diary_.received.push_back(label_of(from_b));
                return Status::ok;
            case 2:
                return sent(b, Status::ok);
            default:
                diary_.received.push_back(label_of(from_a));
                return Status::ok;
        }
    }
    // An arm that is never ready.
    auto otherwise_never() { return on_receive(nothing_, unused_); }

    // Receives from whatever is open; false when nothing is any more, or the player was cancelled.
    bool drain() {
        std::array<T, kChannels> into{};
        const Selected fired = select(on_receive(table_.in[0], into[0]), on_receive(table_.in[1], into[1]),
                                      on_receive(table_.in[2], into[2]));
        if (fired) {
            diary_.received.push_back(label_of(into[fired.arm]));
            return true;
        }
        if (fired.status == Status::cancelled) return false;
        table_.in[fired.arm].reset();
        for (const auto& in : table_.in)
            if (in) return true;
        return false;
    }

    std::uint16_t who_;
    Random random_;
    Table<T> table_;
    Diary& diary_;
    Receiver<int> nothing_;
    int unused_ = 0;
};

void check_books(const std::array<Diary, kEverybody>& diaries, const std::vector<Label>& left) {
    // [channel][sender][number]: how often it was received.
    std::array<std::array<std::vector<int>, kEverybody>, kChannels> times;
    for (std::size_t channel = 0; channel < kChannels; ++channel) {
        for (std::size_t sender = 0; sender < kEverybody; ++sender)
            times[channel][sender].resize(diaries[sender].sent[channel]);
    }
    const auto note = [&](const Label& label) {
        auto& of_sender = times[label.channel][label.sender];
        ASSERT_LT(label.number, of_sender.size()) << "it was received, but its sender was told otherwise";
        ++of_sender[label.number];
    };
    for (const Diary& diary : diaries) {
        std::array<std::array<std::int64_t, kEverybody>, kChannels> last;
        for (auto& of_channel : last)
            of_channel.fill(-1);
        for (const Label& label : diary.received) {
            note(label);
            EXPECT_LT(last[label.channel][label.sender], label.number) << "items came out of order";
            last[label.channel][label.sender] = label.number;
        }
    }
    for (const Label& label : left)
        note(label);
    for (const auto& of_channel : times)
        for (const auto& of_sender : of_channel)
            for (const int count : of_sender)
                EXPECT_EQ(count, 1) << "an item was " << (count == 0 ? "lost" : "doubled");
}

void expect_nothing_left_behind() {
    for (std::uint32_t i = 0; i < detail::g_channels.channels_count(); ++i) {
        const auto& channel = detail::g_channels.channel(i);
        EXPECT_EQ(channel.first_sender.load(), coroscope::wire::kNone) << "channel " << i;
        EXPECT_EQ(channel.first_receiver.load(), coroscope::wire::kNone) << "channel " << i;
    }
    const auto section = static_cast<std::uint32_t>(coroscope::wire::SectionKind::kSelectArms);
    const std::uint32_t arms = detail::g_runtime->segment->header().sections[section].records_used.load();
    if (arms == 0) return;
    const std::uint32_t all = detail::g_arms.take(arms);
    detail::g_arms.give(all);
    EXPECT_EQ(detail::g_runtime->segment->header().sections[section].records_used.load(), arms)
        << "an arm was not given back";
}

template <typename T>
void play_round(Runtime& runtime, std::uint64_t seed) {
    Random random(seed);
    std::array<Diary, kEverybody> diaries;
    std::vector<Label> left;
    std::vector<std::thread> outsiders;
    {
        Table<T> table;
        for (std::size_t i = 0; i < kChannels; ++i) {
            auto ends = make_channel<T>("stressed", random.below(3));
            table.out[i] = std::move(ends.sender);
            table.in[i] = std::move(ends.receiver);
        }
        const std::array<Receiver<T>, kChannels> remains = table.in;
        for (std::size_t i = kPlayers; i < kEverybody; ++i) {
            outsiders.emplace_back([i, seed = random.next(), table, &diaries]() mutable {
                Player<T>(static_cast<std::uint16_t>(i), seed, std::move(table), diaries[i]).play();
            });
        }
        runtime.run([&, table = std::move(table)]() mutable {
            std::vector<JoinHandle<void>> players;
            for (std::size_t i = 0; i < kPlayers; ++i) {
                players.push_back(spawn("player", [i, seed = random.next(), table, &diaries]() mutable {
                    Player<T>(static_cast<std::uint16_t>(i), seed, std::move(table), diaries[i]).play();
                }));
            }
            // Some are cancelled in the middle of it, and the channels are closed one after the other: by then many only wait for each other.
            for (std::uint32_t n = random.below(4); n > 0; --n) {
                static_cast<void>(sleep_for(microseconds(random.below(100))));
                players[random.below(kPlayers)].cancel();
            }
            for (const auto& out : table.out) {
                static_cast<void>(sleep_for(microseconds(random.below(1000))));
                out.close();
            }
            for (auto& out : table.out)
                out.reset();
            for (auto& in : table.in)
                in.reset();
            for (auto& player : players)
                EXPECT_TRUE(player.join());
        });
        for (auto& outsider : outsiders)
            outsider.join();
        for (const auto& in : remains)
            while (auto item = in.try_receive())
                left.push_back(label_of(*item));
    }
    check_books(diaries, left);
    expect_nothing_left_behind();
}

class SelectStress : public testing::TestWithParam<unsigned> {
protected:
    template <typename T>
    void play() {
        static const std::uint64_t first = from_environment("COROSCOPE_SEED", std::random_device{}());
        const auto until = steady_clock::now() +
                           std::chrono::milliseconds(1000 * from_environment("COROSCOPE_STRESS_SECONDS", 1) /
                                                     2);
        std::uint64_t rounds = 0;
        Runtime runtime({.workers = GetParam()});
        for (; (rounds == 0 || steady_clock::now() < until) && !HasFailure(); ++rounds)
            play_round<T>(runtime, first + rounds);
        std::printf("COROSCOPE_SEED=%llu, %llu rounds\n", static_cast<unsigned long long>(first),
                    static_cast<unsigned long long>(rounds));
    }
};
INSTANTIATE_TEST_SUITE_P(workers, SelectStress, testing::Values(1U, 2U, 4U, 8U));

TEST_P(SelectStress, of_plain_values_loses_nothing_and_forgets_nobody) {
    play<Label>();
}
TEST_P(SelectStress, of_objects_loses_nothing_and_forgets_nobody) {
    play<std::unique_ptr<Label>>();
}

}  // namespace
}  // namespace cprime
