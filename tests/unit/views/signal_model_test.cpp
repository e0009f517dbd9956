// The signals view's rows: sums, order, filter, whose handlers run, and masks in words.
#include "views/signal_model.h"

#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

std::uint32_t add_text(inspect::StateImage& state, std::string_view text) {
    const auto index = static_cast<std::uint32_t>(state.strings.size());
    state.strings.push_back(static_cast<char>(text.size()));
    state.strings.push_back(0);
    state.strings += text;
    return index;
}

std::shared_ptr<const traces::Moment> sample() {
    auto moment = std::make_shared<traces::Moment>();
    inspect::StateImage& state = moment->state;
    const std::uint32_t usr1 = add_text(state, "SIGUSR1"), own = add_text(state, "NetworkDown");
    state.pools.resize(3);
    state.pools[1].purpose = wire::PoolPurpose::kSignal;
    state.pools[2].purpose = wire::PoolPurpose::kEmergency;
    state.signals.push_back({.index = 10, .name = usr1, .arrived = 9, .delivered = 7, .finished = 5, .lost = 1});
    state.signals.push_back({.index = wire::kSignalsMax, .name = own, .arrived = 20, .delivered = 20, .finished = 19, .coalesced = 0});
    const auto add = [&](std::uint64_t identity, std::uint8_t pool, std::uint32_t name, std::uint64_t since) {
        inspect::CoroutineImage coroutine;
        coroutine.index = static_cast<std::uint32_t>(state.coroutines.size());
        coroutine.identity = identity;
        coroutine.pool = pool;
        coroutine.name = name;
        coroutine.since_ticks = since;
        state.coroutines.push_back(coroutine);
    };
    add(1, 0, usr1, 1);  // an ordinary coroutine of that name handles no signal
    add(2, 1, usr1, 50);
    add(3, 2, usr1, 40);
    add(4, 1, own, 60);
    state.index();
    return moment;
}

TEST(SignalModel, sums_what_came_and_finds_the_handlers_that_run) {
    const SignalModel model = compute_signals(sample());
    EXPECT_EQ(model.arrived, 29U);
    EXPECT_EQ(model.lost, 1U);
    EXPECT_EQ(model.waiting, 1U);
    EXPECT_EQ(model.running, 3U);
    ASSERT_EQ(model.handlers.size(), 3U);
    EXPECT_EQ(model.moment->state.coroutines[model.handlers[0].position].identity, 3U) << "the longest in its state first";
    EXPECT_TRUE(model.handlers[0].emergency);
    EXPECT_EQ(model.handlers[0].signal, 10U);
    EXPECT_EQ(model.handlers[2].signal, wire::kSignalsMax);
    EXPECT_EQ(model.pools.size(), 2U);
    EXPECT_EQ(to_json(model)["handlers"].size(), 3U);
}

TEST(SignalModel, is_ordered_by_any_column_and_filtered_by_words) {
    const SignalModel model = compute_signals(sample());
    EXPECT_EQ(order_signals(model, "", SignalColumn::kArrived, true), (std::vector<std::uint32_t>{1, 0}));
    EXPECT_EQ(order_signals(model, "", SignalColumn::kArrived, false), (std::vector<std::uint32_t>{0, 1}));
    EXPECT_EQ(order_signals(model, "", SignalColumn::kName, false), (std::vector<std::uint32_t>{1, 0}));
    EXPECT_EQ(order_signals(model, "usr", SignalColumn::kName, false), (std::vector<std::uint32_t>{0}));
    EXPECT_TRUE(order_signals(model, "usr nobody", SignalColumn::kName, false).empty());
}

TEST(SignalModel, a_set_of_signals_is_said_by_what_is_shorter) {
    const auto bit = [](int number) { return 1ULL << (number - 1); };
    EXPECT_EQ(signal_set_text(0), "none");
    EXPECT_EQ(signal_set_text(bit(SIGINT) | bit(SIGTERM)), "SIGINT SIGTERM");
    EXPECT_EQ(signal_set_text(~0ULL), "all");
    EXPECT_EQ(signal_set_text(~(bit(SIGKILL) | bit(SIGSTOP) | bit(32) | bit(33))), "all") << "what cannot be blocked does not count";
    EXPECT_EQ(signal_set_text(~(bit(SIGSEGV) | bit(SIGBUS))), "all but SIGBUS SIGSEGV");
}

TEST(SignalModel, threads_that_block_the_same_stand_together) {
    inspect::SignalMasks masks;
    for (const char* name : {"w0", "w1", "w2", "w3"})
        masks.threads.push_back({.thread = 1, .name = name, .blocked = 6});
    masks.threads.push_back({.thread = 9, .name = "other", .pending = 4});
    const auto groups = group_masks(masks);
    ASSERT_EQ(groups.size(), 2U);
    EXPECT_EQ(groups[0].count, 4U);
    EXPECT_EQ(groups[0].threads, "w0, w1, w2 and 1 more");
    EXPECT_EQ(groups[1].threads, "other");
    EXPECT_EQ(groups[1].pending, 4U);
}

}  // namespace
}  // namespace coroscope::views
