// WorkDeque with an owner and several thieves on threads of their own: every entry is taken once, and its contents arrive.
//
// The owner pushes, pops and takes in a random mixture that lets the deque run empty and grow; thieves steal one or half. Each
// entry has a word without atomics, written before its push and checked by who takes it, so that TSan sees a missing edge.
// WORK_DEQUE_STRESS_SEED repeats a run; WORK_DEQUE_STRESS_SECONDS makes it longer.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "runtime/scheduler/work_deque.h"

namespace cprime::detail {
namespace {

constexpr std::uint32_t kEntries = 100'000;  // of one round

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::uint32_t contents(std::uint32_t entry) {
    return entry * 0x9e37'79b9U + 1;
}

struct Round {
    WorkDeque deque{2, 1024};
    std::vector<std::uint32_t> written = std::vector<std::uint32_t>(kEntries);
    std::vector<std::atomic<std::uint8_t>> takes = std::vector<std::atomic<std::uint8_t>>(kEntries);
    std::atomic<std::uint32_t> taken{0};

    void took(std::uint32_t entry) {
        ASSERT_LT(entry, kEntries);
        ASSERT_EQ(written[entry], contents(entry));
        ASSERT_EQ(takes[entry].fetch_add(1, std::memory_order_relaxed), 0)
            << "entry " << entry << " was taken twice";
        taken.fetch_add(1, std::memory_order_relaxed);
    }
    bool done() const {
        return taken.load(std::memory_order_relaxed) == kEntries || testing::Test::HasFailure();
    }

    void own(std::uint64_t seed) {
        std::mt19937_64 random(seed);
        std::uint32_t next = 0;
        while (!done()) {
            const std::uint64_t choice = random() % 8;
            const bool filling = next / 2'000 % 2 == 0;  // waves that fill it and waves that drain it
            if (next < kEntries && choice < (filling ? 6U : 3U)) {
                written[next] = contents(next);
                if (deque.push(next)) ++next;
            } else {
                const std::uint32_t entry = choice % 2 == 0 ? deque.pop_newest<false>()
                                                            : deque.take_oldest<false>();
                if (entry != WorkDeque::kNothing) took(entry);
            }
        }
    }
    void thieve(std::uint64_t seed) {
        std::mt19937_64 random(seed);
        std::uint32_t out[16];
        while (!done()) {
            if (random() % 4 != 0) {
                const std::uint32_t entry = deque.steal();
                if (entry == WorkDeque::kNothing) std::this_thread::yield();
                if (entry != WorkDeque::kNothing && entry != WorkDeque::kLost) took(entry);
            } else {
                const std::uint32_t count = deque.steal_half(out, 16);
                for (std::uint32_t i = 0; i < count; ++i)
                    took(out[i]);
            }
        }
    }
};

class WorkDequeStress : public testing::TestWithParam<int> {};

TEST_P(WorkDequeStress, every_entry_is_taken_once_with_what_was_written_for_it) {
    const std::uint64_t seed = from_environment("WORK_DEQUE_STRESS_SEED", std::random_device{}());
    std::printf("WORK_DEQUE_STRESS_SEED=%llu\n", static_cast<unsigned long long>(seed));
    const auto end = std::chrono::steady_clock::now() +
                     std::chrono::seconds(from_environment("WORK_DEQUE_STRESS_SECONDS", 1));
    std::uint64_t rounds = 0;
    do {
        Round round;
        std::vector<std::thread> thieves;
        for (int i = 0; i < GetParam(); ++i)
            thieves.emplace_back([&round, seed, rounds, i] {
                round.thieve(seed + rounds * 100 + static_cast<unsigned>(i) + 1);
            });
        round.own(seed + rounds * 100);
        for (std::thread& thief : thieves)
            thief.join();
        ASSERT_FALSE(HasFailure());
        ASSERT_EQ(round.taken.load(), kEntries);
        ASSERT_EQ(round.deque.length(), 0U);
        ++rounds;
    } while (std::chrono::steady_clock::now() < end);
}
INSTANTIATE_TEST_SUITE_P(Thieves, WorkDequeStress, testing::Values(1, 2, 3, 7));

}  // namespace
}  // namespace cprime::detail
