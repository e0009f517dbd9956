// What the actors of the soak share: channels, locks, a seed, and counters of what they did.
//
// Thread: everything here may be used by coroutines and threads at once, but for Random, which belongs to one.
#pragma once

#include <cprime/cprime.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace cprime::soak {

// xorshift: draws that depend on nothing but the seed.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_((seed + 1) * 0x9e3779b97f4a7c15ULL | 1) {}
    std::uint32_t below(std::uint32_t bound) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>((state_ >> 32) * bound >> 32);
    }
    bool one_in(std::uint32_t times) { return below(times) == 0; }
    Random another() { return Random(static_cast<std::uint64_t>(below(1U << 31)) << 31 | below(1U << 31)); }
    // A short time that is sometimes nothing.
    std::chrono::microseconds moment() { return std::chrono::microseconds(below(3) == 0 ? 0 : below(1500)); }

private:
    std::uint64_t state_;
};

// An item that is counted while it lives, and owns memory.
class Item {
public:
    Item() : Item(0) {}
    explicit Item(int number) : number_(std::make_unique<int>(number)) { alive.fetch_add(1); }
    Item(Item&& other) noexcept : number_(std::move(other.number_)) { alive.fetch_add(1); }
    Item& operator=(Item&&) noexcept = default;
    ~Item() { alive.fetch_sub(1); }

    static inline std::atomic<std::int64_t> alive{0};

private:
    std::unique_ptr<int> number_;
};

// Thrown through frames whose destructors wait.
struct Mishap : std::runtime_error {
    Mishap() : std::runtime_error("a mishap of the soak") {}
};

struct Counters {
    std::atomic<std::uint64_t> moves{0}, cancels{0}, closes{0}, mishaps{0}, partings{0}, blocking_calls{0},
        outside_moves{0}, scenes{0};
};
inline Counters counters;

// One round's. Made and destroyed by a thread that is no worker, while no coroutine lives.
struct World {
    static constexpr std::uint32_t kLines = 4, kTapes = 3;
    static constexpr std::uint32_t kGuestsMost = 64;

    std::array<Channel<Item>, kLines> lines{Channel<Item>("line"), Channel<Item>("line", 1),
                                            Channel<Item>("line", 5), Channel<Item>("line")};
    std::array<Channel<std::uint64_t>, kTapes> tapes{
        Channel<std::uint64_t>("tape"), Channel<std::uint64_t>("tape", 1), Channel<std::uint64_t>("tape", 32)};
    std::array<Mutex, 2> mutexes{Mutex("mutex"), Mutex("mutex")};
    SharedMutex shared_mutex{"shared"};
    Semaphore semaphore{3, "places"};
    ConditionVariable changed{"changed"};
    Event event{"event"};
    Once once{"once"};
    std::uint64_t guarded[2] = {0, 0};  // [i] by mutexes[i]
    std::uint64_t shared_guarded = 0;   // by shared_mutex
    std::atomic<int> inside_semaphore{0};
    std::atomic<std::uint32_t> guests{0};  // coroutines spawned by threads that have not ended: a slow worker does not drown in them
    std::atomic<bool> ending{false};  // written under mutexes[0] too
    unsigned workers = 1;

    void close_all() {
        for (const auto& line : lines)
            line.close();
        for (const auto& tape : tapes)
            tape.close();
    }
};

// Ends the soak at once, with a sentence.
[[noreturn]] void fail(const std::string& what);

// Moves by chance until they are over, the actor is cancelled, or it has had enough. Waits in whichever way there is; each wait ends by itself, by a
// closed channel, by World::ending, or by cancellation. Throws Mishap if it `may_throw`.
void act(World& world, Random random, int depth, bool may_throw);

// Something that needs several who know each other. Ends by itself.
void play_scene(World& world, Random random);
inline constexpr std::uint32_t kScenes = 8;

// A thread that is no worker: sends, receives, selects, locks, spawns, cancels and drops handles until the round ends.
void act_outside(World& world, Random random, const std::atomic<bool>& stop);

}  // namespace cprime::soak
