// views/channel_model: rows of channels, who waits and for how long, and the order and filter of the table.
#include "views/channel_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::views {
namespace {

const ChannelRow& row_of(const ChannelModel& model, const std::string& name) {
    return *std::find_if(model.rows.begin(), model.rows.end(), [&](const ChannelRow& row) { return row.name == name; });
}

TEST(ChannelModel, has_a_row_for_each_channel_with_who_waits_longest) {
    FakeOptions options;
    options.swarm = 300;
    const auto moment = make_fake_moment(options);
    const ChannelModel model = compute_channels(*moment, nullptr);
    ASSERT_EQ(model.rows.size(), moment->state.channels.size());
    const ChannelRow& rows = row_of(model, "channel:rows");
    EXPECT_EQ(rows.capacity, 128U);
    EXPECT_EQ(rows.length, 128U);
    EXPECT_EQ(rows.fill(), 1);
    EXPECT_EQ(rows.senders_waiting, 2U);
    EXPECT_EQ(rows.rate, -1) << "there was no look before";
    // Of those who send there, who has waited longest: the fake's waits grow with the identity.
    EXPECT_EQ(rows.waits_longest, kFakeTorn);
    const ChannelRow& jobs = row_of(model, "channel:jobs");
    const std::uint64_t most = jobs.waits_longest;
    const auto* longest = moment->state.coroutine_of(most);
    ASSERT_NE(longest, nullptr);
    for (const inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        if (coroutine.reason == wire::WaitReason::kChannelReceive && coroutine.wait_object == jobs.index) {
            EXPECT_GE(coroutine.since_ticks, longest->since_ticks);
        }
    }
}

TEST(ChannelModel, rates_are_what_was_received_since_the_look_before) {
    const auto first = make_fake_moment({}, 1'000'000'000);
    auto second = std::make_shared<traces::Moment>(*make_fake_moment({}, 1'500'000'000));
    for (inspect::ChannelImage& channel : second->state.channels)
        channel.received += channel.identity * 100;
    const ChannelModel before = compute_channels(*first, nullptr);
    const ChannelModel model = compute_channels(*second, &before);
    for (const ChannelRow& row : model.rows)
        EXPECT_DOUBLE_EQ(row.rate, static_cast<double>(row.identity) * 200);
    EXPECT_EQ(compute_channels(*first, &model).rows.front().rate, -1) << "somebody looks at the past";
}

TEST(ChannelModel, words_filter_and_columns_sort) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    for (inspect::ChannelImage& channel : moment->state.channels)
        channel.creator = channel.identity == 2 ? kFakeParser : 0;
    const ChannelModel model = compute_channels(*moment, nullptr);
    const auto names = [&](const std::string& filter, ChannelColumn by, bool descending) {
        std::vector<std::string> found;
        for (const std::uint32_t i : order_channels(model, filter, by, descending))
            found.push_back(model.rows[i].name);
        return found;
    };
    EXPECT_EQ(names("ROW", ChannelColumn::kName, false), (std::vector<std::string>{"channel:rows"}));
    EXPECT_EQ(names("parser", ChannelColumn::kName, false), (std::vector<std::string>{"channel:parsed"})) << "who made it is searched, too";
    EXPECT_TRUE(names("rows nowhere", ChannelColumn::kName, false).empty());
    EXPECT_EQ(names("", ChannelColumn::kName, false).front(), "channel:jobs");
    EXPECT_EQ(names("", ChannelColumn::kName, true).front(), "channel:rows");
    EXPECT_EQ(names("", ChannelColumn::kFill, true).front(), "channel:rows");
    EXPECT_EQ(names("", ChannelColumn::kReceivers, true).front(), "channel:jobs");
}

TEST(ChannelDetail, names_those_who_wait_and_those_who_hold_it) {
    FakeOptions options;
    options.swarm = 2000;
    const auto moment = make_fake_moment(options);
    const ChannelModel model = compute_channels(*moment, nullptr);
    const ChannelDetail rows = channel_detail(*moment, model, row_of(model, "channel:rows").identity);
    ASSERT_EQ(rows.waiters.size(), 2U);
    EXPECT_EQ(rows.waiters[0].does, "sends");
    EXPECT_GE(rows.waiters[0].waited_ns, rows.waiters[1].waited_ns);
    ASSERT_EQ(rows.holders.size(), 2U);
    EXPECT_EQ(rows.holders[0].identity, kFakeProducer);
    EXPECT_EQ(rows.holders[0].does, "may send");
    EXPECT_EQ(rows.holders[1].does, "may receive");
    const ChannelDetail jobs = channel_detail(*moment, model, row_of(model, "channel:jobs").identity);
    EXPECT_EQ(jobs.waiters.size(), ChannelDetail::kPartiesMost);
    EXPECT_EQ(jobs.waiters.size() + jobs.waiters_left_out, jobs.row.receivers_waiting);
    EXPECT_EQ(channel_detail(*moment, model, 999).row.identity, 0U) << "it is gone";
    EXPECT_TRUE(to_json(channel_detail(*moment, model, 999)).is_null());
}

TEST(ChannelDetail, whoever_waits_in_a_select_waits_at_each_of_its_channels) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    inspect::CoroutineImage& consumer = *std::find_if(moment->state.coroutines.begin(), moment->state.coroutines.end(),
                                                      [](const inspect::CoroutineImage& c) { return c.identity == kFakeConsumer; });
    consumer.reason = wire::WaitReason::kSelect;
    moment->state.select_arms = {{consumer.index, 0, 0, true}, {consumer.index, 1, 1, false}};
    const ChannelModel model = compute_channels(*moment, nullptr);
    for (const auto& [name, does] : {std::pair{"channel:rows", "selects: receives"}, {"channel:parsed", "selects: sends"}}) {
        const ChannelDetail detail = channel_detail(*moment, model, row_of(model, name).identity);
        EXPECT_TRUE(std::any_of(detail.waiters.begin(), detail.waiters.end(), [&](const ChannelParty& party) {
            return party.identity == kFakeConsumer && party.does == does;
        })) << name;
    }
}

TEST(ChannelDetail, has_of_waiters_and_holders_those_who_pass_the_filter) {
    const auto moment = make_fake_moment({});
    const ChannelModel model = compute_channels(*moment, nullptr);
    const auto rows = std::find_if(model.rows.begin(), model.rows.end(), [](const ChannelRow& row) { return row.name == "channel:rows"; });
    ASSERT_NE(rows, model.rows.end());
    const ChannelDetail all = channel_detail(*moment, model, rows->identity);
    ASSERT_GE(all.holders.size(), 2U);
    const ChannelDetail some = channel_detail(*moment, model, rows->identity, "producer");
    ASSERT_EQ(some.holders.size(), 1U);
    EXPECT_EQ(some.holders.front().identity, kFakeProducer);
    EXPECT_EQ(some.holders_filtered, all.holders.size() - 1);
    EXPECT_EQ(channel_detail(*moment, model, rows->identity, "nobody at all").waiters_filtered, all.waiters.size());
    const inspect::StateImage& state = moment->state;
    EXPECT_TRUE(waits_at(state, *state.coroutine_of(kFakeProducer), rows->index));
    EXPECT_FALSE(waits_at(state, *state.coroutine_of(kFakeConsumer), rows->index)) << "it waits at parsed";
}

}  // namespace
}  // namespace coroscope::views
