// Growth in place: a Medium stack gets its reserve when a frame wants it, never moves, and gives the reserve back.
#include <gtest/gtest.h>

#include <cprime/cprime.h>
#include <sys/mman.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <vector>

#include "runtime/entry/runtime_state.h"
#include "runtime/stacks/guards.h"
#include "runtime/stacks/pools.h"

namespace cprime {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kSlot = 64U << 10;  // sanitizer builds enlarge the classes
#else
constexpr std::size_t kSlot = 16U << 10;
#endif

[[gnu::noinline]] int recurse(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    asm volatile("" : : "r"(&frame) : "memory");
    return depth == 0 ? 0 : recurse(depth - 1) + frame[0];
}
// As many calls of recurse() as take about `bytes`.
int calls(std::size_t bytes) {
    return static_cast<int>(bytes / 640);
}

struct Where {
    std::uint32_t index = 0;
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    bool flagged = false, grown = false;
};
Where where_am_i() {
    Where here;
    const std::uint64_t id = this_id();
    while (detail::detail(here.index).identity.load() != id)
        ++here.index;
    const auto& record = detail::record(here.index);
    here.pool = record.pool;
    here.slot = record.slot;
    here.flagged = (record.flags.load() & coroscope::wire::kCoroutineGrown) != 0;
    here.grown = detail::g_runtime->pools.grown(here.pool, here.slot);
    return here;
}

class Growth : public testing::TestWithParam<bool> {  // whether the kernel marks guards, or protects pages
protected:
    void SetUp() override { detail::set_guard_marking(GetParam()); }
    void TearDown() override { detail::set_guard_marking(true); }
};
INSTANTIATE_TEST_SUITE_P(Guards, Growth, testing::Bool(),
                         [](const auto& guards) { return guards.param ? "marked" : "protected"; });

TEST_P(Growth, a_deep_medium_coroutine_just_works_and_says_so) {
    run({.workers = 1}, [] {
        spawn("deep", [] {
            EXPECT_FALSE(where_am_i().grown);
            EXPECT_EQ(recurse(calls(kSlot / 2)), recurse(calls(kSlot / 2)));
            EXPECT_FALSE(where_am_i().flagged) << "half of the slot is no reason to grow";
            errno = ENOENT;
            recurse(calls(2 * kSlot));
            EXPECT_EQ(errno, ENOENT) << "the handler's system calls are not seen";
            const Where after = where_am_i();
            EXPECT_EQ(after.pool, detail::kPoolMedium);
            EXPECT_TRUE(after.grown);
            EXPECT_TRUE(after.flagged);
            sleep_for(std::chrono::microseconds(1));  // parks and continues as ever
            recurse(calls(2 * kSlot));
        }).join();
    });
}

TEST_P(Growth, a_frame_larger_than_the_slot_is_one_step) {
    run({.workers = 1}, [] {
        spawn("wide", [] {
            auto* frame = static_cast<volatile char*>(__builtin_alloca(kSlot + kSlot / 2));
            frame[0] = 1;  // its low end first
            frame[kSlot + kSlot / 2 - 1] = 1;
            EXPECT_TRUE(where_am_i().grown);
        }).join();
    });
}

TEST_P(Growth, a_pointer_to_a_local_stays_valid_while_another_coroutine_writes_through_it) {
    run({.workers = 2}, [] {
        auto [out, in] = make_channel<std::uint64_t*>("address");
        auto [done_out, done_in] = make_channel<int>("done");
        auto writer = spawn("writer", [in = std::move(in), done = std::move(done_out)] {
            while (auto address = in.receive()) {
                ++**address;
                static_cast<void>(done.send(1));
            }
        });
        spawn("grower", [out = std::move(out), done = std::move(done_in)] {
            std::uint64_t local = 0;
            std::uint64_t* const before = &local;
            for (std::size_t round = 1; round <= 20; ++round) {
                ASSERT_TRUE(out.send(&local));
                recurse(calls(round * kSlot / 8));
                ASSERT_TRUE(done.receive());
                EXPECT_EQ(local, round);
                EXPECT_EQ(before, &local);
            }
            EXPECT_TRUE(where_am_i().grown);
        }).join();
        writer.join();
    });
}

TEST_P(Growth, the_reserve_goes_back_with_the_slot) {
    run({.workers = 1}, [] {
        Where first;
        spawn({.name = "first", .size_class = size_class::medium}, [&first] {
            recurse(calls(3 * kSlot));
            first = where_am_i();
        }).join();
        ASSERT_TRUE(first.grown);
        const detail::Pools& pools = detail::g_runtime->pools;
        EXPECT_FALSE(pools.grown(first.pool, first.slot));
        const auto window = pools.window(first.pool, first.slot);
        EXPECT_EQ(pools.bounds(first.pool, first.slot).low,
                  window.low + pools.geometry(first.pool).reserve_bytes);
        if (!GetParam()) {  // a marked guard counts as resident for mincore
            unsigned char resident[64] = {};
            const std::size_t bytes = pools.geometry(first.pool).reserve_bytes;
            ASSERT_EQ(mincore(reinterpret_cast<void*>(window.low), bytes, resident), 0);
            for (std::size_t page = 0; page < bytes / 4096; ++page)
                EXPECT_EQ(resident[page] & 1, 0) << page;
        }
        // Whoever gets the slot next begins with 16 KiB and may grow as well.
        spawn("second", [] {
            EXPECT_FALSE(where_am_i().grown);
            recurse(calls(2 * kSlot));
            EXPECT_TRUE(where_am_i().grown);
        }).join();
    });
}

TEST_P(Growth, the_next_spawns_of_the_site_start_in_the_next_class) {
    run({.workers = 1}, [] {
        std::vector<std::uint8_t> pools;
        for (int i = 0; i < 3; ++i) {
            spawn("again", [&pools] {
                pools.push_back(where_am_i().pool);
                recurse(calls(2 * kSlot));
            }).join();
        }
        EXPECT_EQ(pools,
                  (std::vector<std::uint8_t>{detail::kPoolMedium, detail::kPoolWide, detail::kPoolWide}));
    });
}

TEST_P(Growth, who_outgrows_half_of_the_wide_window_gets_large_stacks_from_then_on) {
    run({.workers = 1}, [] {
        std::vector<std::uint8_t> pools;
        for (const std::size_t slots_deep : {2U, 6U, 7U, 10U, 14U, 14U}) {
            spawn("deeper", [&pools, slots_deep] {
                pools.push_back(where_am_i().pool);
                // A Medium window has four slots of room: the first goes that deep, the later ones have more.
                recurse(calls(slots_deep * kSlot));
                if (pools.back() == detail::kPoolWide) {
                    EXPECT_TRUE(where_am_i().grown);
                    EXPECT_EQ(detail::g_runtime->pools.deep(detail::kPoolWide, where_am_i().slot),
                              slots_deep > 8);
                }
            }).join();
        }
        EXPECT_EQ(pools,
                  (std::vector<std::uint8_t>{detail::kPoolMedium, detail::kPoolWide, detail::kPoolWide,
                                             detail::kPoolWide, detail::kPoolLarge, detail::kPoolLarge}));
    });
}

TEST_P(Growth, a_wide_stack_is_a_medium_one_to_everybody_else) {
    run({.workers = 1}, [] {
        for (int i = 0; i < 2; ++i) {
            spawn("grows", [i] {
                recurse(calls(3 * kSlot));
                const Where here = where_am_i();
                EXPECT_EQ(here.pool, i == 0 ? detail::kPoolMedium : detail::kPoolWide);
                EXPECT_EQ(detail::class_of(here.pool),
                          static_cast<std::uint8_t>(detail::wire::SizeClass::kMedium));
                const auto site = detail::detail(here.index).site.load();
                EXPECT_EQ(detail::g_runtime->sites.record(site).size_class.load(),
                          detail::wire::SizeClass::kMedium);
                EXPECT_EQ(pool_statistics(size_class::medium).used, 1U);
            }).join();
        }
    });
}

TEST_P(Growth, of_many_at_once_on_several_workers) {
    Runtime runtime({.workers = 4});
    runtime.run([] {
        std::vector<JoinHandle<void>> all;
        for (int i = 0; i < 200; ++i) {
            all.push_back(spawn({.name = "one of many", .size_class = size_class::medium}, [i] {
                for (int round = 0; round < 5; ++round) {
                    recurse(calls(static_cast<std::size_t>(i % 3 + 1) * kSlot * 9 / 10));
                    static_cast<void>(yield());
                }
            }));
        }
        for (auto& one : all)
            EXPECT_TRUE(one.join());
    });
    // A slot is given back after the joiners were woken, and before its coroutine counts as ended.
    EXPECT_EQ(detail::g_runtime->pools.used(detail::kPoolMedium), 0U);
}

TEST_P(Growth, beyond_the_window_is_an_overflow_that_names_the_coroutine) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers report faults themselves";
#endif
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(
        {
            detail::set_guard_marking(GetParam());
            run({.workers = 1}, [] { spawn("bottomless", [] { recurse(1 << 20); }).join(); });
        },
        testing::KilledBySignal(SIGSEGV),
        "\"bottomless\" .*it ran into a guard page; its class is medium \\(16384 bytes, grown in place to "
        "65536\\)");
}

}  // namespace
}  // namespace cprime
