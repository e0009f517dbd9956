// A loop around a select of two arms fits a Micro stack of 256 bytes.
#include "select_fixture.h"

#include <ostream>

#include "instrumentation/wire/pool.h"
#include "select_micro_body.h"

namespace cprime::test {
namespace {

struct Level {
    const char* name;
    MicroChoice (*choice)();
};
void PrintTo(const Level& level, std::ostream* out) {
    *out << level.name;
}

class MicroSelects : public testing::TestWithParam<Level> {};
INSTANTIATE_TEST_SUITE_P(levels, MicroSelects,
                         testing::Values(Level{"O1", &micro_choice_O1}, Level{"O2", &micro_choice_O2},
                                         Level{"O3", &micro_choice_O3}),
                         [](const auto& level) { return level.param.name; });

// Bytes of its slot that whoever waits on an arm of the channel has in use, parked.
std::uint64_t parked_bytes(std::uint32_t channel) {
    const std::uint32_t number = detail::g_channels.channel(channel).first_receiver;
    EXPECT_NE(number & detail::kArmBit, 0U);
    const auto& arm = detail::g_arms.record(number & ~detail::kArmBit);
    const auto& parked = detail::record(arm.coroutine);
    EXPECT_EQ(parked.pool, static_cast<std::uint8_t>(coroscope::wire::SizeClass::kMicro));
    return detail::g_runtime->pools.bounds(parked.pool, parked.slot).high - parked.rsp;
}

TEST_P(MicroSelects, of_two_arms_fit) {
    Runtime runtime({.workers = 1});
    std::atomic<long> sum{0};
    runtime.run([&] {
        auto [a_out, a] = make_channel<int>("a");
        auto [b_out, b] = make_channel<int>("b", 2);
        auto choosing = GetParam().choice()(a, b, sum);
        a.reset();
        b.reset();
        until_received_from(a_out);
        const std::uint64_t used_bytes = parked_bytes(0);
        std::printf("parked in a select of two arms at -%s: %llu bytes\n", GetParam().name,
                    static_cast<unsigned long long>(used_bytes));
        if (!detail::kSanitizer) {
            EXPECT_LE(used_bytes, 256U - 16U);
        }
        for (int i = 0; i < 100; ++i)
            EXPECT_TRUE(i % 2 == 0 ? a_out.send(i) : b_out.send(i));
        a_out.reset();
        b_out.reset();
        EXPECT_TRUE(choosing.join());
    });
    EXPECT_EQ(sum, 4950);
    expect_empty_wait_lists();
    expect_all_arms_given_back();
}

}  // namespace
}  // namespace cprime::test
