// A loop over a channel fits a Micro stack of 256 bytes, also when its code is not optimised.
#include "channel_fixture.h"

#include <ostream>

#include "instrumentation/wire/pool.h"
#include "micro_body.h"
#include "runtime/switch/sanitizer.h"

namespace cprime::test {
namespace {

namespace wire = coroscope::wire;

struct Level {
    const char* name;
    MicroBodies (*bodies)();
};
void PrintTo(const Level& level, std::ostream* out) {
    *out << level.name;
}

class MicroChannels : public testing::TestWithParam<Level> {};
INSTANTIATE_TEST_SUITE_P(levels, MicroChannels,
                         testing::Values(Level{"O0", &micro_bodies_O0}, Level{"Og", &micro_bodies_Og},
                                         Level{"O1", &micro_bodies_O1}, Level{"O2", &micro_bodies_O2},
                                         Level{"O3", &micro_bodies_O3}),
                         [](const auto& level) { return level.param.name; });

// Bytes of its slot that the oldest receiver, parked, has in use.
std::uint64_t parked_receiver_bytes(std::uint32_t channel) {
    const std::uint32_t index = detail::g_channels.channel(channel).first_receiver;
    const wire::CoroutineRecord& parked = detail::record(index);
    EXPECT_EQ(parked.pool, static_cast<std::uint8_t>(wire::SizeClass::kMicro));
    return detail::g_runtime->pools.bounds(parked.pool, parked.slot).high - parked.rsp;
}

TEST_P(MicroChannels, loops_over_items_fit) {
    Runtime runtime({.workers = 1});
    const MicroBodies bodies = GetParam().bodies();
    std::atomic<long> sum{0};
    runtime.run([&] {
        auto [sender, receiver] = make_channel<int>("numbers", 2);
        auto summing = bodies.sum(receiver, sum);
        static_cast<void>(cprime::yield());
        const std::uint64_t used_bytes = parked_receiver_bytes(0);
        RecordProperty("parked_bytes", static_cast<int>(used_bytes));
        std::printf("parked in receive at -%s: %llu bytes\n", GetParam().name,
                    static_cast<unsigned long long>(used_bytes));
        if (!detail::kSanitizer) {
            EXPECT_LE(used_bytes, 256U - 16U);
        }
        auto counting = bodies.count(sender, 100);
        EXPECT_TRUE(counting.join());
        sender.reset();
        EXPECT_TRUE(summing.join());
    });
    EXPECT_EQ(sum, 4950);
}

}  // namespace
}  // namespace cprime::test
