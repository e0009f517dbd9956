// views/layout: the split tree as text.
#include "views/layout.h"

#include <gtest/gtest.h>

namespace coroscope::views {
namespace {

TEST(Layout, text_survives_the_round_trip) {
    for (const char* text :
         {"t(pools)", "t(stack,*waits)", "h(40,t(a),t(b))",
          "h(58,v(54,t(coroutines,output),t(pools)),v(54,t(stack),t(waits,*histograms)))"}) {
        const auto parsed = parse_layout(text);
        ASSERT_TRUE(parsed.ok()) << text;
        EXPECT_EQ(to_text(**parsed), text);
    }
}

TEST(Layout, every_preset_parses_and_shows_each_view_once) {
    for (const Preset& preset : presets()) {
        auto parsed = parse_layout(preset.layout);
        ASSERT_TRUE(parsed.ok()) << preset.name;
        for (const char* view :
             {"coroutines", "pools", "stack", "waits", "locks", "workers", "selects", "histograms", "output"})
            EXPECT_NE(find_leaf(**parsed, view), nullptr) << preset.name << view;
    }
}

TEST(Layout, what_is_no_layout_is_refused_with_its_place) {
    for (const char* text : {"", "x", "t()", "t(a", "h(40,t(a))", "h(,t(a),t(b))", "t(a)t(b)",
                             "h(40,t(a),t(a))", "t(a,a)", "h(50,t(a),t(b)", "t(a b)"}) {
        const auto parsed = parse_layout(text);
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_EQ(parsed.error().code, base::ErrorCode::kUsage);
        EXPECT_NE(parsed.error().message.find("position"), std::string::npos);
    }
}

TEST(Layout, endless_nesting_is_refused) {
    std::string text;
    for (int i = 0; i < 5000; ++i)
        text += "h(50,";
    EXPECT_FALSE(parse_layout(text).ok());
}

TEST(Layout, shares_stay_within_what_can_be_seen) {
    const auto parsed = parse_layout("h(1,t(a),v(99,t(b),t(c)))");
    ASSERT_TRUE(parsed.ok());
    EXPECT_FLOAT_EQ((*parsed)->share, 0.1F);
    EXPECT_FLOAT_EQ((*parsed)->second->share, 0.9F);
}

TEST(Layout, the_views_in_front_are_the_visible_ones) {
    const auto parsed = parse_layout("h(50,t(a,*b),v(50,t(c),t(d,e)))");
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(visible_views(**parsed), (std::vector<std::string>{"b", "c", "d"}));
}

}  // namespace
}  // namespace coroscope::views
