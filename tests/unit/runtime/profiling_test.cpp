// Profiling: how deep stacks were used, and what switches cost.
#include <gtest/gtest.h>

#include <cprime/runtime.h>

#include <cstdlib>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/switch_histogram.h"

namespace cprime::detail {
namespace {

[[gnu::noinline, gnu::no_sanitize("address")]] void use_stack(std::size_t bytes) {
    auto* memory = static_cast<volatile char*>(__builtin_alloca(bytes));
    for (std::size_t i = 0; i < bytes; ++i)
        memory[i] = static_cast<char>(i | 1);
}

class Profiling : public testing::Test {
protected:
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "instrumented frames are larger";
#endif
        setenv("CPRIME_PROFILE", "1", 1);
    }
    void TearDown() override {
        unsetenv("CPRIME_PROFILE");
    }

    // High water of a coroutine of that class that uses `bytes` in one frame, then exits.
    static std::uint32_t seen(::cprime::size_class wish, std::size_t bytes) {
        std::uint32_t index = 0;
        auto handle = spawn({.name = "user", .size_class = wish}, [bytes, &index] {
            const std::uint64_t id = this_id();
            while (detail(index).identity.load() != id)
                ++index;
            if (bytes != 0) use_stack(bytes);
        });
        handle.join();
        return detail(index).high_water_bytes.load();
    }
};

TEST_F(Profiling, what_a_frame_used_is_seen_in_every_class) {
    run({.workers = 1}, [] {
        const std::pair<::cprime::size_class, std::size_t> cases[] = {
            {::cprime::size_class::micro, 0},       {::cprime::size_class::small, 600},
            {::cprime::size_class::small, 1500},    {::cprime::size_class::medium, 1000},
            {::cprime::size_class::medium, 5000},   {::cprime::size_class::medium, 13000},
            {::cprime::size_class::large, 2000},    {::cprime::size_class::large, 100000},
            {::cprime::size_class::large, 3000000},
        };
        for (const auto& [wish, bytes] : cases) {
            const std::uint32_t high_water = seen(wish, bytes);
            EXPECT_GE(high_water, bytes) << static_cast<int>(wish) << " " << bytes;
            EXPECT_LE(high_water, bytes + 400) << static_cast<int>(wish) << " " << bytes;
        }
    });
}

TEST_F(Profiling, a_slot_used_again_is_measured_anew) {
    run({.workers = 1}, [] {
        EXPECT_GE(seen(::cprime::size_class::medium, 12000), 12000U);
        EXPECT_LE(seen(::cprime::size_class::medium, 100), 500U);
        EXPECT_GE(seen(::cprime::size_class::large, 500000), 500000U);
        EXPECT_LE(seen(::cprime::size_class::large, 100), 500U);
        EXPECT_GE(seen(::cprime::size_class::small, 1900), 1900U);
        EXPECT_LE(seen(::cprime::size_class::small, 100), 500U);
    });
}

TEST_F(Profiling, a_parked_micro_coroutine_is_measured_at_its_park) {
    run({.workers = 1}, [] {
        auto parked = spawn({.name = "parked", .size_class = ::cprime::size_class::micro},
                            [] { sleep_for(std::chrono::hours(1)); });
        yield();
        std::uint32_t index = 0;
        while (detail(index).identity.load() != parked.id())
            ++index;
        EXPECT_GT(detail(index).high_water_bytes.load(), 56U);
        EXPECT_LE(detail(index).high_water_bytes.load(), 240U);
        parked.cancel();
        parked.join();
    });
}

TEST_F(Profiling, nothing_is_measured_while_nobody_asks) {
    unsetenv("CPRIME_PROFILE");
    run({.workers = 1}, [] { EXPECT_EQ(seen(::cprime::size_class::small, 500), 0U); });
}

// Deepest use that the site of name knows of.
std::uint32_t high_water_of(std::string_view name) {
    for (std::uint32_t site = 0; site < 64; ++site) {
        const coroscope::wire::SiteRecord& record = g_runtime->sites.record(site);
        if (g_runtime->segment->string(record.name) == name) return record.high_water_bytes.load();
    }
    return 0;
}

TEST(SiteHighWater, is_known_of_parks_and_growth_without_profiling) {
    run({.workers = 1}, [] {
        spawn("parks", [] {
            volatile char frame[3000];
            frame[0] = 1;
            asm volatile("" : : "r"(&frame) : "memory");
            for (int i = 0; i < 64; ++i)
                sleep_for(std::chrono::microseconds(1));
        }).join();
        EXPECT_GE(high_water_of("parks"), 3000U);
        EXPECT_LE(high_water_of("parks"), 8000U);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        spawn("grows", [] { use_stack(30000); }).join();
        EXPECT_GE(high_water_of("grows"), 16U << 10);
        EXPECT_LE(high_water_of("grows"), 64U << 10);
#endif
    });
}

// Stacks of a class begin at different offsets into their slots; that is not use.
TEST(SiteHighWater, does_not_count_where_a_slots_colour_lets_its_stack_begin) {
    run({.workers = 1}, [] {
        std::vector<JoinHandle<void>> handles;
        for (int i = 0; i < 64; ++i) {
            handles.push_back(spawn({.name = "shallow", .size_class = ::cprime::size_class::medium},
                                    [] { sleep_for(std::chrono::microseconds(1)); }));
        }
        for (auto& handle : handles)
            handle.join();
        EXPECT_GT(high_water_of("shallow"), 0U);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        EXPECT_LE(high_water_of("shallow"), 600U);
#endif
    });
}

TEST(SwitchHistogram, one_switch_in_n_is_counted_and_idling_is_not) {
    Runtime runtime({.workers = 1});
    g_runtime->rings->listen(coroscope::wire::kProfileSwitches, coroscope::wire::RingMode::kOverwrite, 16);
    auto& histogram = *g_runtime->workers[0].histogram;
    runtime.run([&histogram] {
        auto other = spawn("other", [] {
            for (int i = 0; i < 16000; ++i)
                yield();
        });
        for (int i = 0; i < 16000; ++i)
            yield();
        other.join();
        const std::uint64_t samples = histogram.samples.load();
        EXPECT_GE(samples, 1900U);
        EXPECT_LE(samples, 2100U);
        for (int i = 0; i < 50; ++i)
            sleep_for(std::chrono::milliseconds(1));
        std::uint64_t long_ones = 0;
        const std::uint32_t millisecond = coroscope::wire::histogram_bucket(1'000'000);
        for (std::uint32_t b = millisecond; b < coroscope::wire::kHistogramBuckets; ++b)
            long_ones += histogram.buckets[b].load();
        EXPECT_LE(long_ones, 3U) << "preemption may make a few, the 50 sleeps must not";
    });
    std::uint64_t in_buckets = 0;
    for (const auto& bucket : histogram.buckets)
        in_buckets += bucket.load();
    EXPECT_EQ(in_buckets + histogram.below_resolution.load(), histogram.samples.load());
    EXPECT_EQ(histogram.sample_period.load(), 16U);
    EXPECT_GT(histogram.stamp_cost_ticks.load(), 0U);
    EXPECT_GT(histogram.resolution_ticks.load(), 0U);
}

TEST(SwitchHistogram, nothing_is_stamped_while_nobody_listens) {
    Runtime runtime({.workers = 1});
    runtime.run([] {
        for (int i = 0; i < 1000; ++i)
            yield();
    });
    EXPECT_EQ(g_runtime->workers[0].histogram->samples.load(), 0U);
    EXPECT_EQ(g_runtime->workers[0].stamp_in, 0U);
}

}  // namespace
}  // namespace cprime::detail
