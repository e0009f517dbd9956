// What a coroutine does with channels, in a word, and what its calls of the runtime want. (On a whole program: tests/e2e/analyze_test.py.)
#include "instrumentation/bounds/runtime_calls.h"

#include <gtest/gtest.h>

namespace coroscope::bounds {
namespace {

std::vector<RuntimeCall> calls(const std::vector<std::pair<const char*, bool>>& wanted) {
    std::vector<RuntimeCall> made;
    for (const auto& [what, repeats] : wanted)
        made.push_back({0, 0, what, repeats});
    return made;
}

TEST(RuntimeCalls, a_pattern_says_a_loop_only_where_all_of_it_is_in_one) {
    EXPECT_EQ(channel_pattern({}), "none");
    EXPECT_EQ(channel_pattern(calls({{"sleep", true}, {"call", true}})), "none");
    EXPECT_EQ(channel_pattern(calls({{"receive", true}, {"sleep", false}})), "receives in a loop");
    EXPECT_EQ(channel_pattern(calls({{"receive", false}, {"receive", true}})), "receives in a loop");
    EXPECT_EQ(channel_pattern(calls({{"send", false}, {"sleep", true}})), "sends");
    EXPECT_EQ(channel_pattern(calls({{"send", true}, {"receive", true}})), "sends and receives in a loop");
    EXPECT_EQ(channel_pattern(calls({{"send", true}, {"receive", false}})), "sends and receives");
    EXPECT_EQ(channel_pattern(calls({{"send", false}, {"select", true}})), "selects in a loop");
}

TEST(RuntimeCalls, what_is_handed_over_says_what_is_wanted) {
    EXPECT_TRUE(enters_runtime("cprime_park"));
    EXPECT_FALSE(enters_runtime("cprime_release_handle"));
    EXPECT_EQ(wanted_of("cprime_receive", ""), "receive");
    EXPECT_EQ(wanted_of("cprime_yield", "whatever"), "yield");
    EXPECT_EQ(wanted_of("cprime_park", ""), "call");
    // park_target<&sleep_coroutine>, and the function itself
    EXPECT_EQ(wanted_of("cprime_park",
                        "_ZN6cprime6detail11park_targetIXadL_ZNS0_15sleep_coroutineEPNS0_6WorkerEjPvEEEE"),
              "sleep");
    EXPECT_EQ(wanted_of("cprime_park", "_ZN6cprime6detail10mutex_lockEPNS0_6WorkerEjPv"), "mutex_lock");
}

}  // namespace
}  // namespace coroscope::bounds
