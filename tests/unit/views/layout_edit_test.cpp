// views/layout_edit: what drags do to a layout, and which tabs a strip has room for.
#include "views/layout_edit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace coroscope::views {
namespace {

std::unique_ptr<LayoutNode> tree(const char* text) {
    auto parsed = parse_layout(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return std::move(parsed).value();
}

std::string moved(const char* text, const char* view, const char* target, Side side, std::size_t position = SIZE_MAX) {
    auto root = tree(text);
    return move_view(root, view, target, side, position) ? to_text(*root) : "refused: " + to_text(*root);
}

TEST(LayoutEdit, a_tab_joins_another_panel_where_it_is_dropped_and_is_in_front) {
    EXPECT_EQ(moved("h(50,t(a,b),t(c,d))", "b", "c", Side::kTabs, 1), "h(50,t(a),t(c,*b,d))");
    EXPECT_EQ(moved("h(50,t(a,b),t(c,d))", "a", "d", Side::kTabs), "h(50,t(b),t(c,d,*a))");
}

TEST(LayoutEdit, a_panel_that_loses_its_last_tab_goes) {
    EXPECT_EQ(moved("h(50,t(a),v(30,t(b),t(c)))", "a", "c", Side::kTabs, 0), "v(30,t(b),t(a,c))");
}

TEST(LayoutEdit, a_tab_changes_its_place_within_its_strip) {
    EXPECT_EQ(moved("t(a,b,c)", "a", "a", Side::kTabs, 2), "t(b,*a,c)");
    EXPECT_EQ(moved("t(a,b,c)", "c", "a", Side::kTabs, 0), "t(c,a,b)");
    EXPECT_EQ(moved("t(a,b,c)", "b", "a", Side::kTabs, 1), "refused: t(a,b,c)") << "it would stay where it is";
    EXPECT_EQ(moved("t(a,b,c)", "b", "a", Side::kTabs, 2), "refused: t(a,b,c)");
}

TEST(LayoutEdit, an_edge_splits_the_panel) {
    EXPECT_EQ(moved("t(a,b)", "a", "a", Side::kLeft), "h(50,t(a),t(b))");
    EXPECT_EQ(moved("t(a,b)", "b", "b", Side::kBelow), "v(50,t(a),t(b))");
    EXPECT_EQ(moved("h(40,t(a),t(b))", "a", "b", Side::kAbove), "v(50,t(a),t(b))");
    EXPECT_EQ(moved("h(40,t(a,x),t(b))", "a", "b", Side::kRight), "h(40,t(x),h(50,t(b),t(a)))");
    EXPECT_EQ(moved("t(a)", "a", "a", Side::kLeft), "refused: t(a)") << "there is nobody to be beside";
}

TEST(LayoutEdit, a_view_that_was_closed_comes_back_where_it_is_wanted) {
    auto root = tree("h(50,t(a,b),t(c))");
    EXPECT_TRUE(close_view(root, "c"));
    EXPECT_EQ(to_text(*root), "t(a,b)");
    EXPECT_FALSE(close_view(root, "c")) << "it is not there any more";
    EXPECT_TRUE(move_view(root, "c", "a", Side::kRight));
    EXPECT_EQ(to_text(*root), "h(50,t(a,b),t(c))");
}

TEST(LayoutEdit, the_last_view_stays) {
    auto root = tree("t(a)");
    EXPECT_FALSE(close_view(root, "a"));
    EXPECT_EQ(to_text(*root), "t(a)");
}

TEST(LayoutEdit, closing_keeps_the_tab_in_front_that_was) {
    auto root = tree("t(a,b,*c)");
    EXPECT_TRUE(close_view(root, "a"));
    EXPECT_EQ(to_text(*root), "t(b,*c)");
    EXPECT_TRUE(close_view(root, "c"));
    EXPECT_EQ(to_text(*root), "t(b)");
}

TEST(LayoutEdit, an_edge_is_a_quarter_and_the_nearest_one_counts) {
    EXPECT_EQ(side_at(0.1F, 0.5F), Side::kLeft);
    EXPECT_EQ(side_at(0.9F, 0.5F), Side::kRight);
    EXPECT_EQ(side_at(0.5F, 0.05F), Side::kAbove);
    EXPECT_EQ(side_at(0.2F, 0.95F), Side::kBelow);
    EXPECT_EQ(side_at(0.5F, 0.5F), Side::kTabs);
}

// Whatever is dragged where: every view stays once, what is written can be read again, and nothing refused changes anything.
TEST(LayoutEdit, ten_thousand_drags_lose_no_view) {
    std::mt19937 random(7);
    const auto draw = [&](std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random); };
    auto root = tree("h(58,v(54,t(a,b,c),t(d)),v(54,t(e,f),t(g,h,i)))");
    const std::set<std::string> all = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    const std::vector<std::string> names(all.begin(), all.end());
    std::size_t done = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::string before = to_text(*root);
        const bool changed = move_view(root, names[draw(names.size())], names[draw(names.size())], static_cast<Side>(draw(5)), draw(6));
        done += changed ? 1 : 0;
        const std::string after = to_text(*root);
        ASSERT_TRUE(changed || after == before) << after;
        const auto again = parse_layout(after);
        ASSERT_TRUE(again.ok()) << after;
        for (const std::string& name : names)
            ASSERT_NE(find_leaf(**again, name), nullptr) << name << " in " << after;
    }
    EXPECT_GT(done, 5'000U);
}

TEST(TabStrip, shows_all_tabs_where_they_fit) {
    EXPECT_EQ(tabs_that_fit({50, 50, 50}, 150, 40, 0), (std::vector<std::size_t>{0, 1, 2}));
}

TEST(TabStrip, keeps_the_tab_in_front_and_the_first_ones) {
    EXPECT_EQ(tabs_that_fit({50, 50, 50, 50}, 150, 40, 0), (std::vector<std::size_t>{0, 1}));
    EXPECT_EQ(tabs_that_fit({50, 50, 50, 50}, 150, 40, 3), (std::vector<std::size_t>{0, 3}));
    EXPECT_EQ(tabs_that_fit({50, 50, 50, 50}, 20, 40, 2), (std::vector<std::size_t>{2})) << "one is always there";
}

TEST(TabStrip, what_is_shown_has_room_beside_the_button) {
    std::mt19937 random(11);
    for (int i = 0; i < 2'000; ++i) {
        std::vector<float> widths(1 + random() % 12);
        for (float& width : widths)
            width = static_cast<float>(20 + random() % 100);
        const float room = static_cast<float>(140 + random() % 500);
        const std::size_t front = random() % widths.size();
        const auto shown = tabs_that_fit(widths, room, 72, front);
        float used = shown.size() < widths.size() ? 72 : 0;
        for (const std::size_t tab : shown)
            used += widths[tab];
        EXPECT_TRUE(std::is_sorted(shown.begin(), shown.end()));
        EXPECT_NE(std::find(shown.begin(), shown.end(), front), shown.end());
        EXPECT_TRUE(shown.size() == 1 || used <= room);
    }
}

}  // namespace
}  // namespace coroscope::views
