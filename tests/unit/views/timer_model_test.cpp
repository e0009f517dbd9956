// views/timer_model: who is woken by a deadline, in which order, and how soon.
#include "views/timer_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::views {
namespace {

TEST(TimerModel, has_everybody_who_waits_for_a_deadline_the_first_one_first) {
    FakeOptions options;
    options.swarm = 1000;
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment(options, 1'500'000'000));
    std::size_t sleepers = 0;
    for (inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        sleepers += coroutine.reason == wire::WaitReason::kSleep ? 1 : 0;
        // A receive with a time limit, which has passed; and a deadline of somebody who runs, which is an old one.
        if (coroutine.identity == kFakeConsumer) coroutine.deadline_ticks = moment->state.start_ticks + 2 * 1'400'000'000ULL;
        if (coroutine.identity == kFakeParser) coroutine.deadline_ticks = moment->state.start_ticks + 1;
    }
    const TimerModel model = compute_timers(moment);
    ASSERT_EQ(model.rows.size(), sleepers + 1);
    EXPECT_EQ(model.sleeping, sleepers);
    EXPECT_EQ(model.limited, 1U);
    EXPECT_EQ(model.overdue(), 1U);
    EXPECT_EQ(model.next_in_ns(), -100'000'000);
    EXPECT_TRUE(std::is_sorted(model.rows.begin(), model.rows.end(), [](const TimerRow& a, const TimerRow& b) { return a.due_ns < b.due_ns; }));
    EXPECT_EQ(std::accumulate(model.due.begin(), model.due.end(), std::uint64_t{0}), model.rows.size());
    EXPECT_NE(timer_line(model, model.rows.front()).find("overdue by 100"), std::string::npos) << timer_line(model, model.rows.front());
    EXPECT_NE(timer_line(model, model.rows.front()).find("channel:parsed"), std::string::npos);
    EXPECT_NE(timer_line(model, model.rows[1]).find("due in 500"), std::string::npos) << timer_line(model, model.rows[1]);
}

TEST(TimerModel, fields_are_powers_of_ten) {
    EXPECT_EQ(due_bucket(-1), 0U);
    EXPECT_EQ(due_bucket(0), 1U);
    EXPECT_EQ(due_bucket(1'000'000), 1U);
    EXPECT_EQ(due_bucket(1'000'001), 2U);
    EXPECT_EQ(due_bucket(99'000'000'000), 6U);
    EXPECT_EQ(due_bucket(101'000'000'000), 7U);
}

TEST(TimerModel, words_and_times_filter_and_columns_sort) {
    FakeOptions options;
    options.swarm = 1000;
    const TimerModel model = compute_timers(make_fake_moment(options, 1'500'000'000));
    const auto all = [&](const std::string& filter, std::int64_t from = INT64_MIN, std::int64_t to = INT64_MAX) {
        return order_timers(model, filter, from, to, TimerColumn::kDue, false);
    };
    EXPECT_EQ(all("").size(), model.rows.size());
    ASSERT_EQ(all("statistics").size(), 1U);
    EXPECT_EQ(model.moment->state.coroutines[model.rows[all("statistics").front()].position].identity, kFakeSleeper);
    EXPECT_EQ(all("", 1'900'000'000, 2'100'000'000).size(), 1U) << "the sleeper's alone is at 2 s";
    EXPECT_EQ(all("sleep").size(), model.rows.size());
    EXPECT_TRUE(all("sleep nobody").empty());
    const auto by_id = order_timers(model, "", INT64_MIN, INT64_MAX, TimerColumn::kCoroutine, true);
    const auto identity = [&](std::uint32_t i) { return model.moment->state.coroutines[model.rows[i].position].identity; };
    EXPECT_TRUE(std::is_sorted(by_id.begin(), by_id.end(), [&](std::uint32_t a, std::uint32_t b) { return identity(a) > identity(b); }));
    const auto json = to_json(model, by_id, 3);
    EXPECT_EQ(json["armed"], model.rows.size());
    EXPECT_EQ(json["rows"].size(), 3U);
    EXPECT_EQ(json["rows"][0]["id"], identity(by_id.front()));
}

}  // namespace
}  // namespace coroscope::views
