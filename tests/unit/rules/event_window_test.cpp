// Windows of events against what a query over the whole trace finds.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "synthetic_program.h"
#include "synthetic_trace.h"
#include "traces/rules/event_window.h"

namespace coroscope::rules {
namespace {

using traces::SyntheticProgram;
using traces::TimeNs;

class Windows : public testing::Test {
protected:
    void SetUp() override {
        SyntheticProgram program(3);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (std::uint32_t i = 0; i < 2400; ++i) {
            program.step(static_cast<std::uint16_t>(i * 40503U >> 2));
            if (i == 600 || i == 900 || i == 1700) keyframes.push_back(program.truth());
        }
        keyframes.push_back(program.truth());
        write_synthetic_trace(file_.path(), program, keyframes, 40);
        auto reader = traces::TraceReader::open(file_.path());
        ASSERT_TRUE(reader.ok());
        auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
        ASSERT_TRUE(replay.ok());
        replay_ = std::move(*replay);
        middle_ = (replay_->begin() + replay_->end()) / 2;
    }
    EventWindowWish wish_for(const std::string& rule, TimeNs t, std::size_t each) const {
        EventWindowWish wish;
        wish.t = t;
        wish.before = wish.after = each;
        auto parsed = event_rule(rule);
        EXPECT_TRUE(parsed.ok());
        wish.rule = *parsed;
        return wish;
    }
    EventWindow look(const EventWindowWish& wish) const {
        traces::Search search;
        auto window = events_around(*replay_, wish, search);
        EXPECT_TRUE(window.ok());
        return *window;
    }
    using Plain = std::tuple<TimeNs, wire::EventType, std::uint64_t, std::string, std::string, double>;
    static Plain plain(const EventRow& row) {
        return {row.t, row.type, row.id, row.object, row.detail, row.blocked.known == Span::Known::kNo ? -1 : row.blocked.ns};
    }
    std::vector<Plain> queried(const std::string& rule) const {
        QueryOptions options;
        options.limit = 1'000'000;
        options.from = replay_->begin();
        options.to = replay_->end();
        auto answer = query_events(*replay_, *event_rule(rule), options);
        EXPECT_TRUE(answer.ok());
        std::vector<Plain> all;
        for (const EventRow& row : answer->rows)
            all.push_back(plain(row));
        return all;
    }
    static std::vector<Plain> plain(const EventWindow& window) {
        std::vector<Plain> all;
        for (const WindowRow& row : window.rows)
            all.push_back(plain(row.event));
        return all;
    }
    const traces::TemporaryPath file_{"window"};
    std::unique_ptr<traces::Replay> replay_;
    TimeNs middle_ = 0;
};

TEST_F(Windows, one_that_is_large_enough_holds_what_a_query_finds) {
    for (const char* rule : {"suspend", "wake or resume", "suspend and blocked_ns > 100ns", "exit and run_ns > 0ns"}) {
        const auto all = queried(rule);
        ASSERT_GT(all.size(), 20U) << rule;
        const EventWindow window = look(wish_for(rule, middle_, 100'000));
        EXPECT_EQ(plain(window), all) << rule;
        EXPECT_FALSE(window.more_before || window.more_after);
        EXPECT_EQ(window.known_from, replay_->begin());
        EXPECT_EQ(window.known_to, replay_->end());
    }
}

TEST_F(Windows, a_small_one_is_the_part_of_it_around_the_time) {
    for (const char* rule : {"suspend", "suspend and blocked_ns > 100ns"}) {
        const EventWindow all = look(wish_for(rule, middle_, 100'000));
        for (const TimeNs t : {replay_->begin(), middle_ / 2, middle_, replay_->end()}) {
            const EventWindow window = look(wish_for(rule, t, 9));
            const auto now = std::find_if(all.rows.begin(), all.rows.end(),
                                          [&](const WindowRow& row) { return row.at > window.t; });
            ASSERT_LE(window.rows.size() - window.until_now, 9U);
            ASSERT_GE(now - all.rows.begin(), static_cast<std::ptrdiff_t>(window.until_now));
            const auto wanted_before = std::min<std::ptrdiff_t>(9, now - all.rows.begin());
            EXPECT_GE(static_cast<std::ptrdiff_t>(window.until_now), wanted_before);
            const auto begin = now - static_cast<std::ptrdiff_t>(window.until_now);
            for (std::size_t i = 0; i < window.rows.size(); ++i)
                EXPECT_EQ(plain(window.rows[i].event), plain((begin + static_cast<std::ptrdiff_t>(i))->event)) << i;
        }
    }
}

TEST_F(Windows, whom_and_what_it_is_about_can_be_asked_for) {
    const EventWindow all = look(wish_for("", middle_, 100'000));
    ASSERT_GT(all.rows.size(), 1000U);
    const auto someone = std::find_if(all.rows.begin(), all.rows.end(), [](const WindowRow& row) { return row.event.id != 0; });
    ASSERT_NE(someone, all.rows.end());
    const std::uint64_t whom = someone->event.id;
    const auto what = std::find_if(all.rows.begin(), all.rows.end(),
                                   [](const WindowRow& row) { return !row.event.object.empty(); });
    ASSERT_NE(what, all.rows.end());
    EventWindowWish wish = wish_for("", middle_, 100'000);
    wish.coroutine = whom;
    const auto of = [&](auto&& belongs) {
        return static_cast<std::size_t>(std::count_if(all.rows.begin(), all.rows.end(), belongs));
    };
    const EventWindow theirs = look(wish);
    EXPECT_EQ(theirs.rows.size(), of([&](const WindowRow& row) { return row.event.id == whom; }));
    wish.coroutine = 0;
    wish.object = what->event.object;
    EXPECT_EQ(look(wish).rows.size(), of([&](const WindowRow& row) { return row.event.object == wish.object; }));
}

TEST_F(Windows, of_whom_is_told_is_asked_with_name_and_site) {
    const EventWindow all = look(wish_for("", middle_, 100'000));
    EventWindowWish wish = wish_for("", middle_, 100'000);
    std::map<std::uint64_t, std::pair<std::string, std::string>> asked;
    wish.of_whom = [&](std::uint64_t identity, std::string_view name, std::string_view site) {
        asked[identity] = {std::string(name), std::string(site)};
        return identity % 2 == 1;
    };
    const EventWindow odd = look(wish);
    const auto is_odd = [](const WindowRow& row) { return row.event.id % 2 == 1; };
    EXPECT_TRUE(std::all_of(odd.rows.begin(), odd.rows.end(), is_odd));
    EXPECT_EQ(odd.rows.size(), static_cast<std::size_t>(std::count_if(all.rows.begin(), all.rows.end(), is_odd)));
    ASSERT_FALSE(odd.rows.empty());
    for (const WindowRow& row : odd.rows)
        EXPECT_EQ(asked[row.event.id].first, row.event.name);
}

TEST_F(Windows, nothing_outside_of_a_range_is_told) {
    EventWindowWish wish = wish_for("", middle_, 100'000);
    wish.from = middle_ - (middle_ - replay_->begin()) / 4;
    wish.to = middle_ + 100;
    const EventWindow all = look(wish_for("", middle_, 100'000)), window = look(wish);
    const auto inside = std::count_if(all.rows.begin(), all.rows.end(),
                                      [&](const WindowRow& row) { return row.at >= *wish.from && row.event.t <= *wish.to; });
    ASSERT_GT(inside, 10);
    EXPECT_NEAR(static_cast<double>(window.rows.size()), static_cast<double>(inside), 2);
}

TEST_F(Windows, a_limit_on_what_is_looked_through_is_said) {
    EventWindowWish wish = wish_for("", middle_, 100'000);
    wish.events_max = 1;
    const EventWindow window = look(wish);
    EXPECT_TRUE(window.more_before);
    EXPECT_TRUE(window.more_after);
    EXPECT_GT(window.known_from, replay_->begin());
    EXPECT_LT(window.known_to, replay_->end());
}

TEST_F(Windows, a_search_that_nobody_wants_finds_nothing) {
    traces::Search search;
    search.cancelled = true;
    auto window = events_around(*replay_, wish_for("", middle_, 100), search);
    ASSERT_TRUE(window.ok());
    EXPECT_TRUE(window->rows.empty());
}

TEST(EventRule, one_about_state_is_refused_and_mistakes_have_a_caret) {
    EXPECT_EQ(*event_rule("  "), nullptr);
    EXPECT_FALSE(event_rule("pool[small].free == 0").ok());
    const auto wrong = event_rule("suspnd");
    ASSERT_FALSE(wrong.ok());
    EXPECT_NE(wrong.error().message.find('^'), std::string::npos);
}

}  // namespace
}  // namespace coroscope::rules
