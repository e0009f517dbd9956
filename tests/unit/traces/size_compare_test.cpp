// Two runs side by side: sums, sites of one side only, and sites that moved between two builds.
#include "traces/size_compare.h"
#include "traces/size_match.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace coroscope::traces {
namespace {

using wire::SizeClass;

SizeRows run(const char* build_id, std::uint64_t unix_ns, const char* site, SizeClass used, std::uint64_t migrations = 0) {
    SizeRows rows;
    SizeBuildRows& build = rows.build({"server", build_id});
    build.runs = 1;
    build.latest_run_unix_ns = unix_ns;
    SizeRow& row = build.measured[{site, "serve()"}];
    row.run_unix_ns = unix_ns;
    row.class_used = used;
    for (int i = 0; i < 100; ++i)
        row.add_sample(150);
    row.coroutines = row.peak_coroutines = 100;
    row.migrations = migrations;
    return rows;
}

TEST(SizeCompare, a_run_in_smaller_classes_holds_less) {
    const SizeComparison comparison = compare_sizes(run("1", 1, "a.cpp:1", SizeClass::kMedium, 7), run("1", 2, "a.cpp:1", SizeClass::kMicro));
    ASSERT_EQ(comparison.sites.size(), 1U);
    EXPECT_EQ(comparison.sites[0].symbol, "serve()");
    EXPECT_EQ(comparison.before.resident_bytes, 100U * 4096);
    EXPECT_EQ(comparison.after.resident_bytes, 100U * 256);
    EXPECT_DOUBLE_EQ(comparison.shrunk(), 16);
    EXPECT_EQ(comparison.before.migrations, 7U);
    EXPECT_EQ(comparison.after.migrations, 0U);
    const nlohmann::json made = to_json(comparison);
    EXPECT_EQ(made["sites"][0]["before"]["class_used"], "medium");
    EXPECT_EQ(made["sites"][0]["after"]["class_used"], "micro");
    EXPECT_EQ(made["shrunk"], 16);
    EXPECT_NE(to_text(comparison).find("16 times less"), std::string::npos) << to_text(comparison);
}

TEST(SizeCompare, a_site_that_moved_between_the_builds_is_one_row) {
    const SizeComparison comparison = compare_sizes(run("1", 1, "a.cpp:1", SizeClass::kMedium), run("2", 2, "a.cpp:9", SizeClass::kMedium));
    ASSERT_EQ(comparison.sites.size(), 1U);
    EXPECT_EQ(comparison.sites[0].site, "a.cpp:9");
    EXPECT_TRUE(comparison.sites[0].before.ran);
    EXPECT_TRUE(comparison.sites[0].after.ran);
}

TEST(SizeCompare, a_program_of_another_name_or_from_another_folder_is_matched_by_file_and_function) {
    SizeRows renamed;
    const SizeRows moved = run("2", 2, "/new/a.cpp:9", SizeClass::kMicro);
    for (const auto& [build, rows] : moved.builds())
        renamed.build({"server-new", build.build_id}).merge(rows);
    const SizeComparison comparison = compare_sizes(run("1", 1, "/old/a.cpp:1", SizeClass::kMedium), renamed);
    ASSERT_EQ(comparison.sites.size(), 1U);
    EXPECT_EQ(comparison.sites[0].site, "/new/a.cpp:9");
    EXPECT_EQ(to_json(comparison)["sites"][0]["moved_from"], "/old/a.cpp:1");
    EXPECT_DOUBLE_EQ(comparison.shrunk(), 16);
}

TEST(SizeMatch, the_line_the_file_and_the_name_of_the_file_are_tried_in_turn_and_nothing_is_guessed) {
    const auto match = [](std::vector<SizeSiteName> before, std::vector<SizeSiteName> now) { return match_sites(before, now); };
    using Places = std::vector<std::size_t>;
    EXPECT_EQ(match({{"a.cpp:1", "f()"}, {"a.cpp:2", "f()"}}, {{"a.cpp:2", "f()"}, {"a.cpp:1", "void f()"}}), (Places{1, 0}));
    EXPECT_EQ(match({{"a.cpp:1", ""}}, {{"a.cpp:1", "f()"}}), (Places{0})) << "a table that knows no functions";
    EXPECT_EQ(match({{"a.cpp:1", "f()"}}, {{"a.cpp:1", "g()"}}), (Places{kNoMatch})) << "another function's line by now";
    EXPECT_EQ(match({{"a.cpp:1", "f()"}, {"a.cpp:5", "g()"}}, {{"a.cpp:1", "g()"}, {"a.cpp:7", "f()"}}), (Places{1, 0})) << "both moved";
    EXPECT_EQ(match({{"/x/a.cpp:1", "f()"}, {"/x/a.cpp:2", "f()"}}, {{"/y/a.cpp:1", "f()"}, {"/y/a.cpp:2", "f()"}}), (Places{0, 1}));
    EXPECT_EQ(match({{"a.cpp:1", "f()"}, {"a.cpp:2", "f()"}}, {{"a.cpp:3", "f()"}}), (Places{kNoMatch})) << "which of the two?";
    EXPECT_EQ(match({{"a.cpp:1", "f()"}}, {{"b.cpp:1", "f()"}}), (Places{kNoMatch}));
}

TEST(SizeCompare, a_site_of_one_run_only_says_nothing_of_the_other) {
    const SizeComparison comparison = compare_sizes(run("1", 1, "a.cpp:1", SizeClass::kMedium), run("1", 2, "b.cpp:9", SizeClass::kMedium));
    ASSERT_EQ(comparison.sites.size(), 2U);
    const nlohmann::json made = to_json(comparison);
    EXPECT_TRUE(made["sites"][0]["after"].is_null() != made["sites"][1]["after"].is_null());
    EXPECT_EQ(comparison.before.resident_bytes, comparison.after.resident_bytes);
}

TEST(SizeCompare, lines_fit_120_columns) {
    const std::string text = to_text(
        compare_sizes(run("1", 1, "a/folder/with/a/long/name/and_a_file_with_one.cpp:1234", SizeClass::kLarge, 12'345'678),
                      run("1", 2, "other.cpp:9", SizeClass::kMedium, 999'999'999'999)));
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin)) {
        const std::string line = text.substr(begin, end - begin);
        EXPECT_LE(std::count_if(line.begin(), line.end(), [](char byte) { return (byte & 0xc0) != 0x80; }), 120) << line;
    }
}

}  // namespace
}  // namespace coroscope::traces
