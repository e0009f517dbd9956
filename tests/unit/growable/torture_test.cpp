// Everything a program may do from a stack of 256 bytes, in growable code.
#include "torture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "instrumentation/wire/stack_segment.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/switch/sanitizer.h"

namespace cprime::test {
namespace {

using detail::g_runtime;
using detail::kPoolMicro;

unsigned next_serial() {
    static std::atomic<unsigned> serial{0};
    return ++serial;
}

std::uint64_t segments_in_use() {
    const auto& header = g_runtime->segment->header();
    constexpr auto kKind = coroscope::wire::SectionKind::kStackSegments;
    const std::uint32_t used = header.sections[static_cast<std::size_t>(kKind)].records_used.load();
    const auto* records = g_runtime->segment->records<coroscope::wire::StackSegmentRecord>(kKind);
    std::uint64_t count = 0;
    for (std::uint32_t i = 0; i < used; ++i)
        count += records[i].coroutine.load() != coroscope::wire::kNone ? 1 : 0;
    return count;
}

std::uint32_t deepest_site_bytes() {
    constexpr auto kKind = coroscope::wire::SectionKind::kSites;
    const std::uint32_t
        used = g_runtime->segment->header().sections[static_cast<std::size_t>(kKind)].records_used.load();
    std::uint32_t deepest = 0;
    for (std::uint32_t site = 0; site < used; ++site)
        deepest = std::max(deepest, g_runtime->sites.record(site).high_water_bytes.load());
    return deepest;
}

// All free Micro slots around the one that the next spawn gets, filled with a pattern, as canaries for a whole neighbourhood. On the
// worker's own stack; single worker.
class Neighbours {
public:
    static constexpr int kCount = 32;

    Neighbours() { detail::park(&take, this); }
    ~Neighbours() { detail::park(&give_back, this); }

    // Slots that do not hold their pattern any more.
    int damaged() const {
        int count = 0;
        for (const std::uint32_t slot : slots_) {
            const auto bounds = g_runtime->pools.bounds(kPoolMicro, slot);
            for (std::uint64_t at = bounds.low + detail::kCanaryBytes; at < bounds.high; at += 8) {
                if (*reinterpret_cast<const std::uint64_t*>(at) != (kPattern ^ at)) {
                    ++count;
                    break;
                }
            }
            count += g_runtime->pools.canary_intact(kPoolMicro, slot) ? 0 : 1;
        }
        return count;
    }

private:
    static constexpr std::uint64_t kPattern = 0x6e65696768626f75ULL;

    // Takes a run of slots and leaves the one in the middle free for the spawn.
    static detail::ResumePoint take(detail::Worker* worker, std::uint32_t, void* argument) noexcept {
        auto& self = *static_cast<Neighbours*>(argument);
        for (int i = 0; i <= kCount; ++i)
            self.slots_.push_back(g_runtime->pools.allocate(worker, kPoolMicro));
        std::uint32_t& middle = self.slots_[kCount / 2];
        g_runtime->pools.free(worker, kPoolMicro, middle);
        self.slots_.erase(self.slots_.begin() + kCount / 2);
        for (const std::uint32_t slot : self.slots_) {
            const auto bounds = g_runtime->pools.bounds(kPoolMicro, slot);
            g_runtime->pools.arm_canary(kPoolMicro, slot);
            for (std::uint64_t at = bounds.low + detail::kCanaryBytes; at < bounds.high; at += 8)
                *reinterpret_cast<std::uint64_t*>(at) = kPattern ^ at;
        }
        return detail::keep_running(*worker);
    }
    static detail::ResumePoint give_back(detail::Worker* worker, std::uint32_t, void* argument) noexcept {
        for (const std::uint32_t slot : static_cast<Neighbours*>(argument)->slots_) {
            // As a free slot is: `next` is 0 and the canary stands.
            const auto bounds = g_runtime->pools.bounds(kPoolMicro, slot);
            const std::uint64_t low = bounds.low + detail::kCanaryBytes;
            std::memset(reinterpret_cast<void*>(low), 0, bounds.high - low);
            g_runtime->pools.free(worker, kPoolMicro, slot);
        }
        return detail::keep_running(*worker);
    }

    std::vector<std::uint32_t> slots_;
};

class GrowableCode : public testing::TestWithParam<Torture (*)()> {};

TEST_P(GrowableCode, does_everything_from_a_micro_slot) {
    const Torture torture = GetParam()();
    run({.workers = 1}, [&] {
        for (const Body& body : torture.bodies) {
            SCOPED_TRACE(body.name);
            const Neighbours neighbours;
            auto handle = torture.spawn_micro(body, next_serial());
            auto result = handle.join();
            ASSERT_TRUE(result);
            EXPECT_EQ(*result, body.expected);
            EXPECT_EQ(neighbours.damaged(), 0);
        }
        EXPECT_EQ(segments_in_use(), 0U) << "every segment is given back at the end";
        if (!detail::kSanitizer) {
            EXPECT_EQ(g_runtime->pools.used(detail::kPoolSmall) + g_runtime->pools.used(detail::kPoolMedium),
                      0U);
        }
    });
}

// All at once, on several workers: the coroutines move between them while they stand on segments.
TEST_P(GrowableCode, does_it_on_several_workers) {
    const Torture torture = GetParam()();
    run({.workers = 3}, [&] {
        for (int round = 0; round < 10; ++round) {
            std::vector<std::pair<const Body*, JoinHandle<int>>> all;
            for (const Body& body : torture.bodies)
                all.emplace_back(&body, torture.spawn_micro(body, next_serial()));
            for (auto& [body, handle] : all) {
                auto result = handle.join();
                ASSERT_TRUE(result);
                EXPECT_EQ(*result, body->expected) << body->name;
            }
        }
        EXPECT_EQ(segments_in_use(), 0U);
    });
}

TEST_P(GrowableCode, keeps_the_address_of_a_local_while_it_grows) {
    const Torture torture = GetParam()();
    run({.workers = 2}, [&] {
        auto addresses = make_channel<std::atomic<int>*>("addresses", 0);
        auto written = make_channel<int>("written", 0);
        auto owner = torture.spawn_shared_local(addresses.sender, written.receiver, next_serial());
        auto address = addresses.receiver.receive();
        ASSERT_TRUE(address);
        constexpr int kRounds = 1000;
        for (int i = 1; i <= kRounds; ++i) {
            (*address)->store(i, std::memory_order_relaxed);
            ASSERT_TRUE(written.sender.send(i));
        }
        written.sender.close();
        auto rounds = owner.join();
        ASSERT_TRUE(rounds);
        EXPECT_EQ(*rounds, kRounds);
    });
}

// What only computes and talks stays on its 256 bytes, once it is optimised at all.
TEST_P(GrowableCode, does_not_grow_where_it_need_not) {
    const Torture torture = GetParam()();
    run({.workers = 1}, [&] {
        auto gate = make_channel<int>("gate", 0);
        auto handle = torture.spawn_quiet(gate.receiver, next_serial());
        for (int i = 1; i <= 3; ++i) {
            ASSERT_TRUE(gate.sender.send(i));
            EXPECT_LE(segments_in_use(), std::strcmp(torture.level, "O0") == 0 ? 1U : 0U);
        }
        gate.sender.close();
        auto sum = handle.join();
        ASSERT_TRUE(sum);
        EXPECT_EQ(*sum, 6);
    });
}

// A coroutine that parks keeps the segments its frames are on and gives back those beyond.
TEST_P(GrowableCode, keeps_the_segments_in_use_while_parked) {
    if (detail::kSanitizer) GTEST_SKIP() << "stacks do not grow by segment under sanitizers";
    const Torture torture = GetParam()();
    run({.workers = 1}, [&] {
        auto gate = make_channel<int>("gate", 0);
        auto handle = torture.spawn_parked(gate.receiver, 60, next_serial());
        for (int i = 0; i < 3; ++i) {
            ASSERT_TRUE(gate.sender.send(i));
            const std::uint64_t segments = segments_in_use();
            EXPECT_GE(segments, 2U) << "60 frames of 150 bytes need a Small and a Medium one";
            EXPECT_LE(segments, 3U);
            EXPECT_GE(deepest_site_bytes(), 61U * 150)
                << "frames that needed no segment of their own count, too";
        }
        gate.sender.close();
        auto frames = handle.join();
        ASSERT_TRUE(frames);
        EXPECT_EQ(*frames, 61);
        EXPECT_EQ(segments_in_use(), 0U);
    });
}

// The next spawns of a site that grew begin in the class that it grew to.
TEST_P(GrowableCode, raises_the_class_of_a_site_that_grew) {
    if (detail::kSanitizer) GTEST_SKIP() << "stacks do not grow by segment under sanitizers";
    const Torture torture = GetParam()();
    run({.workers = 1}, [&] {
        const Body& large = torture.bodies[1];
        const unsigned serial = next_serial();
        static_cast<void>(torture.spawn_micro(large, serial).join());
        auto second = torture.spawn_micro(large, serial);
        EXPECT_EQ(g_runtime->pools.used(detail::kPoolMedium), 1U);
        static_cast<void>(second.join());
    });
}

INSTANTIATE_TEST_SUITE_P(levels, GrowableCode,
                         testing::Values(torture_O0, torture_Og, torture_O2, torture_O3, torture_PIC),
                         [](const auto& tested) { return std::string(tested.param().level); });

// Threads have no limit: growable code there is ordinary code.
TEST(GrowableThreads, run_growable_code_as_ever) {
    for (const Body& body : torture_O2().bodies) {
        if (std::strcmp(body.name, "recursion") == 0) continue;
        EXPECT_EQ(body.run(), body.expected) << body.name;
    }
}

}  // namespace
}  // namespace cprime::test
