// What a run has learned, added to a table: sums, advice, rows that were wrong; and the same said by `coroscope sizes`.
#include "runtime/learning/learned_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "instrumentation/wire/histogram.h"
#include "runtime/learning/table_file.h"
#include "runtime/stacks/json_writer.h"
#include "traces/analysis.h"

namespace cprime::detail {
namespace {

using coroscope::wire::SizeClass;
using nlohmann::json;

// The documented classes.
constexpr ClassBytes kBytes = {{256, 2048, 16384, 8U << 20}, {256, 2048, 16384, 8U << 20}};

LearnedRow row_of(const std::string& site, SizeClass used, const std::vector<std::uint64_t>& depths) {
    LearnedRow row;
    row.site = site;
    row.symbol = "spawner";
    row.class_used = used;
    std::map<std::uint64_t, std::uint64_t> histogram;
    for (const std::uint64_t depth : depths) {
        ++row.samples;
        row.sum_bytes += depth;
        row.max_bytes = std::max(row.max_bytes, depth);
        ++histogram[coroscope::wire::histogram_bucket(depth)];
    }
    row.histogram.assign(histogram.begin(), histogram.end());
    row.peak_coroutines = std::max<std::uint64_t>(1, depths.size() / 2);
    return row;
}

json learned(const std::vector<LearnedRow>& rows, JsonValue table = empty_table()) {
    const auto status = learn(table, rows, 1, kBytes);
    EXPECT_TRUE(status) << status.error().message;
    return json::parse(json_text(table));
}

JsonValue value_of(const json& table) {
    return *parse_json(table.dump());
}

TEST(LearnedTable, runs_add_up) {
    const json once = learned({row_of("a:1", SizeClass::kMedium, std::vector<std::uint64_t>(15, 150))});
    EXPECT_EQ(once["sites"][0]["class_advised"], "medium")
        << "fifteen are too few to argue for a smaller class";
    const json twice = learned({row_of("a:1", SizeClass::kMedium, std::vector<std::uint64_t>(15, 160))},
                               value_of(once));
    EXPECT_EQ(twice["runs"], 2);
    const json& row = twice["sites"][0];
    EXPECT_EQ(row["samples"], 30);
    EXPECT_EQ(row["sum_bytes"], 15 * 150 + 15 * 160);
    EXPECT_EQ(row["high_water_bytes"]["max"], 160);
    EXPECT_EQ(row["class_advised"], "micro");
    EXPECT_EQ(twice["overestimated"], json::array({"a:1"}));
}

TEST(LearnedTable, a_row_that_was_wrong_is_never_advised_as_small_again) {
    LearnedRow wrong = row_of("a:1", SizeClass::kSmall, std::vector<std::uint64_t>(50, 100));
    wrong.unheld = static_cast<std::uint8_t>(SizeClass::kSmall) + 1;
    wrong.unheld_bytes = 6000;
    json table = learned({wrong});
    EXPECT_EQ(table["sites"][0]["class_advised"], "medium");
    for (int i = 0; i < 5; ++i)
        table = learned({row_of("a:1", SizeClass::kMedium, std::vector<std::uint64_t>(50, 100))},
                        value_of(table));
    EXPECT_EQ(table["sites"][0]["class_advised"], "medium");
    EXPECT_EQ(table["sites"][0]["wrong"], true);
    EXPECT_EQ(table["sites"][0]["wrong_class"], "small");
    EXPECT_EQ(table["sites"][0]["wrong_bytes"], 6000);
    wrong.unheld = static_cast<std::uint8_t>(SizeClass::kLarge) + 1;
    EXPECT_EQ(learned({wrong}, value_of(table))["sites"][0]["class_advised"], "large")
        << "there is none above";
}

TEST(LearnedTable, a_proof_keeps_its_advice_until_something_deeper_is_seen) {
    json table = learned({row_of("a:1", SizeClass::kMicro, {100})});
    json& row = table["sites"][0];
    row["evidence"] = "proven";
    row["bound_bytes"] = 200;
    row["class_advised"] = "micro";
    const json held = learned({row_of("a:1", SizeClass::kMedium, std::vector<std::uint64_t>(50, 190))},
                              value_of(table));
    EXPECT_EQ(held["sites"][0]["evidence"], "proven");
    EXPECT_EQ(held["sites"][0]["class_advised"], "micro");
    const json broken = learned({row_of("a:1", SizeClass::kMedium, std::vector<std::uint64_t>(50, 2000))},
                                value_of(table));
    EXPECT_EQ(broken["sites"][0]["evidence"], "profiled");
    EXPECT_EQ(broken["sites"][0]["class_advised"], "medium");
}

TEST(LearnedTable, what_it_does_not_know_stays) {
    json table = learned({row_of("b:2", SizeClass::kMedium, {100})});
    table["build_ids"] = {"1234", {{"deep", 1.5}}};
    table["sites"][0]["assumptions"] = {"no signal \"handlers\"\n", nullptr, true};
    table["sites"][0]["migrations_by_form"]["copied"] = 4;
    const json again = learned(
        {row_of("b:2", SizeClass::kMedium, {100}), row_of("a:1", SizeClass::kMedium, {9})}, value_of(table));
    EXPECT_EQ(again["build_ids"], table["build_ids"]);
    EXPECT_EQ(again["sites"][0]["site"], "a:1") << "sites stay sorted";
    EXPECT_EQ(again["sites"][1]["assumptions"], table["sites"][0]["assumptions"]);
    EXPECT_EQ(again["sites"][1]["migrations_by_form"]["copied"], 4);
}

TEST(LearnedTable, measurements_of_a_table_by_builds_go_to_the_build_that_is_not_known) {
    json table = learned({row_of("a:1", SizeClass::kMedium, {100})});
    table["version"] = 2;
    table["builds"] = {{{"program", "demo"}, {"build_id", "12"}, {"runs", 1}, {"measured", table["sites"]}, {"proofs", json::array()}}};
    table = learned({row_of("a:1", SizeClass::kMedium, {300})}, value_of(table));
    table = learned({row_of("a:1", SizeClass::kMedium, {200})}, value_of(table));
    EXPECT_EQ(table["sites"][0]["samples"], 3);
    ASSERT_EQ(table["builds"].size(), 2U);
    const json& own = table["builds"][0];
    EXPECT_EQ(own["program"], "");
    EXPECT_EQ(own["runs"], 2);
    EXPECT_EQ(own["measured"][0]["samples"], 2);
    EXPECT_EQ(own["measured"][0]["high_water_bytes"]["max"], 300);
    EXPECT_EQ(table["builds"][1]["measured"][0]["samples"], 1) << "another build's measurements stay its own";
}

TEST(LearnedTable, what_is_no_table_is_refused) {
    for (const char* text : {"[]", "{}", R"({"version": 1, "sites": 3})", R"({"version": 1, "sites": [{}]})",
                             R"({"version": 99, "sites": []})", R"({"sites": []})",
                             R"({"version": 2, "sites": [], "builds": 7})",
                             R"({"version": 2, "sites": [], "builds": [{"program": "", "build_id": ""}]})"}) {
        JsonValue table = *parse_json(text);
        EXPECT_FALSE(learn(table, {}, 1, kBytes)) << text;
        EXPECT_EQ(json::parse(json_text(table)), json::parse(text)) << "it stays as it was";
    }
}

// `coroscope sizes` reads the table and computes anew what follows from the measurements.
TEST(LearnedTable, says_of_random_runs_what_coroscope_sizes_says) {
    constexpr unsigned kSeed = 7;
    std::mt19937_64 random(kSeed);
    const auto below = [&](std::uint64_t limit) { return random() % limit; };
    const std::string path = testing::TempDir() + "learned_table_" + std::to_string(getpid()) + ".json";
    for (int round = 0; round < 200; ++round) {
        JsonValue table = empty_table();
        for (std::uint64_t run = 1 + below(3); run-- > 0;) {
            std::vector<LearnedRow> rows;
            for (std::uint64_t site = 0; site < 6; ++site) {
                std::vector<std::uint64_t> depths(1 + below(50));
                // About where a class begins to be too small, with its margin.
                const std::uint64_t edge = kBytes.usable[below(3)];
                const std::uint64_t deepest = edge * 3 / 4 + below(edge / 4);
                for (std::uint64_t& depth : depths)
                    depth = 1 + below(deepest);
                rows.push_back(
                    row_of("s.cpp:" + std::to_string(site), static_cast<SizeClass>(below(4)), depths));
            }
            ASSERT_TRUE(learn(table, rows, 1, kBytes));
        }
        std::ofstream(path) << json_text(table);
        const auto theirs = coroscope::traces::compute_sizes({}, {path});
        ASSERT_TRUE(theirs) << theirs.error().message;
        const json ours = json::parse(json_text(table));
        ASSERT_EQ(ours["sites"].size(), (*theirs)["sites"].size());
        for (std::size_t i = 0; i < ours["sites"].size(); ++i) {
            for (const char* key :
                 {"site", "class_used", "class_advised", "evidence", "high_water_bytes", "samples",
                  "sum_bytes", "peak_coroutines", "migrations", "saved_bytes", "histogram"})
                EXPECT_EQ(ours["sites"][i][key], (*theirs)["sites"][i][key])
                    << "seed " << kSeed << ", round " << round << ": " << key;
        }
        EXPECT_EQ(ours["underestimated"], (*theirs)["underestimated"]);
        EXPECT_EQ(ours["overestimated"], (*theirs)["overestimated"]);
    }
    unlink(path.c_str());
}

TEST(LearnedTable, lines_of_the_dead_are_taken_in_and_nonsense_among_them_is_not) {
    const std::string path = testing::TempDir() + "learned_file_" + std::to_string(getpid()) + ".json";
    const std::string wrong = wrong_file_of(path);
    const auto leave = [&](const std::string& line) {
        ASSERT_TRUE(append_wrong(wrong.c_str(), line.data(), line.size()));
    };
    leave("{\"site\": \"a \\\"b\\\".cpp:1\", \"class\": \"small\", \"bytes\": 5000}\n");
    leave("{\"site\": \"a \\\"b\\\".cpp:1\", \"class\": \"micro\", \"bytes\": 9000}\n");
    leave("{\"site\": 4}\n{\"site\": \"c\", \"class\": \"tiny\"}\n\n{\"si");
    const auto status = learn_into_file(path, {}, 0, kBytes);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_NE(access(wrong.c_str(), F_OK), 0) << "taken in, and gone";
    std::ifstream file(path);
    const json table = json::parse(file);
    ASSERT_EQ(table["sites"].size(), 1U);
    EXPECT_EQ(table["runs"], 0);
    EXPECT_EQ(table["sites"][0]["site"], "a \"b\".cpp:1");
    EXPECT_EQ(table["sites"][0]["class_advised"], "medium");
    EXPECT_EQ(table["sites"][0]["wrong_bytes"], 9000);
    unlink(path.c_str());
}

}  // namespace
}  // namespace cprime::detail
