// Wishes survive merging in any order; and what dead programs left beside a table is read with it.
#include "traces/size_wishes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "traces/size_join.h"
#include "traces/size_table_file.h"

namespace coroscope::traces {
namespace {

using nlohmann::json;
using wire::SizeClass;

SizeRows measured(const char* build_id, const char* site, const char* symbol, std::uint64_t bytes, std::uint64_t unix_ns = 1) {
    SizeRows rows;
    SizeBuildRows& build = rows.build({"server", build_id});
    build.runs = 1;
    build.latest_run_unix_ns = unix_ns;
    SizeRow& row = build.measured[{site, symbol}];
    row.symbol = symbol;
    row.run_unix_ns = unix_ns;
    for (int i = 0; i < 30; ++i)
        row.add_sample(bytes);
    row.coroutines = 30;
    row.peak_coroutines = 4;
    return rows;
}

SizeRows wished(const char* site, const SizeWish& wish) {
    SizeRows rows;
    rows.wish(site, wish);
    return rows;
}

json table_of(std::initializer_list<SizeRows> all) {
    SizeRows merged;
    for (const SizeRows& rows : all)
        merged.merge(rows);
    return merged.to_json();
}

bool notes_name(const json& table, const std::string& what) {
    return std::any_of(table["notes"].begin(), table["notes"].end(),
                       [&](const json& note) { return note.get<std::string>().find(what) != std::string::npos; });
}

TEST(SizeWishes, a_wish_stands_in_the_table_beside_what_was_computed_and_comes_back_from_it) {
    const json table = table_of({measured("b", "a.cpp:1", "f()", 1000), wished("a.cpp:1", {5, SizeClass::kLarge, "f()"})});
    const json& row = table["sites"][0];
    EXPECT_EQ(row["class_advised"], "large");
    EXPECT_EQ(row["class_computed"], "small");
    EXPECT_EQ(row["evidence"], "wished");
    SizeRows again;
    ASSERT_TRUE(again.add_table_text(table.dump(), "t"));
    EXPECT_EQ(again.to_json().dump(), table.dump());
    again.merge(measured("b", "a.cpp:1", "f()", 1200));
    EXPECT_EQ(again.to_json()["sites"][0]["class_advised"], "large") << "more was measured, and the wish stands";
}

TEST(SizeWishes, of_two_the_newer_counts_and_both_are_named_in_either_order) {
    const SizeRows rows = measured("b", "a.cpp:1", "f()", 100);
    const SizeRows older = wished("a.cpp:1", {5, SizeClass::kLarge, "f()"}), newer = wished("a.cpp:1", {6, SizeClass::kSmall, "f()"});
    const json one = table_of({rows, older, newer}), other = table_of({newer, rows, older});
    EXPECT_EQ(one.dump(), other.dump());
    EXPECT_EQ(one["sites"][0]["class_advised"], "small");
    EXPECT_TRUE(notes_name(one, "a wish for small counts, and an older one for large does not")) << one["notes"];
}

TEST(SizeWishes, a_wish_follows_a_site_that_moved_and_no_other_function) {
    const SizeRows before = measured("b1", "a.cpp:1", "f()", 100, 1), after = measured("b2", "a.cpp:9", "f()", 100, 2);
    const json moved = table_of({before, after, wished("a.cpp:1", {5, SizeClass::kLarge, "f()"})});
    ASSERT_EQ(moved["sites"].size(), 1U);
    EXPECT_EQ(moved["sites"][0]["site"], "a.cpp:9");
    EXPECT_EQ(moved["sites"][0]["class_advised"], "large");
    const json other = table_of({measured("b2", "a.cpp:1", "g()", 100), wished("a.cpp:1", {5, SizeClass::kLarge, "f()"})});
    EXPECT_EQ(other["sites"][0]["evidence"], "profiled");
    EXPECT_TRUE(notes_name(other, "another function's"));
    EXPECT_EQ(other["wishes"].size(), 1U) << "that build may come back";
}

TEST(SizeWishes, a_class_that_a_stack_did_not_fit_is_not_chosen_by_a_wish) {
    SizeRows rows = measured("b", "a.cpp:1", "f()", 100);
    rows.wish("a.cpp:1", {5, SizeClass::kMicro, "f()"});
    rows.add_wrong_lines(R"({"site": "a.cpp:1", "class": "micro", "bytes": 900})");
    const json table = rows.to_json();
    EXPECT_EQ(table["sites"][0]["class_advised"], "small");
    EXPECT_TRUE(notes_name(table, "did not fit micro"));
}

TEST(SizeWishes, what_dead_programs_left_beside_a_table_is_read_with_it) {
    const std::string path = (std::filesystem::temp_directory_path() / ("size_wishes_test." + std::to_string(getpid()) + ".json")).string();
    ASSERT_TRUE(write_size_table(path, measured("b", "a.cpp:1", "f()", 100).to_json()));
    std::ofstream(path + ".wrong") << "{\"site\": \"a.cpp:1\", \"class\": \"micro\", \"bytes\": 900}\nno line of ours\n"
                                   << "{\"site\": \"a.cpp:1\", \"class\": \"small\", \"bytes\": 3000, \"program\": \"server\", \"build_id\": \"b\"}\n"
                                   << "{\"site\": 7}\n";
    SizeRows rows;
    ASSERT_TRUE(rows.add_table(path));
    const json once = rows.to_json();
    ASSERT_TRUE(rows.add_table(path));
    std::filesystem::remove(path);
    std::filesystem::remove(path + ".wrong");
    const json& row = once["sites"][0];
    EXPECT_EQ(row["wrong_class"], "small");
    EXPECT_EQ(row["wrong_bytes"], 3000);
    EXPECT_EQ(row["class_advised"], "medium");
    EXPECT_EQ(rows.to_json()["sites"][0]["wrong_bytes"], 3000) << "lines that are read twice say nothing new";
}

TEST(SizeWishes, a_stack_that_did_not_fit_its_bound_contradicts_the_proof_and_others_that_trust_the_same_get_a_margin) {
    SizeRows rows = measured("b", "a.cpp:1", "f()", 100);
    rows.merge(measured("b", "a.cpp:2", "g()", 100));
    rows.merge(measured("b", "a.cpp:3", "h()", 100));
    SizeBuildRows& build = rows.build({"server", "b"});
    const auto prove = [&](const char* site, const char* contract) {
        build.proofs[site] = {.proven = true, .bound_bytes = 250, .call_depth = 1, .path = {"entry()", "deep(int)"}, .contracts = {contract}};
    };
    prove("a.cpp:1", "memcpy takes at most 8 bytes: read");
    prove("a.cpp:2", "memcpy takes at most 8 bytes: read");
    prove("a.cpp:3", "memset takes at most 8 bytes: read");
    EXPECT_EQ(rows.to_json()["sites"][1]["class_advised"], "micro") << "a proof needs no margin";
    rows.add_wrong_lines(R"-({"site": "a.cpp:1", "class": "micro", "bytes": 900, "program": "server", "build_id": "b", "symbol": "f()"})-");
    const json table = rows.to_json();
    ASSERT_EQ(table["contradictions"].size(), 1U);
    const auto sentence = table["contradictions"][0].get<std::string>();
    for (const char* part : {"a.cpp:1 (f())", "at most 250 bytes", "used 900", "memcpy takes at most 8 bytes", "entry → deep", "coroscope analyze"})
        EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
    EXPECT_EQ(table["sites"][0]["contradicted"], true);
    EXPECT_EQ(table["sites"][0]["evidence"], "profiled");
    EXPECT_EQ(table["sites"][1]["doubted"].size(), 1U);
    EXPECT_EQ(table["sites"][1]["class_advised"], "small") << "250 bytes and a margin";
    EXPECT_EQ(table["sites"][2]["class_advised"], "micro") << "it trusts another function";
}

}  // namespace
}  // namespace coroscope::traces
