// Size rows: what is advised on what evidence, merging, and tables that are not tables.
#include "traces/size_rows.h"

#include <unistd.h>
#include <algorithm>
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

TEST(Sizes, a_proven_row_is_advised_by_its_bound_without_margin_and_samples) {
    SizeRow row;
    row.proof = SizeProof{.proven = true, .bound_bytes = 250};
    EXPECT_EQ(row.advised(kBytes), SizeClass::kMicro);
    EXPECT_STREQ(row.evidence(), "proven");
    row.proof->bound_bytes = 257;
    EXPECT_EQ(row.advised(kBytes), SizeClass::kSmall);
}

TEST(Sizes, a_proof_never_advises_below_what_was_seen) {
    SizeRow row = row_with(SizeClass::kMedium, 1, 3000);  // of another build
    row.proof = SizeProof{.proven = true, .bound_bytes = 200};
    EXPECT_EQ(row.advised(kBytes), SizeClass::kMedium);
    row.contradicted = true;
    EXPECT_STREQ(row.evidence(), "profiled");
}

TEST(Sizes, an_unproven_site_is_advised_by_its_profile) {
    SizeRow row = row_with(SizeClass::kMedium, 100, 150);
    row.proof = SizeProof{};
    row.proof->reasons.insert({{"f"}, "f calls through a pointer", "a.out", 16});
    EXPECT_STREQ(row.evidence(), "profiled");
    EXPECT_EQ(row.advised(kBytes), SizeClass::kMicro);
}

TEST(Sizes, a_class_that_was_wrong_once_is_never_advised_again) {
    SizeRow row = row_with(SizeClass::kMicro, 100, 150);
    SizeRow wrong;
    wrong.wrong_class = SizeClass::kMicro;
    wrong.wrong_bytes = 400;
    row.merge(wrong);
    EXPECT_EQ(row.advised(kBytes), SizeClass::kSmall);
    row.add_sample(9000);
    EXPECT_EQ(row.advised(kBytes), SizeClass::kMedium);
    row.wrong_class = SizeClass::kLarge;
    EXPECT_EQ(row.advised(kBytes), SizeClass::kLarge);
}

TEST(Sizes, what_the_program_noticed_itself_counts_beside_the_samples) {
    SizeRow row = row_with(SizeClass::kMedium, 100, 150);
    row.seen_bytes = 1000;
    EXPECT_EQ(row.advised(kBytes), SizeClass::kSmall);
}

TEST(Sizes, accuracy_is_the_smaller_of_predicted_and_seen_in_parts_of_the_larger) {
    SizeRow row;
    EXPECT_FALSE(row.accuracy().has_value());
    row.predicted_bytes = 200;
    row.run_seen_bytes = 160;
    EXPECT_DOUBLE_EQ(*row.accuracy(), 0.8);
    row.run_seen_bytes = 400;
    EXPECT_DOUBLE_EQ(*row.accuracy(), 0.5);
}

TEST(Sizes, class_and_prediction_are_those_of_the_run_that_began_last_whichever_is_merged_first) {
    SizeRow first = row_with(SizeClass::kMedium, 1, 100), second = row_with(SizeClass::kMicro, 1, 90);
    first.run_unix_ns = 1;
    second.run_unix_ns = 2;
    second.predicted_bytes = 95;
    SizeRow forward = first, backward = second;
    forward.merge(second);
    backward.merge(first);
    for (const SizeRow& row : {forward, backward}) {
        EXPECT_EQ(row.class_used, SizeClass::kMicro);
        EXPECT_EQ(row.predicted_bytes, 95U);
    }
}

TEST(Sizes, proofs_of_one_site_join_to_the_one_that_promises_less) {
    SizeProof proof{.proven = true, .bound_bytes = 100, .path = {"f"}};
    proof.merge({.proven = true, .bound_bytes = 200, .path = {"g"}});
    EXPECT_TRUE(proof.proven);
    EXPECT_EQ(proof.bound_bytes, 200U);
    EXPECT_EQ(proof.path, std::vector<std::string>{"g"});
    proof.merge({.proven = false});
    EXPECT_FALSE(proof.proven);
    EXPECT_EQ(proof.bound_bytes, 0U) << "no number that could be taken for a bound";
}

TEST(Sizes, a_table_that_was_written_reads_back_the_same) {
    SizeRows rows;
    SizeBuildRows& build = rows.build({"demo", "abcd"});
    build.runs = 1;
    build.measured[{"demo.cpp:10", "f()"}] = row_with(SizeClass::kMedium, 100, 150);
    SizeRow& grown = build.measured[{"demo.cpp:20", "g()"}];
    grown = row_with(SizeClass::kSmall, 3, 1999);
    grown.migrations = 6;
    grown.in_place = 1;
    grown.segments = 2;
    grown.wishes = 3;
    grown.seen_bytes = 1700;
    grown.wrong_class = SizeClass::kMicro;
    grown.wrong_bytes = 300;
    build.measured[{"demo.cpp:10", "f()"}].symbol = "f()";
    grown.symbol = "g()";
    build.proofs["demo.cpp:10"] = {.symbol = "f()", .proven = true, .bound_bytes = 200, .call_depth = 2, .path = {"f", "g"},
                                   .places = {{"demo", 16}, {"libc", 32}}, .contracts = {"c"}, .assumptions = {"a"}};
    build.proofs["demo.cpp:30"] = {.symbol = "h()", .reasons = {{{"h", "i"}, "i recurses", "demo", 64, {{"demo", 8}, {"demo", 64}}}}};
    build.proven_from.emplace("demo", "abc");
    build.assumptions.insert("somebody keeps to it");
    const nlohmann::json written = rows.to_json();
    EXPECT_EQ(written["overestimated"], nlohmann::json::array({"demo.cpp:10"}));
    EXPECT_EQ(written["underestimated"], nlohmann::json::array({"demo.cpp:20"}));
    EXPECT_EQ(written["sites"][0]["bound_bytes"], 200);
    EXPECT_EQ(written["sites"].size(), 2U) << "of demo.cpp:30 nothing is known but why";
    EXPECT_EQ(written["builds"][0]["proofs"][1]["reasons"][0]["reason"], "i recurses");
    const TemporaryFile file(written.dump());
    const auto again = compute_sizes({}, {file.path()});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->dump(), written.dump());
    const auto twice = compute_sizes({file.path()}, {file.path()});
    ASSERT_TRUE(twice) << twice.error().message;
    EXPECT_EQ((*twice)["runs"], 2);
    EXPECT_EQ((*twice)["sites"][0]["samples"], 200);
    EXPECT_EQ((*twice)["sites"][0]["bound_bytes"], 200);
    EXPECT_EQ((*twice)["sites"][1]["migrations_by_form"],
              (nlohmann::json{{"in_place", 2}, {"segments", 4}, {"wishes", 6}}));
    EXPECT_EQ((*twice)["sites"][1]["seen_bytes"], 1700);
    EXPECT_EQ((*twice)["sites"][1]["wrong_class"], "micro");
    EXPECT_NE(sizes_text(*twice).find("demo.cpp:10"), std::string::npos);
}

TEST(Sizes, a_table_of_version_1_keeps_what_it_says) {
    SizeRows rows;
    ASSERT_TRUE(rows.add_table_text(R"({"version": 1, "runs": 3, "sites": [{"site": "a:1", "symbol": "f", "class_used": "micro", "samples": 2,
        "sum_bytes": 300, "peak_coroutines": 2, "migrations": 1, "high_water_bytes": {"max": 200}, "histogram": [[100, 1], [200, 1]]}]})",
                                    "t.json"));
    const nlohmann::json table = rows.to_json();
    EXPECT_EQ(table["runs"], 3);
    EXPECT_EQ(table["sites"][0]["samples"], 2);
    EXPECT_EQ(table["sites"][0]["high_water_bytes"]["max"], 200);
    EXPECT_EQ(table["sites"][0]["class_used"], "micro");
}

TEST(Sizes, lines_of_the_report_fit_120_columns) {
    SizeRows rows;
    SizeBuildRows& build = rows.build({"a-program-with-a-long-name", std::string(40, 'f')});
    SizeRow row = row_with(SizeClass::kLarge, 3'000, 7'999'999);
    row.symbol = "f()";
    row.peak_coroutines = 123'456'789;
    row.coroutines = 123'456'789'012;
    row.migrations = 999'999'999'999;
    row.predicted_bytes = 8'000'000;
    row.run_seen_bytes = 7'999'999;
    for (const char* site : {"some/folder/of/a/very/deep/tree/with_a_long_name.cpp:1234", "some/folder/of/b.cpp:1", "other.cpp:3"})
        build.measured[{site, "f()"}] = row;
    const std::string text = sizes_text(rows.to_json());
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; begin = end + 1, end = text.find('\n', begin)) {
        const std::string line = text.substr(begin, end - begin);
        const auto letters = std::count_if(line.begin(), line.end(), [](char byte) { return (byte & 0xc0) != 0x80; });
        EXPECT_LE(letters, 120) << line;
    }
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
        {R"({"version": 1, "sites": [{"site": "a:1", "class_used": "micro", "samples": 2, "sum_bytes": 1, "peak_coroutines": 1,
             "migrations": 0, "histogram": [[1, 1]]}]})",
         "add up"},
        {R"({"version": 1, "sites": [{"site": "a:1", "class_used": "micro", "samples": 1e400}]})", "beyond all bounds"},
        {R"({"version": 1, "sites": [{"site": "a:1", "class_used": "micro", "samples": 9007199254740993}]})", "lacks a count"},
        {R"({"version": 2, "sites": [], "builds": 3})", "\"builds\""},
        {R"({"version": 2, "sites": [], "builds": [{"program": "a"}]})", "build 1"},
        {R"({"version": 2, "sites": [], "classes": {"micro": 3}, "builds": []})", "\"micro\""},
        {R"({"version": 2, "sites": [], "builds": [{"program": "a", "build_id": "b", "runs": 1, "assumptions": [], "measured": [], "proofs":
             [{"site": "a:1", "proven": true, "recursion": false}]}]})",
         "bound_bytes"},
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
