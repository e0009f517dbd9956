// Many runs, builds and tables become one: the same bytes in any order and grouping; sites that moved, that became others, proofs and what
// contradicts them.
#include "traces/size_join.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::traces {
namespace {

using wire::SizeClass;

SizeRow row_of(std::uint64_t run_unix_ns, SizeClass used, std::uint64_t bytes, std::uint64_t samples = 30) {
    SizeRow row;
    row.run_unix_ns = run_unix_ns;
    row.class_used = used;
    for (std::uint64_t i = 0; i < samples; ++i)
        row.add_sample(bytes);
    row.coroutines = row.samples;
    row.peak_coroutines = 2;
    row.run_seen_bytes = bytes;
    return row;
}

// One run of one build.
class BuildRun {
public:
    BuildRun(const char* build_id, std::uint64_t unix_ns) : build_(rows_.build({"server", build_id})), unix_ns_(unix_ns) {
        build_.runs = 1;
        build_.latest_run_unix_ns = unix_ns;
    }
    BuildRun& measured(const char* site, const char* symbol, std::uint64_t bytes, SizeClass used = SizeClass::kMedium) {
        build_.measured[{site, symbol}] = row_of(unix_ns_, used, bytes);
        return *this;
    }
    BuildRun& proven(const char* site, const char* symbol, std::uint64_t bound_bytes) {
        build_.proofs[site] = {.symbol = symbol, .proven = true, .bound_bytes = bound_bytes, .call_depth = 1, .path = {symbol}};
        return *this;
    }
    const SizeRows& rows() const { return rows_; }

private:
    SizeRows rows_;
    SizeBuildRows& build_;
    std::uint64_t unix_ns_;
};

JoinedSizes joined(std::initializer_list<const BuildRun*> runs) {
    SizeRows all;
    for (const BuildRun* run : runs)
        all.merge(run->rows());
    return all.joined();
}

TEST(SizeJoin, functions_are_named_alike_whoever_spells_them) {
    EXPECT_EQ(plain_function_name("void demo::Bank::serve(int)"), "demo::Bank::serve");
    EXPECT_EQ(plain_function_name("demo::Bank::serve(int)::{lambda()#1}::operator()() const"), "demo::Bank::serve");
    EXPECT_EQ(plain_function_name("demo::Bank::serve(int)::<lambda()>"), "demo::Bank::serve");
    EXPECT_EQ(plain_function_name("std::vector<int> f(std::map<int, long>) [with T = int]"), "f");
    EXPECT_EQ(plain_function_name("void Box<T>::run() [with T = long int]"), "Box::run");
    EXPECT_EQ(plain_function_name("(anonymous namespace)::go(char)"), "go");
    EXPECT_EQ(plain_function_name("{anonymous}::go(char)"), "go");
    EXPECT_EQ(plain_function_name("bool X::operator<(const X&) const"), "X::operator<");
    EXPECT_EQ(plain_function_name(""), "");
}

TEST(SizeJoin, a_site_of_two_builds_is_one_row_by_line_and_function) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "void serve(int)", 100);
    after.measured("a.cpp:10", "void serve(long)", 200, SizeClass::kSmall);
    const JoinedSizes sizes = joined({&before, &after});
    ASSERT_EQ(sizes.rows.size(), 1U);
    EXPECT_EQ(sizes.rows.at("a.cpp:10").samples, 60U);
    EXPECT_EQ(sizes.rows.at("a.cpp:10").class_used, SizeClass::kSmall);
    EXPECT_EQ(sizes.rows.at("a.cpp:10").symbol, "void serve(long)");
    EXPECT_TRUE(sizes.notes.empty());
}

TEST(SizeJoin, a_site_that_moved_with_its_function_is_followed_and_said_to_have_moved) {
    BuildRun oldest("1", 1), before("2", 2), after("3", 3);
    oldest.measured("a.cpp:10", "void serve()", 100);
    before.measured("a.cpp:10", "void serve()", 100);
    after.measured("a.cpp:14", "void serve()", 50);
    const JoinedSizes sizes = joined({&oldest, &before, &after});
    ASSERT_EQ(sizes.rows.size(), 1U);
    const SizeRow& row = sizes.rows.at("a.cpp:14");
    EXPECT_EQ(row.samples, 90U);
    EXPECT_EQ(row.moved_from, std::set<std::string>{"a.cpp:10"});
    ASSERT_EQ(sizes.notes.size(), 2U);
    EXPECT_NE(sizes.notes[0].find("a.cpp:14 (void serve()) was at a.cpp:10"), std::string::npos) << sizes.notes[0];
}

TEST(SizeJoin, of_several_sites_in_a_function_the_class_tells_which_moved) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "f()", 100, SizeClass::kMicro).measured("a.cpp:20", "f()", 9000, SizeClass::kMedium);
    after.measured("a.cpp:11", "f()", 100, SizeClass::kMicro).measured("a.cpp:21", "f()", 9000, SizeClass::kMedium);
    const JoinedSizes sizes = joined({&before, &after});
    ASSERT_EQ(sizes.rows.size(), 2U);
    EXPECT_EQ(sizes.rows.at("a.cpp:11").max_bytes, 100U);
    EXPECT_EQ(sizes.rows.at("a.cpp:21").max_bytes, 9000U);
}

TEST(SizeJoin, what_could_have_moved_to_several_places_is_not_followed) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "f()", 100);
    after.measured("a.cpp:11", "f()", 100).measured("a.cpp:12", "f()", 300);
    EXPECT_EQ(joined({&before, &after}).rows.size(), 3U);
}

TEST(SizeJoin, a_line_that_belongs_to_another_function_by_now_is_told_apart_and_named) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "deep()", 9000);
    after.measured("a.cpp:10", "flat()", 100);
    const JoinedSizes sizes = joined({&before, &after});
    ASSERT_EQ(sizes.rows.size(), 1U);
    EXPECT_EQ(sizes.rows.at("a.cpp:10").max_bytes, 100U);
    ASSERT_EQ(sizes.set_apart.size(), 1U);
    EXPECT_EQ(sizes.set_apart[0].row.max_bytes, 9000U);
    ASSERT_EQ(sizes.notes.size(), 1U);
    for (const char* word : {"a.cpp:10", "deep()", "flat()"})
        EXPECT_NE(sizes.notes[0].find(word), std::string::npos) << sizes.notes[0];
}

TEST(SizeJoin, a_line_taken_by_another_function_is_followed_where_its_own_went) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "deep()", 9000);
    after.measured("a.cpp:10", "flat()", 100).measured("a.cpp:30", "deep()", 9100);
    const JoinedSizes sizes = joined({&before, &after});
    EXPECT_EQ(sizes.rows.at("a.cpp:30").samples, 60U);
    EXPECT_EQ(sizes.rows.at("a.cpp:10").samples, 30U);
    EXPECT_TRUE(sizes.set_apart.empty());
}

TEST(SizeJoin, a_proof_of_the_newest_build_counts_and_one_of_an_older_does_not) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "f()", 100).proven("a.cpp:10", "f()", 120);
    after.measured("a.cpp:10", "f()", 100);
    EXPECT_STREQ(joined({&before}).rows.at("a.cpp:10").evidence(), "proven");
    EXPECT_STREQ(joined({&before, &after}).rows.at("a.cpp:10").evidence(), "profiled");
    after.proven("a.cpp:10", "f()", 140);
    EXPECT_EQ(joined({&before, &after}).rows.at("a.cpp:10").proof->bound_bytes, 140U);
}

TEST(SizeJoin, a_site_that_no_run_reached_has_a_row_by_its_proof) {
    BuildRun run("1", 1);
    run.measured("a.cpp:10", "f()", 100).proven("a.cpp:20", "g()", 180);
    const JoinedSizes sizes = joined({&run});
    const SizeRow& row = sizes.rows.at("a.cpp:20");
    EXPECT_STREQ(row.evidence(), "proven");
    EXPECT_EQ(row.samples, 0U);
    EXPECT_EQ(row.advised(ClassBytes::of({})), SizeClass::kMicro);
}

TEST(SizeJoin, a_run_deeper_than_the_proof_of_its_build_is_a_contradiction) {
    BuildRun run("1", 1);
    run.measured("a.cpp:10", "f()", 300).proven("a.cpp:10", "f()", 120);
    const JoinedSizes sizes = joined({&run});
    ASSERT_EQ(sizes.contradictions.size(), 1U);
    for (const char* word : {"a.cpp:10", "120", "300"})
        EXPECT_NE(sizes.contradictions[0].find(word), std::string::npos) << sizes.contradictions[0];
    const SizeRow& row = sizes.rows.at("a.cpp:10");
    EXPECT_STREQ(row.evidence(), "profiled");
    EXPECT_EQ(row.advised(ClassBytes::of({})), SizeClass::kSmall);
}

TEST(SizeJoin, a_deeper_run_of_an_older_build_is_none) {
    BuildRun before("1", 1), after("2", 2);
    before.measured("a.cpp:10", "f()", 300);
    after.measured("a.cpp:10", "f()", 100).proven("a.cpp:10", "f()", 120);
    EXPECT_TRUE(joined({&before, &after}).contradictions.empty());
}

// ---- any order, any grouping

template <typename T>
T one_of(std::initializer_list<T> values) {
    return *rc::gen::elementOf(std::vector<T>(values));
}

SizeRows random_run() {
    SizeRows rows;
    const std::string id = one_of<std::string>({"", "1", "2", "3"});
    SizeBuildRows& build = rows.build({id.empty() ? "" : one_of<std::string>({"server", "client"}), id});
    build.runs = 1;
    build.latest_run_unix_ns = *rc::gen::inRange<std::uint64_t>(0, 6);
    const int sites = *rc::gen::inRange(1, 5);
    for (int i = 0; i < sites; ++i) {
        const std::string site = one_of<std::string>({"a.cpp:1", "a.cpp:2", "a.cpp:3", "b.cpp:1"});
        const std::string symbol = one_of<std::string>({"f()", "void g(int)", "h<T>() [with T = int]", ""});
        SizeRow& row = build.measured[{site, symbol}];
        SizeRow more = row_of(build.latest_run_unix_ns, one_of({SizeClass::kMicro, SizeClass::kSmall, SizeClass::kMedium}),
                              *rc::gen::inRange<std::uint64_t>(64, 20'000), *rc::gen::inRange<std::uint64_t>(0, 25));
        more.predicted_bytes = one_of<std::uint64_t>({0, 100, 5000});
        more.migrations = more.in_place = *rc::gen::inRange<std::uint64_t>(0, 3);
        more.seen_bytes = *rc::gen::inRange<std::uint64_t>(0, 30'000);
        more.sum_bytes = one_of<std::uint64_t>({more.sum_bytes, kSizeCountMax - 10});
        row.merge(more);
        if (id.empty() || *rc::gen::inRange(0, 3) == 0) continue;
        SizeProof proof{.symbol = symbol, .proven = *rc::gen::arbitrary<bool>()};
        if (proof.proven) {
            proof.bound_bytes = *rc::gen::inRange<std::uint64_t>(64, 3000);
            proof.path = {one_of<std::string>({"p", "q"})};
            proof.places = {{"bin", *rc::gen::inRange<std::uint64_t>(0, 2)}};
            proof.assumptions = {one_of<std::string>({"s", "t"})};
        } else {
            for (int reason = 0; reason < 6; ++reason)
                proof.reasons.insert({{"p"}, one_of<std::string>({"a", "b", "c", "d", "e"}), "lib", *rc::gen::inRange<std::uint64_t>(0, 9),
                                      {{"lib", *rc::gen::inRange<std::uint64_t>(0, 2)}}});
        }
        build.proofs.emplace(site, proof);
        build.proven_from.emplace("lib", one_of<std::string>({"c1", "c2"}));
    }
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
        rows.wish(one_of<std::string>({"a.cpp:1", "a.cpp:2", "b.cpp:1"}),
                  {*rc::gen::inRange<std::uint64_t>(0, 12), one_of<SizeClass>({SizeClass::kMicro, SizeClass::kSmall}),
                   one_of<std::string>({"", "f()"})});
    }
    if (*rc::gen::arbitrary<bool>())
        rows.add_wrong_lines(one_of<std::string>({R"({"site": "a.cpp:1", "class": "micro", "bytes": 300})",
                                                  R"({"site": "a.cpp:2", "class": "small"})"}));
    return rows;
}

// The same by way of a file.
SizeRows as_table(const SizeRows& rows) {
    SizeRows read;
    const auto status = read.add_table_text(rows.to_json().dump(), "table");
    RC_ASSERT(status.ok());
    return read;
}

TEST(SizeJoin, fifty_runs_merged_in_any_order_and_grouping_are_the_same_table_byte_for_byte) {
    EXPECT_TRUE(rc::check([] {
        std::vector<SizeRows> runs;
        for (int i = 0; i < 50; ++i)
            runs.push_back(random_run());
        SizeRows straight;
        for (const SizeRows& run : runs)
            straight.merge(run);
        // Two of what is left become one, by a table or not, until one is left.
        while (runs.size() > 1) {
            const auto a = *rc::gen::inRange<std::size_t>(0, runs.size());
            std::swap(runs[a], runs.back());
            const SizeRows one = *rc::gen::arbitrary<bool>() ? as_table(runs.back()) : runs.back();
            runs.pop_back();
            runs[*rc::gen::inRange<std::size_t>(0, runs.size())].merge(one);
        }
        RC_ASSERT(runs.front().to_json().dump() == straight.to_json().dump());
    }));
}

}  // namespace
}  // namespace coroscope::traces
