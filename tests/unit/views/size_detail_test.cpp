// What stands below the rows of the Sizes view: the proof of a site, line by line.
#include "views/size_detail.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

using nlohmann::json;

SizeTable table(traces::SizeProof proof, std::uint64_t seen_bytes = 100) {
    traces::SizeRows rows;
    traces::SizeBuildRows& build = rows.build({"demo", "b1"});
    traces::SizeRow row;
    row.symbol = "f()";
    row.add_sample(seen_bytes);
    build.measured[{"a.cpp:1", "f()"}] = row;
    proof.symbol = "f()";
    build.proofs["a.cpp:1"] = std::move(proof);
    build.proven_from = {{"/bin/demo", "b1"}, {"/lib/libc.so.6", "c1"}};
    return read_size_table(rows.to_json(), traces::ClassBytes::of({}), "run.coro");
}

traces::SizeProof proven(std::uint64_t bound_bytes) {
    return {.proven = true,
            .bound_bytes = bound_bytes,
            .call_depth = 1,
            .path = {"f()", "g(int)"},
            .places = {{"/bin/demo", 64}, {"/lib/libc.so.6", 4096}},
            .contracts = {"memcpy takes at most 8 bytes: read"},
            .assumptions = {"nobody cheats"}};
}

std::vector<std::string> texts(const SizeDetail& detail, DetailKind kind) {
    std::vector<std::string> found;
    for (const DetailLine& line : detail.lines) {
        if (line.kind == kind) found.push_back(line.text);
    }
    return found;
}

TEST(SizeDetail, a_proven_site_says_its_bound_its_deepest_calls_and_what_it_rests_on) {
    const SizeDetail detail = size_detail(table(proven(420)), "a.cpp:1");
    ASSERT_EQ(detail.lines.front().kind, DetailKind::kProven);
    EXPECT_NE(detail.lines.front().text.find("≤ 420 bytes, 1 call deep"), std::string::npos) << detail.lines.front().text;
    EXPECT_EQ(texts(detail, DetailKind::kFrame), (std::vector<std::string>{"f()", "g(int)"}));
    EXPECT_EQ(texts(detail, DetailKind::kAssumption), (std::vector<std::string>{"memcpy takes at most 8 bytes: read", "nobody cheats"}));
    ASSERT_EQ(detail.frames.size(), 2U);
    const BinaryPlace& second = *detail.lines[detail.frames[1]].place;
    EXPECT_EQ(second.binary, "/lib/libc.so.6");
    EXPECT_EQ(second.address, 4096U);
    EXPECT_EQ(second.build_ids, std::vector<std::string>{"c1"});
    EXPECT_EQ(detail.lines[detail.frames[0]].place->mark, "the proof goes on in g");
}

TEST(SizeDetail, a_run_deeper_than_the_bound_is_said_first_with_both_numbers_and_where_to_look) {
    const SizeTable contradicted = table(proven(420), 900);
    const SizeDetail detail = size_detail(contradicted, "a.cpp:1");
    ASSERT_EQ(detail.lines.front().kind, DetailKind::kWrong);
    EXPECT_NE(detail.lines.front().text.find("proven ≤ 420 bytes"), std::string::npos) << detail.lines.front().text;
    std::string reasons;
    for (const std::string& text : texts(detail, DetailKind::kReason))
        reasons += text + "\n";
    for (const char* part : {"used 900", "memcpy takes at most 8 bytes", "f → g"})
        EXPECT_NE(reasons.find(part), std::string::npos) << reasons;
    ASSERT_EQ(contradicted.sites.size(), 1U);
    EXPECT_TRUE(contradicted.sites[0].contradicted);
}

TEST(SizeDetail, an_unproven_site_says_each_reason_with_the_calls_that_lead_there) {
    traces::SizeProof proof;
    proof.reasons.insert({{"f()", "g(int)"}, "g(int) calls through a pointer", "/bin/demo", 80, {{"/bin/demo", 64}, {"/bin/demo", 80}}});
    proof.reasons.insert({{"f()"}, "f() recurses", "/bin/demo", 70, {}});
    const SizeDetail detail = size_detail(table(proof), "a.cpp:1");
    EXPECT_EQ(detail.lines.front().kind, DetailKind::kUnproven);
    EXPECT_EQ(detail.lines.front().text, "UNPROVEN: 2 reasons");
    EXPECT_EQ(texts(detail, DetailKind::kReason), (std::vector<std::string>{"f() recurses", "g(int) calls through a pointer"}));
    EXPECT_EQ(texts(detail, DetailKind::kFrame).size(), 3U);
    ASSERT_EQ(detail.frames.size(), 2U) << "where a table does not say the place, no code can be shown";
    EXPECT_EQ(detail.lines[detail.frames[1]].place->mark, "g(int) calls through a pointer");
}

TEST(SizeDetail, a_table_that_is_not_as_it_should_be_shows_what_there_is) {
    SizeTable broken = read_size_table({{"sites",
                                         {{{"site", "a.cpp:1"},
                                           {"proof",
                                            {{"proven", false},
                                             {"reasons", {7, {{"reason", 3}, {"path", {"f", 9}}, {"places", {{"/bin/demo"}, {1, -2}}}}}}}}}}},
                                        {"builds", {1, {{"proven_from", {2}}}}}},
                                       traces::ClassBytes::of({}), "t.json");
    const SizeDetail detail = size_detail(broken, "a.cpp:1");
    EXPECT_EQ(texts(detail, DetailKind::kFrame), (std::vector<std::string>{"f", ""}));
    EXPECT_TRUE(size_detail(broken, "b.cpp:1").lines.empty());
    broken.doubts = {"no proof from demo: it is gone"};
    broken.json = std::make_shared<const json>(json{{"sites", {{{"site", "a.cpp:1"}}}}});
    EXPECT_EQ(texts(size_detail(broken, "a.cpp:1"), DetailKind::kNoProof), broken.doubts);
}

}  // namespace
}  // namespace coroscope::views
