// How the Compare view says two sides.
#include "views/compare_model.h"

#include <gtest/gtest.h>

namespace coroscope::views {
namespace {

TEST(Compared, values_are_said_by_their_unit) {
    EXPECT_EQ(compared_text("ns", 1500), "1.50 µs");
    EXPECT_EQ(compared_text("bytes", 16384), "16 KiB");
    EXPECT_EQ(compared_text("share", 0.123), "12.3 %");
    EXPECT_EQ(compared_text("1/s", 950), "950 /s");
    EXPECT_EQ(compared_text("", 42), "42");
    EXPECT_EQ(compared_text("ns", -1), "–");
}

TEST(Compared, ratios_are_said_where_there_are_both) {
    EXPECT_EQ(compared_ratio_text(100, 125), "×1.25");
    EXPECT_EQ(compared_ratio_text(1, 5000), "×5000");
    EXPECT_EQ(compared_ratio_text(0, 5), "new");
    EXPECT_EQ(compared_ratio_text(5, 0), "gone");
    EXPECT_EQ(compared_ratio_text(0, 0), "");
    EXPECT_EQ(compared_ratio_text(5, -1), "");
}

TEST(Compared, a_change_of_a_few_percent_is_none) {
    EXPECT_EQ(verdict_of(100, 104, false), Verdict::kSame);
    EXPECT_EQ(verdict_of(100, 110, false), Verdict::kWorse);
    EXPECT_EQ(verdict_of(100, 110, true), Verdict::kBetter);
    EXPECT_EQ(verdict_of(0, 110, true), Verdict::kNone);
    EXPECT_EQ(verdict_of({"runs a second", "1/s", 100, 200}, false), Verdict::kBetter);
    EXPECT_EQ(verdict_of({"spawned", "", 100, 200}, true), Verdict::kNone);
}

TEST(Compared, sums_of_runs_of_different_lengths_are_not_judged) {
    EXPECT_EQ(verdict_of({"ready", "ns", 100, 200}, true), Verdict::kWorse);
    EXPECT_EQ(verdict_of({"ready", "ns", 100, 200}, false), Verdict::kNone);
}

TEST(Compared, words_filter_the_sites) {
    analyses::RunComparison comparison;
    comparison.sites.resize(2);
    comparison.sites[0].site = "demo/parse.cpp:10";
    comparison.sites[0].name = "parser";
    comparison.sites[1].site = "demo/write.cpp:10";
    comparison.sites[1].name = "writer";
    EXPECT_EQ(filter_compared(comparison, "").size(), 2U);
    EXPECT_EQ(filter_compared(comparison, "DEMO writer"), (std::vector<std::uint32_t>{1}));
    EXPECT_TRUE(filter_compared(comparison, "nobody").empty());
    EXPECT_NE(compared_line(comparison.sites[0]).find("did not run"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::views
