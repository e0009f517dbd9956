// Trim: memory of free stacks goes back, that of stacks in use stays, and nobody is handed a slot whose pages are going.
#include <gtest/gtest.h>

#include <cprime/cprime.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "pools_fixture.h"
#include "runtime/entry/runtime_state.h"
#include "workers_fixture.h"

namespace cprime {
namespace detail {
namespace {

class SlabTrim : public PoolsOf {
protected:
    std::uint32_t take(std::uint8_t pool) {
        const std::uint32_t slot = pools_.allocate(&workers_[0], pool);
        const auto bounds = pools_.bounds(pool, slot);
        std::memset(reinterpret_cast<void*>(bounds.low), 0x5a, bounds.high - bounds.low);
        if (pools_.has_canaries(pool)) pools_.arm_canary(pool, slot);
        return slot;
    }
    std::uint64_t resident(std::uint8_t pool, std::uint32_t slot) {
        const auto bounds = pools_.bounds(pool, slot);
        const std::uint64_t low = bounds.low & ~(wire::kPageBytes - 1);
        const std::uint64_t high = (bounds.high + wire::kPageBytes - 1) & ~(wire::kPageBytes - 1);
        std::vector<unsigned char> pages((high - low) / wire::kPageBytes);
        EXPECT_EQ(mincore(reinterpret_cast<void*>(low), high - low, pages.data()), 0);
        std::uint64_t count = 0;
        for (const unsigned char page : pages)
            count += page & 1;
        return count * wire::kPageBytes;
    }
    std::uint64_t trim(std::uint8_t pool, bool touched_too = true) {
        std::uint64_t bytes = 0;
        for (const std::uint32_t slab : workers_[0].slots.pools[pool].slabs)
            bytes += pools_.trim_slab(&workers_[0], pool, slab, touched_too).bytes;
        return bytes;
    }
};

TEST_F(SlabTrim, takes_what_free_stacks_hold_to_the_byte_and_leaves_the_others_alone) {
    std::vector<std::uint32_t> slots;
    for (int i = 0; i < 300; ++i)
        slots.push_back(take(kPoolMedium));
    const std::uint64_t each = pools_.geometry(kPoolMedium).slot_bytes;
    for (std::uint32_t i = 0; i < 300; ++i) {
        if (i % 3 != 0) pools_.free(&workers_[0], kPoolMedium, slots[i]);
    }
    EXPECT_EQ(trim(kPoolMedium), 200 * each);
    EXPECT_EQ(pools_.trimmed_bytes(kPoolMedium), 200 * each);
    EXPECT_EQ(trim(kPoolMedium), 0U) << "there is nothing left to give";
    for (std::uint32_t i = 0; i < 300; ++i) {
        const auto bounds = pools_.bounds(kPoolMedium, slots[i]);
        EXPECT_EQ(resident(kPoolMedium, slots[i]), i % 3 == 0 ? each : 0) << i;
        if (i % 3 == 0) {
            EXPECT_EQ(*reinterpret_cast<const unsigned char*>(bounds.low), 0x5a);
        }
        EXPECT_FALSE(can_be_read(bounds.low - 1)) << "guards stay";
    }
}

TEST_F(SlabTrim, of_small_slots_takes_whole_pages_and_their_canaries_are_written_anew) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < wire::kSlotsPerSlab; ++i)
        slots.push_back(take(kPoolMicro));
    for (std::uint32_t i = 0; i < wire::kSlotsPerSlab; ++i) {
        if (i != 100) pools_.free(&workers_[0], kPoolMicro, slots[i]);
    }
    const std::uint64_t all = wire::kSlotsPerSlab * pools_.geometry(kPoolMicro).slot_bytes;
    const std::uint64_t kept = std::max<std::uint64_t>(wire::kPageBytes,
                                                       pools_.geometry(kPoolMicro).slot_bytes);
    EXPECT_EQ(trim(kPoolMicro), all - kept);
    EXPECT_TRUE(pools_.has_canary(kPoolMicro, slots[100]));
    EXPECT_TRUE(pools_.canary_intact(kPoolMicro, slots[100]));
    EXPECT_FALSE(pools_.has_canary(kPoolMicro, slots[300])) << "it went with its page";
    EXPECT_TRUE(pools_.canary_intact(kPoolMicro, slots[300])) << "what is not there is not damaged";
    for (std::uint32_t i = 0; i + 1 < wire::kSlotsPerSlab; ++i) {
        const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolMicro);
        pools_.arm_canary(kPoolMicro, slot);
        EXPECT_TRUE(pools_.has_canary(kPoolMicro, slot));
        EXPECT_TRUE(pools_.canary_intact(kPoolMicro, slot));
        *reinterpret_cast<std::uint64_t*>(pools_.bounds(kPoolMicro, slot).low) ^= 1;
        EXPECT_FALSE(pools_.canary_intact(kPoolMicro, slot)) << "and watches again";
        *reinterpret_cast<std::uint64_t*>(pools_.bounds(kPoolMicro, slot).low) ^= 1;
    }
}

TEST_F(SlabTrim, spares_what_was_used_since_the_last_round) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t i = 0; i < 2 * wire::kSlotsPerSlab; ++i)
        slots.push_back(take(kPoolMedium));
    for (const std::uint32_t slot : slots)
        pools_.free(&workers_[0], kPoolMedium, slot);
    const std::uint64_t each = pools_.geometry(kPoolMedium).slot_bytes;
    EXPECT_EQ(trim(kPoolMedium, false), 0U) << "all of it was in use a moment ago";
    // A load of a few stacks goes on between the rounds.
    const std::uint32_t busy = take(kPoolMedium);
    pools_.free(&workers_[0], kPoolMedium, busy);
    EXPECT_EQ(trim(kPoolMedium, false), (2 * wire::kSlotsPerSlab - 64) * each) << "but for the word it is in";
    EXPECT_EQ(resident(kPoolMedium, busy), each);
    EXPECT_EQ(trim(kPoolMedium, false), 64 * each) << "which goes when it is idle, too";
}

TEST_F(SlabTrim, damage_to_a_canary_is_told_from_a_trim_beside_it) {
    // The upper slot is in use by somebody who checks; the owner trims the lower one under its eyes.
    std::vector<std::uint32_t> slots;
    const std::uint32_t slots_a_page = std::max<std::uint32_t>(
        1, static_cast<std::uint32_t>(wire::kPageBytes / pools_.geometry(kPoolMicro).slot_bytes));
    for (std::uint32_t i = 0; i < 2 * slots_a_page; ++i)
        slots.push_back(take(kPoolMicro));
    const std::uint32_t upper = slots[slots_a_page];
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> looks{0};
    std::uint64_t alarms = 0;
    std::thread checker([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            alarms += !pools_.canary_intact(kPoolMicro, upper);
            looks.fetch_add(1, std::memory_order_relaxed);
        }
    });
    std::uint64_t trimmed = 0;
    for (int round = 0; round < 2000 || looks.load(std::memory_order_relaxed) < 10'000; ++round) {
        for (std::uint32_t i = 0; i < slots_a_page; ++i)
            pools_.free(&workers_[0], kPoolMicro, slots[i]);
        trimmed += trim(kPoolMicro);
        for (std::uint32_t i = 0; i < slots_a_page; ++i) {
            const std::uint32_t slot = pools_.allocate(&workers_[0], kPoolMicro);
            pools_.arm_canary(kPoolMicro, slot);
            slots[i] = slot;
        }
    }
    stop.store(true, std::memory_order_relaxed);
    checker.join();
    EXPECT_GE(trimmed, 2000 * wire::kPageBytes);
    EXPECT_EQ(alarms, 0U);
}

}  // namespace
}  // namespace detail

namespace {

// Uses most of a Medium slot.
[[gnu::noinline]] void use_stack() {
    volatile char frame[12 << 10];
    for (std::size_t i = 0; i < sizeof frame; i += 512)
        frame[i] = 1;
}

std::uint64_t trimmed_bytes() {
    std::uint64_t sum = 0;
    for (const size_class one : {size_class::micro, size_class::small, size_class::medium, size_class::large})
        sum += pool_statistics(one).trimmed_bytes;
    return sum;
}

// So many Medium stacks at once, each with three pages in use.
void burst(int count) {
    Channel<int> together("together");
    std::vector<JoinHandle<void>> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(
            spawn({.name = "burst", .size_class = size_class::medium}, [together = together.receiver()] {
                use_stack();
                static_cast<void>(together.receive());
            }));
    }
    together.close();
    for (auto& one : all)
        static_cast<void>(one.join());
}

class Trim : public WithWorkers {};
INSTANTIATE_WITH_WORKERS(Trim);

constexpr int kBurst = std::min(kManyCoroutines, 5000);

TEST_P(Trim, after_a_burst_gives_its_memory_back_to_the_last_worker) {
    Runtime runtime({.workers = GetParam(), .pools = {.trim_after_ms = 0}});
    runtime.run([] { burst(kBurst); });
    // Everybody sleeps, or is about to: those who look around by themselves show in the statistics.
    const std::uint64_t wanted = std::uint64_t{kBurst} * (12U << 10);
    std::uint64_t bytes = trim();
    while (trimmed_bytes() < wanted) {
        bytes += trim();
        std::this_thread::yield();
    }
    EXPECT_LE(bytes, trimmed_bytes());
    // All that is left is what nobody uses, and that is nothing: another burst finds fresh pages.
    EXPECT_EQ(pool_statistics(size_class::medium).used, 0U);
    runtime.run([] { burst(kBurst / 10); });
}

TEST_P(Trim, by_a_coroutine_or_a_thread_while_others_come_and_go_disturbs_nobody) {
    Runtime runtime({.workers = GetParam()});
    std::atomic<bool> done{false};
    std::thread outside([&] {
        while (!done.load())
            trim();
    });
    runtime.run([] {
        for (int round = 0; round < 5; ++round) {
            std::vector<JoinHandle<std::uint64_t>> all;
            for (int i = 0; i < 400; ++i) {
                const auto wish = static_cast<size_class>(2 + i % 2);
                all.push_back(spawn({.name = "keeper", .size_class = wish}, [i] {
                    volatile std::uint64_t kept[64];
                    for (std::size_t at = 0; at < 64; ++at)
                        kept[at] = static_cast<std::uint64_t>(i);
                    for (int turn = 0; turn < 10; ++turn)
                        static_cast<void>(yield());
                    std::uint64_t sum = 0;
                    for (std::size_t at = 0; at < 64; ++at)
                        sum += kept[at];
                    return sum;
                }));
                if (i % 100 == 50) trim();
            }
            for (int i = 0; i < 400; ++i) {
                auto sum = all[static_cast<std::size_t>(i)].join();
                EXPECT_EQ(*sum, 64 * static_cast<std::uint64_t>(i)) << "a stack in use lost its pages";
            }
        }
    });
    done.store(true);
    outside.join();
    EXPECT_GT(trimmed_bytes(), 0U);
}

TEST_P(Trim, happens_by_itself_once_the_workers_have_nothing_to_do) {
    Runtime runtime({.workers = GetParam(), .pools = {.trim_after_ms = 5}});
    runtime.run([] { burst(kBurst); });
    // All but a word's worth a pool and worker could stay for a load that goes on; here is none.
    const std::uint64_t wanted = std::uint64_t{kBurst} * (12U << 10) / 2;
    const auto begin = std::chrono::steady_clock::now();
    while (trimmed_bytes() < wanted && std::chrono::steady_clock::now() - begin < std::chrono::seconds(60))
        std::this_thread::yield();
    EXPECT_GE(trimmed_bytes(), wanted) << "waited for a minute";
}

}  // namespace
}  // namespace cprime
