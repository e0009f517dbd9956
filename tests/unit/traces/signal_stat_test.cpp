// What `stat` says of signals: counts as they stand, latencies in nanoseconds, who handles what by name.
#include "traces/signal_stat.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::traces {
namespace {

// A string arena with one text; its index.
std::uint32_t add_text(inspect::StateImage& state, std::string_view text) {
    const auto index = static_cast<std::uint32_t>(state.strings.size());
    state.strings.push_back(static_cast<char>(text.size()));
    state.strings.push_back(0);
    state.strings += text;
    return index;
}

inspect::StateImage sample() {
    inspect::StateImage state;
    state.clock.multiplier = 1ULL << 31;  // two ticks a nanosecond
    state.clock.shift = 32;
    const std::uint32_t own = add_text(state, "NetworkDown"), foreign = add_text(state, "on_crash in libcrash.so");
    state.pools.resize(5);
    state.pools[4].name = add_text(state, "signal");
    state.signals.push_back({.index = 10, .route = wire::SignalRoute::kCoroutine, .pool = 4, .arrived = 9, .delivered = 7,
                             .finished = 4, .failed = 1, .lost = 1, .emergency = 2, .latency_ticks = 8000,
                             .latency_ticks_most = 4000});
    state.signals.push_back({.index = 11, .flags = wire::kSignalForeign | wire::kSignalNoAlternateStack, .handler = foreign});
    state.signals.push_back({.index = wire::kSignalsMax, .name = own, .route = wire::SignalRoute::kCoroutine, .pool = 9, .arrived = 1,
                             .delivered = 1});
    state.signals.push_back({.index = wire::kSignalsMax + 1, .name = own, .arrived = 5, .delivered = 5, .finished = 5, .failed = 5});
    return state;
}

TEST(SignalStat, counts_and_latencies_are_told_as_they_stand) {
    const auto rows = signal_stats(sample());
    ASSERT_EQ(rows.size(), 4U);
    EXPECT_EQ(rows[0].name, "SIGUSR1");
    EXPECT_EQ(rows[0].route, "coroutine");
    EXPECT_EQ(rows[0].pool, "signal");
    EXPECT_EQ(rows[0].waiting, 1U);
    EXPECT_EQ(rows[0].running, 3U);
    EXPECT_DOUBLE_EQ(rows[0].latency_mean_ns, 1000);
    EXPECT_DOUBLE_EQ(rows[0].latency_most_ns, 2000);
    EXPECT_EQ(rows[2].name, "NetworkDown");
    EXPECT_TRUE(rows[2].own);
    EXPECT_EQ(rows[2].pool, "") << "a pool that is not there is not named";
    EXPECT_EQ(rows[2].latency_mean_ns, -1) << "no handler has come to its end";
    EXPECT_EQ(rows[3].latency_mean_ns, -1) << "they were recovered from, by nobody who was late";
    EXPECT_EQ(rows[3].running, 0U);
}

TEST(SignalStat, a_foreign_handler_is_named_with_what_is_wrong_about_it) {
    const auto rows = signal_stats(sample());
    EXPECT_EQ(rows[1].name, "SIGSEGV");
    EXPECT_EQ(rows[1].foreign, "on_crash in libcrash.so");
    EXPECT_TRUE(rows[1].no_alternate_stack);
    const std::string text = to_text(rows);
    EXPECT_NE(text.find("on_crash in libcrash.so, without SA_ONSTACK"), std::string::npos) << text;
    const auto json = to_json(rows);
    EXPECT_EQ(json[1]["foreign"], "on_crash in libcrash.so");
    EXPECT_TRUE(json[0]["foreign"].is_null());
    EXPECT_TRUE(json[2]["latency_mean_ns"].is_null());
}

TEST(SignalStat, nothing_is_said_where_nothing_came) {
    inspect::StateImage state;
    state.signals.push_back({.index = 15, .route = wire::SignalRoute::kShutdown});
    EXPECT_EQ(to_text(signal_stats(state)), "");
}

}  // namespace
}  // namespace coroscope::traces
