// Scheduler under stress: random trees of coroutines that yield, sleep, join, throw and are cancelled, on 1 to 8 workers, with
// threads that are no workers in between. Every action has a ledger; what does not balance is a bug. Prints its seed;
// COROSCOPE_SEED=N runs that one again, COROSCOPE_STRESS_SECONDS=N runs longer than the second each of its cases takes.
#include <gtest/gtest.h>

#include <cprime/runtime.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "runtime/entry/runtime_state.h"

namespace cprime {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t number_from(const char* variable, std::uint64_t standard) {
    const char* value = std::getenv(variable);
    return value != nullptr ? std::strtoull(value, nullptr, 10) : standard;
}

// What happened, counted by the program itself.
struct Ledger {
    std::atomic<std::uint64_t> spawned{0};
    std::atomic<std::uint64_t> entered{0};
    std::atomic<std::uint64_t> left{0};
    std::atomic<std::uint64_t> thrown{0};
    std::atomic<std::uint64_t> caught{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<bool> stop{false};
};

struct Thrown {
    std::uint64_t value;
};

struct Entered {
    explicit Entered(Ledger& ledger) : ledger_(ledger) {
        ledger_.entered.fetch_add(1, std::memory_order_relaxed);
    }
    ~Entered() { ledger_.left.fetch_add(1, std::memory_order_relaxed); }
    Ledger& ledger_;
};

std::uint64_t act(Ledger& ledger, std::uint64_t seed, int depth);

std::vector<JoinHandle<std::uint64_t>> make_children(Ledger& ledger, std::mt19937_64& random, int depth) {
    std::vector<JoinHandle<std::uint64_t>> children;
    const std::uint64_t count = depth > 0 ? random() % 4 : 0;
    for (std::uint64_t i = 0; i < count; ++i) {
        ledger.spawned.fetch_add(1, std::memory_order_relaxed);
        children.push_back(
            spawn("node", [&ledger, seed = random(), depth] { return act(ledger, seed, depth - 1); }));
    }
    return children;
}

// Joins or lets go of each child; what a child returns or throws is computed from its seed and must fit.
void finish_children(Ledger& ledger, std::mt19937_64& random,
                     std::vector<JoinHandle<std::uint64_t>>& children) {
    for (auto& child : children) {
        if (random() % 5 == 0) child.cancel();
        if (random() % 7 == 0) {
            child.detach();
            continue;
        }
        try {
            const auto result = child.join();
            if (result.status() == Status::cancelled) child.detach();
        } catch (const Thrown&) {
            ledger.caught.fetch_add(1, std::memory_order_relaxed);
        }
    }
}

std::uint64_t act(Ledger& ledger, std::uint64_t seed, int depth) {
    const Entered entered(ledger);
    std::mt19937_64 random(seed);
    auto children = make_children(ledger, random, depth);
    for (std::uint64_t step = random() % 6; step > 0; --step) {
        const std::uint64_t before = seed * 31 + step;
        volatile std::uint64_t on_stack = before;
        switch (random() % 4) {
            case 0:
                sleep_for(std::chrono::microseconds(random() % 200));
                break;
            case 1:
                try {
                    throw Thrown{before};
                } catch (const Thrown& thrown) {
                    yield();
                    if (thrown.value != before) ledger.wrong.fetch_add(1);
                }
                break;
            default:
                yield();
        }
        if (on_stack != before) ledger.wrong.fetch_add(1);
    }
    finish_children(ledger, random, children);
    if (random() % 11 == 0 && depth < 3) {
        ledger.thrown.fetch_add(1, std::memory_order_relaxed);
        throw Thrown{seed};
    }
    return seed;
}

class SchedulerStress : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Workers, SchedulerStress, testing::Values(1U, 2U, 4U, 8U),
                         testing::PrintToStringParamName());

TEST_P(SchedulerStress, trees_of_coroutines_balance) {
    const std::uint64_t seed = number_from("COROSCOPE_SEED", std::random_device{}());
    const auto seconds = std::chrono::seconds(number_from("COROSCOPE_STRESS_SECONDS", 1));
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    testing::internal::CaptureStderr();  // detached children that throw say so, as they should
    Ledger ledger;
    {
        Runtime runtime({.workers = GetParam()});
        const auto end = Clock::now() + seconds;
        std::vector<std::thread> outside;
        for (std::uint64_t t = 0; t < 2; ++t) {
            outside.emplace_back([&ledger, end, random = std::mt19937_64(seed + t)]() mutable {
                while (Clock::now() < end) {
                    ledger.spawned.fetch_add(1, std::memory_order_relaxed);
                    auto root = spawn("root", [&ledger, next = random()] { return act(ledger, next, 4); });
                    if (random() % 4 == 0) root.cancel();
                    try {
                        root.join();
                    } catch (const Thrown&) {
                        ledger.caught.fetch_add(1, std::memory_order_relaxed);
                    }
                }
            });
        }
        for (auto& thread : outside)
            thread.join();
        runtime.wait();
        for (std::uint8_t pool = 0; pool < detail::kPoolsCount; ++pool)
            EXPECT_EQ(detail::g_runtime->pools.used(pool), 0U);
    }
    testing::internal::GetCapturedStderr();
    EXPECT_EQ(ledger.wrong.load(), 0U);
    EXPECT_EQ(ledger.entered.load(), ledger.spawned.load());
    EXPECT_EQ(ledger.left.load(), ledger.spawned.load());
    EXPECT_LE(ledger.caught.load(), ledger.thrown.load());
    EXPECT_GT(ledger.spawned.load(), 0U);
}

TEST_P(SchedulerStress, sleepers_are_woken_once_each_by_deadline_or_cancel) {
    const std::uint64_t seed = number_from("COROSCOPE_SEED", std::random_device{}());
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    std::atomic<int> woken{0};
    constexpr int kSleepers = 400;
    run({.workers = GetParam()}, [&woken, seed] {
        std::mt19937_64 random(seed);
        for (int round = 0; round < 10; ++round) {
            std::vector<JoinHandle<void>> sleepers;
            for (int i = 0; i < kSleepers; ++i) {
                sleepers.push_back(spawn("sleeper", [&woken, us = random() % 300] {
                    sleep_for(std::chrono::microseconds(us));
                    woken.fetch_add(1, std::memory_order_relaxed);
                }));
            }
            for (auto& sleeper : sleepers) {
                if (random() % 2 == 0) sleeper.cancel();
            }
            for (auto& sleeper : sleepers)
                sleeper.join();
        }
    });
    EXPECT_EQ(woken.load(), 10 * kSleepers);
}

TEST_P(SchedulerStress, everybody_joins_one_and_wakes) {
    std::atomic<int> woken{0};
    run({.workers = GetParam()}, [&woken] {
        for (int round = 0; round < 50; ++round) {
            auto target = spawn("target", [] { sleep_for(std::chrono::microseconds(50)); });
            std::vector<std::uint64_t> requests;
            std::vector<JoinHandle<void>> joiners;
            const std::uint64_t id = target.id();
            std::uint32_t index = 0;
            while (detail::detail(index).identity.load() != id)
                ++index;
            for (int i = 0; i < 20; ++i) {
                // Handles are unique; what they ask the runtime may be asked by many at once.
                joiners.push_back(spawn("joiner", [&woken, id, index] {
                    detail::JoinRequest request;
                    request.target = index;
                    request.identity = id;
                    detail::park(&detail::join_coroutine, &request);
                    woken.fetch_add(1, std::memory_order_relaxed);
                }));
                if (i % 3 == 0) joiners.back().cancel();
            }
            for (auto& joiner : joiners)
                joiner.join();
            target.join();
        }
    });
    EXPECT_EQ(woken.load(), 50 * 20);
}

}  // namespace
}  // namespace cprime
