// views/palette_model: what is found for what was typed.
#include "views/palette_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fake_session.h"

namespace coroscope::views {
namespace {

int score(std::string_view line, std::string_view pattern) {
    return match_score(line, pattern).value_or(-1);
}

TEST(PaletteMatch, finds_parts_words_in_any_order_and_letters_in_order) {
    EXPECT_GE(score("Show: Stack pools", "pools"), 0);
    EXPECT_GE(score("Show: Stack pools", "pool stack"), 0);
    EXPECT_GE(score("Show: Stack pools", "shpo"), 0);
    EXPECT_GE(score("Show: Stack pools", "SHOW"), 0);
    EXPECT_LT(score("Show: Stack pools", "poolz"), 0);
    EXPECT_LT(score("Show: Stack pools", "pools waits"), 0) << "every word must be found";
    EXPECT_EQ(score("anything", ""), 0);
    EXPECT_EQ(score("anything", "   "), 0);
    EXPECT_LT(score("", "a"), 0);
}

TEST(PaletteMatch, prefers_whole_parts_and_the_starts_of_words) {
    EXPECT_GT(score("Pause the program", "pause"), score("Set out a pleasant use", "pause"));
    EXPECT_GT(score("Next theme", "theme"), score("Anthemes", "theme"));
    EXPECT_GT(score("Stack", "st"), score("Last", "st"));
}

TEST(PaletteTimes, are_read_as_people_write_them) {
    EXPECT_EQ(time_of("1.5s", 0), 1'500'000'000);
    EXPECT_EQ(time_of("200 ms", 0), 200'000'000);
    EXPECT_EQ(time_of("3us", 0), 3'000);
    EXPECT_EQ(time_of("2min", 0), 120'000'000'000);
    EXPECT_EQ(time_of("+10ms", 5'000'000), 15'000'000);
    EXPECT_EQ(time_of("-1ms", 5'000'000), 4'000'000);
    for (const char* text : {"", "1.5", "s", "swarm", "1.5 parsecs", "1e300s", "--1s", "nan s"})
        EXPECT_EQ(time_of(text, 0), std::nullopt) << text;
}

TEST(PaletteActions, tell_their_keys_and_come_with_those_that_are_possible_first) {
    Actions actions;
    actions.add({"a", "Pause nothing", "Hold", {"x"}, [] {}, [] { return false; }, false});
    actions.add({"b", "Take a pause", "Hold", {"f9", "ctrl+x"}, [] {}, {}, false});
    auto hits = find_actions(actions, "pause");
    put_in_order(hits, 10);
    ASSERT_EQ(hits.size(), 2U);
    EXPECT_EQ(hits[0].id, "b");
    EXPECT_EQ(hits[0].keys, "F9  Ctrl+X");
    EXPECT_FALSE(hits[1].possible);
    EXPECT_EQ(find_actions(actions, "hold").size(), 2U) << "by their heading, too";
    put_in_order(hits, 1);
    EXPECT_EQ(hits.size(), 1U);
}

std::vector<PaletteHit> found(const char* pattern) {
    auto hits = find_in_state(*make_fake_moment({}), pattern, 40);
    put_in_order(hits, 100);
    return hits;
}

TEST(PaletteState, an_identity_is_found_first) {
    const auto hits = found("4");
    ASSERT_FALSE(hits.empty());
    EXPECT_EQ(hits[0].kind, PaletteHit::Kind::kCoroutine);
    EXPECT_EQ(hits[0].number, kFakeConsumer);
}

TEST(PaletteState, coroutines_are_found_by_name_and_channels_by_theirs) {
    const auto slow = found("slow");
    ASSERT_FALSE(slow.empty());
    EXPECT_EQ(slow[0].number, kFakeConsumer);
    const auto rows = found("rows");
    EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [](const PaletteHit& hit) {
        return hit.kind == PaletteHit::Kind::kChannel && hit.id == "channel:rows";
    }));
}

TEST(PaletteState, of_a_thousand_alike_a_few_are_offered_and_their_site) {
    const auto hits = found("swarm");
    const auto of = [&](PaletteHit::Kind kind) {
        return std::count_if(hits.begin(), hits.end(), [&](const PaletteHit& hit) { return hit.kind == kind; });
    };
    EXPECT_GE(of(PaletteHit::Kind::kCoroutine), 1);
    EXPECT_LE(of(PaletteHit::Kind::kCoroutine), 8);
}

}  // namespace
}  // namespace coroscope::views
