// Size rows: what is advised on what evidence, merging, and tables that are not tables.
#include "traces/size_rows.h"

#include <unistd.h>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"

namespace coroscope::traces {
namespace {

using wire::SizeClass;

const ClassBytes kBytes = ClassBytes::of({});

SizeRow row_with(SizeClass used, std::uint64_t samples, std::uint64_t high_water_bytes) {
    SizeRow row;
    row.class_used = used;
    for (std::uint64_t i = 0; i < samples; ++i)
        row.add_sample(high_water_bytes);
    return row;
}

// A file that is gone at the end of the test.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& text)
        : path_(std::filesystem::temp_directory_path() / ("sizes-test-" + std::to_string(getpid()) + ".json")) {
        std::ofstream(path_) << text;
    }
    ~TemporaryFile() { std::filesystem::remove(path_); }
    std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

TEST(Sizes, many_shallow_samples_advise_the_smallest_class_that_holds_them_with_margin) {
    EXPECT_EQ(row_with(SizeClass::kMedium, 100, 150).advised(kBytes), SizeClass::kMicro);
    EXPECT_EQ(row_with(SizeClass::kMedium, 100, 216).advised(kBytes), SizeClass::kMicro)
        << "216 + (216 - 64) / 4 fits 256";
    EXPECT_EQ(row_with(SizeClass::kMedium, 100, 220).advised(kBytes), SizeClass::kSmall);
    EXPECT_EQ(row_with(SizeClass::kLarge, 100, 9000).advised(kBytes), SizeClass::kMedium);
}

TEST(Sizes, few_samples_never_argue_for_a_smaller_class_but_do_for_a_larger) {
    EXPECT_EQ(row_with(SizeClass::kMedium, kSamplesEnough - 1, 100).advised(kBytes), SizeClass::kMedium);
    EXPECT_EQ(row_with(SizeClass::kSmall, 1, 2000).advised(kBytes), SizeClass::kMedium);
}

TEST(Sizes, a_site_without_samples_keeps_its_class) {
    EXPECT_EQ(row_with(SizeClass::kLarge, 0, 0).advised(kBytes), SizeClass::kLarge);
}

TEST(Sizes, merging_adds_samples_and_keeps_the_exact_maximum) {
    SizeRow row = row_with(SizeClass::kMedium, 10, 100);
    row.merge(row_with(SizeClass::kMedium, 10, 1003));
    EXPECT_EQ(row.samples, 20U);
    EXPECT_EQ(row.max_bytes, 1003U);
    EXPECT_EQ(row.quantile(1.0), 1003U);
    EXPECT_LE(row.quantile(0.5), 103U);
    EXPECT_GE(row.quantile(0.5), 100U);
}

TEST(Sizes, saving_counts_whole_pages_above_a_page_and_slots_below) {
    SizeRow row = row_with(SizeClass::kMedium, 100, 150);
    row.peak_coroutines = 1000;
    EXPECT_EQ(row.saved_bytes(kBytes), 1000 * (4096 - 256));
}

TEST(Sizes, a_table_that_was_written_reads_back_the_same) {
    SizeRows rows;
    rows.rows()["demo.cpp:10"] = row_with(SizeClass::kMedium, 100, 150);
    rows.rows()["demo.cpp:20"] = row_with(SizeClass::kSmall, 3, 1999);
    SizeRow& grown = rows.rows()["demo.cpp:20"];
    grown.migrations = 6;
    grown.in_place = 1;
    grown.segments = 2;
    grown.wishes = 3;
    grown.seen_bytes = 1700;
    const nlohmann::json written = rows.to_json();
    EXPECT_EQ(written["overestimated"], nlohmann::json::array({"demo.cpp:10"}));
    EXPECT_EQ(written["underestimated"], nlohmann::json::array({"demo.cpp:20"}));
    const TemporaryFile file(written.dump());
    const auto again = compute_sizes({}, {file.path()});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ((*again)["sites"], written["sites"]);
    const auto twice = compute_sizes({}, {file.path(), file.path()});
    ASSERT_TRUE(twice);
    EXPECT_EQ((*twice)["sites"][0]["samples"], 200);
    EXPECT_EQ((*twice)["sites"][1]["migrations_by_form"],
              (nlohmann::json{{"in_place", 2}, {"segments", 4}, {"wishes", 6}}));
    EXPECT_EQ((*twice)["sites"][1]["seen_bytes"], 1700);
    EXPECT_NE(sizes_text(*twice).find("demo.cpp:10"), std::string::npos);
}

TEST(Sizes, malformed_tables_are_named_with_what_is_wrong) {
    const std::pair<const char*, const char*> tables[] = {
        {"{\"version\": 1,\n\"sites\": [", "line 2"},
        {"[1, 2]", "\"sites\""},
        {R"({"sites": []})", "\"version\""},
        {R"({"version": 99, "sites": []})", "upgrade coroscope"},
        {R"({"version": 1, "sites": [{"site": 3}]})", "site 1"},
        {R"({"version": 1, "sites": [{"site": "a:1", "class_used": "huge"}]})", "class_used"},
        {R"({"version": 1, "sites": [{"site": "a:1", "class_used": "micro", "samples": -1}]})",
         "lacks a count"},
        {R"({"version": 1, "sites": [{"site": "a:1", "class_used": "micro", "samples": 1, "sum_bytes": 1, "peak_coroutines": 1,
             "migrations": 0, "histogram": [[1]]}]})",
         "pairs"},
    };
    for (const auto& [text, expected] : tables) {
        const TemporaryFile file(text);
        const auto sizes = compute_sizes({}, {file.path()});
        ASSERT_FALSE(sizes) << text;
        EXPECT_NE(sizes.error().message.find(expected), std::string::npos) << sizes.error().message;
        EXPECT_NE(sizes.error().message.find(file.path()), std::string::npos) << sizes.error().message;
    }
}

}  // namespace
}  // namespace coroscope::traces
