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

// A run of a build: what it spawned where, in which function.
json run_of(const char* build_id, std::uint64_t unix_ns, const std::vector<std::pair<std::string, std::string>>& sites, JsonValue table,
            std::uint64_t depth = 150) {
    std::vector<LearnedRow> rows;
    for (const auto& [site, symbol] : sites) {
        rows.push_back(row_of(site, SizeClass::kMedium, std::vector<std::uint64_t>(30, depth)));
        rows.back().symbol = symbol;
        rows.back().run_unix_ns = unix_ns;
    }
    const auto status = learn(table, rows, 1, kBytes, {"server", build_id});
    EXPECT_TRUE(status) << status.error().message;
    return json::parse(json_text(table));
}

// Rows by site, as the table has them and as `coroscope sizes` computes them from its builds: they must say the same.
std::map<std::string, json> rows_of(const json& table) {
    const std::string path = testing::TempDir() + "learned_builds_" + std::to_string(getpid()) + ".json";
    std::ofstream(path) << table;
    const auto theirs = coroscope::traces::compute_sizes({}, {path});
    unlink(path.c_str());
    EXPECT_TRUE(theirs) << theirs.error().message;
    std::map<std::string, json> rows;
    EXPECT_EQ(table["sites"].size(), (*theirs)["sites"].size());
    for (std::size_t i = 0; i < std::min(table["sites"].size(), (*theirs)["sites"].size()); ++i) {
        const json& row = table["sites"][i];
        for (const char* key : {"site", "symbol", "samples", "class_used", "class_advised", "evidence", "run_unix_ns"})
            EXPECT_EQ(row[key], (*theirs)["sites"][i][key]) << key;
        rows[row["site"]] = row;
    }
    return rows;
}

constexpr std::uint64_t kRunNs = 1'700'000'000'000'000'000;

TEST(LearnedTable, a_run_adds_to_its_own_build_and_a_rebuilt_program_is_told_apart) {
    json table = run_of("b1", kRunNs, {{"a.cpp:1", "f()"}}, empty_table());
    table = run_of("b1", kRunNs + 1024, {{"a.cpp:1", "f()"}}, value_of(table));
    table = run_of("b2", kRunNs + 2048, {{"a.cpp:1", "f()"}}, value_of(table), 600);
    ASSERT_EQ(table["builds"].size(), 2U);
    std::map<std::string, json> builds;
    for (const json& build : table["builds"])
        builds[build["build_id"]] = build;
    EXPECT_EQ(builds["b1"]["program"], "server");
    EXPECT_EQ(builds["b1"]["runs"], 2);
    EXPECT_EQ(builds["b1"]["measured"][0]["samples"], 60);
    EXPECT_EQ(builds["b2"]["measured"][0]["samples"], 30);
    EXPECT_EQ(builds["b2"]["latest_run_unix_ns"], kRunNs + 2048) << "a whole number, however large";
    const auto rows = rows_of(table);
    EXPECT_EQ(rows.at("a.cpp:1")["samples"], 90) << "a site that did not move is found again";
    EXPECT_EQ(rows.at("a.cpp:1")["high_water_bytes"]["max"], 600);
}

TEST(LearnedTable, a_site_that_moved_is_followed_and_anothers_line_begins_anew) {
    const json before = run_of("b1", kRunNs, {{"a.cpp:1", "f()"}, {"a.cpp:5", "g()"}, {"a.cpp:9", "h()"}}, empty_table());
    const json table = run_of("b2", kRunNs + 1024, {{"a.cpp:3", "f()"}, {"a.cpp:5", "k()"}, {"a.cpp:9", "h()"}}, value_of(before));
    const auto rows = rows_of(table);
    EXPECT_FALSE(rows.contains("a.cpp:1"));
    EXPECT_EQ(rows.at("a.cpp:3")["samples"], 60);
    EXPECT_EQ(rows.at("a.cpp:3")["moved_from"], json{"a.cpp:1"});
    EXPECT_EQ(rows.at("a.cpp:5")["samples"], 30) << "another function's";
    EXPECT_EQ(rows.at("a.cpp:9")["samples"], 60);
}

TEST(LearnedTable, of_two_sites_that_may_have_moved_none_is_guessed) {
    const json before = run_of("b1", kRunNs, {{"a.cpp:1", "f()"}, {"a.cpp:2", "f()"}}, empty_table());
    const auto rows = rows_of(run_of("b2", kRunNs + 1024, {{"a.cpp:3", "f()"}, {"a.cpp:4", "f()"}}, value_of(before)));
    EXPECT_EQ(rows.size(), 4U);
}

TEST(LearnedTable, what_was_proven_of_another_build_counts_no_more) {
    json table = run_of("b1", kRunNs, {{"a.cpp:1", "f()"}}, empty_table());
    table["sites"][0]["evidence"] = "proven";
    table["sites"][0]["bound_bytes"] = 200;
    table["sites"][0]["class_advised"] = "micro";
    table["builds"][0]["proofs"] = {{{"site", "a.cpp:1"}, {"proven", true}, {"recursion", false}, {"bound_bytes", 200}, {"call_depth", 1},
                                     {"symbol", "f()"}, {"path", json::array()}, {"contracts", json::array()}, {"reasons", json::array()}}};
    const json same = run_of("b1", kRunNs + 1024, {{"a.cpp:1", "f()"}}, value_of(table));
    EXPECT_EQ(same["sites"][0]["evidence"], "proven");
    const json other = run_of("b2", kRunNs + 1024, {{"a.cpp:1", "f()"}}, value_of(table), 600);
    EXPECT_EQ(other["sites"][0]["evidence"], "profiled");
    EXPECT_TRUE(other["sites"][0]["bound_bytes"].is_null());
    EXPECT_EQ(rows_of(other).at("a.cpp:1")["class_advised"], "small");
}

TEST(LearnedTable, a_wish_stays_until_a_stack_does_not_fit_it) {
    json table = learned({row_of("a:1", SizeClass::kMedium, std::vector<std::uint64_t>(30, 1000))});
    table["sites"][0]["evidence"] = "wished";
    table["sites"][0]["class_advised"] = "large";
    table["sites"][0]["class_computed"] = "small";
    const json held = learned({row_of("a:1", SizeClass::kLarge, std::vector<std::uint64_t>(30, 3000))}, value_of(table));
    EXPECT_EQ(held["sites"][0]["class_advised"], "large");
    EXPECT_EQ(held["sites"][0]["class_computed"], "medium");
    EXPECT_EQ(held["sites"][0]["evidence"], "wished");
    table["sites"][0]["class_advised"] = "micro";
    LearnedRow grown = row_of("a:1", SizeClass::kMicro, std::vector<std::uint64_t>(30, 200));
    grown.unheld = 1;  // Micro
    grown.unheld_bytes = 900;
    EXPECT_NE(learned({grown}, value_of(table))["sites"][0]["evidence"], "wished");
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
