// The size table: what is read, what is refused and how, and what a site makes of it.
#include "runtime/stacks/size_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cprime/runtime.h>

#include <cstdlib>
#include <fstream>

#include "runtime/entry/runtime_state.h"
#include "runtime/stacks/json_reader.h"

namespace cprime::detail {
namespace {

using coroscope::wire::ClassEvidence;
using coroscope::wire::SizeClass;

TEST(SizeTableFile, rows_give_class_evidence_and_prediction) {
    const auto table = SizeTable::parse(
        R"({"version": 1, "other": [1, -2.5e3, null, true, {"x": "\u00e9\ud83d\ude00\n"}], "sites": [
        {"site": "a.cpp:1", "class_advised": "micro", "evidence": "profiled", "high_water_bytes": {"mean": 10, "max": 120}},
        {"site": "a.cpp:2", "class_advised": "large", "evidence": "proven", "predicted_bytes": 70000},
        {"site": "a.cpp:3", "class_advised": "small", "evidence": "unknown"}]})",
        "t.json");
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ(table->size(), 2U);
    EXPECT_EQ(table->find("a.cpp:1")->size_class, SizeClass::kMicro);
    EXPECT_EQ(table->find("a.cpp:1")->evidence, ClassEvidence::kProfiled);
    EXPECT_EQ(table->find("a.cpp:1")->predicted_bytes, 120U);
    EXPECT_EQ(table->find("a.cpp:2")->evidence, ClassEvidence::kProven);
    EXPECT_EQ(table->find("a.cpp:2")->predicted_bytes, 70000U);
    EXPECT_EQ(table->find("a.cpp:3"), nullptr);
}

TEST(SizeTableFile, what_a_row_expects_goes_before_what_was_predicted_of_an_earlier_run) {
    const auto table = SizeTable::parse(
        R"({"sites": [{"site": "a.cpp:1", "class_advised": "micro", "expected_bytes": 176, "predicted_bytes": 3000, "high_water_bytes": {"max": 90}},
                      {"site": "a.cpp:2", "class_advised": "micro", "expected_bytes": null, "high_water_bytes": {"max": 90}}]})",
        "t");
    ASSERT_TRUE(table);
    EXPECT_EQ(table->find("a.cpp:1")->predicted_bytes, 176U);
    EXPECT_EQ(table->find("a.cpp:2")->predicted_bytes, 90U);
}

TEST(SizeTableFile, bad_input_is_one_sentence_that_names_file_place_and_fix) {
    const std::pair<const char*, const char*> bad[] = {
        {"", "line 1, column 1: the text ends where a value was expected"},
        {"{\"sites\": [", "the text ends where a value was expected"},
        {"{\n \"sites\": [}\n", "line 2, column 12: a value was expected"},
        {"{\"sites\": []} x", "something follows the end"},
        {"{\"version\": 1}", "it has no list \"sites\""},
        {"[]", "it has no list \"sites\""},
        {"{\"sites\": [{}]}", "site 1 of its list has no \"site\""},
        {"{\"sites\": [{\"site\": \"a:1\", \"class_advised\": \"tiny\"}]}",
         "(a:1) has no \"class_advised\" of micro"},
        {"{\"sites\": [{\"site\": 5}]}", "has no \"site\""},
        {"{\"a\": \"\x01\"}", "a control character"},
        {"{\"a\": \"\\u12\"}", "a bad escape"},
        {"{\"a\": 1e999}", "a number was expected"},
        {"{\"a\": \"open", "a string has no end"},
        {"\xff\xfe", "a value was expected"},
    };
    for (const auto& [text, problem] : bad) {
        const auto table = SizeTable::parse(text, "t.json");
        ASSERT_FALSE(table) << text;
        const std::string& said = table.error().message;
        EXPECT_NE(said.find(problem), std::string::npos) << said;
        EXPECT_EQ(said.find("the size table t.json cannot be used: "), 0U) << said;
        EXPECT_NE(said.find("coroscope sizes"), std::string::npos) << said;
    }
    EXPECT_FALSE(parse_json(std::string(100, '[')));
    EXPECT_TRUE(parse_json("[" + std::string("[") + "]]"));
    EXPECT_FALSE(SizeTable::load("/nowhere/t.json"));
}

class SizeTableRun : public testing::Test {
protected:
    void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    void TearDown() override {
        unsetenv("CPRIME_SIZES");
        unlink(path_.c_str());
    }
    void write(const std::string& text) {
        std::ofstream(path_) << text;
        setenv("CPRIME_SIZES", path_.c_str(), 1);
    }
    static const coroscope::wire::SiteRecord& site_at(std::uint32_t line) {
        for (std::uint32_t site = 0;; ++site) {
            const auto& record = g_runtime->sites.record(site);
            if (record.line == line &&
                g_runtime->segment->string(record.file) == "tests/unit/runtime/size_table_test.cpp") {
                return record;
            }
        }
    }
    std::string path_ = testing::TempDir() + "size_table_" + std::to_string(getpid()) + ".json";
};

constexpr std::uint32_t kPlainLine = 201;
constexpr std::uint32_t kWishLine = 301;
constexpr std::uint32_t kRaisedLine = 401;

void spawn_all() {
#line 201
    spawn("plain", [] {}).join();
#line 301
    spawn({.name = "wish", .size_class = size_class::large}, [] {}).join();
#line 401
    spawn({.name = "raised", .size_class = size_class::micro}, [] {}).join();
#line 106
}

TEST_F(SizeTableRun, rows_choose_classes_raise_wishes_and_never_lower_them) {
    write(R"({"sites": [{"site": "tests/unit/runtime/size_table_test.cpp:201", "class_advised": "small", "predicted_bytes": 700},
                        {"site": "tests/unit/runtime/size_table_test.cpp:301", "class_advised": "micro"},
                        {"site": "tests/unit/runtime/size_table_test.cpp:401", "class_advised": "medium"}]})");
    testing::internal::CaptureStderr();
    {
        Runtime runtime({.workers = 1});
        runtime.run([] { spawn_all(); });
        EXPECT_EQ(site_at(kPlainLine).size_class.load(), SizeClass::kSmall);
        EXPECT_EQ(site_at(kPlainLine).evidence.load(), ClassEvidence::kProfiled);
        EXPECT_EQ(site_at(kPlainLine).predicted_bytes, 700U);
        EXPECT_EQ(site_at(kWishLine).size_class.load(), SizeClass::kLarge);
        EXPECT_EQ(site_at(kWishLine).evidence.load(), ClassEvidence::kWish);
        EXPECT_EQ(site_at(kRaisedLine).size_class.load(), SizeClass::kMedium);
        EXPECT_NE(g_runtime->segment->header().flags & coroscope::wire::kFlagSizeTableUsed, 0U);
        const auto* pools = g_runtime->segment->records<coroscope::wire::PoolRecord>(
            coroscope::wire::SectionKind::kPools);
        EXPECT_GE(pools[kPoolSmall].high_water_slots.load(), 0U);
    }
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("cprime: stack sizes of 3 spawn sites come from " + path_), std::string::npos) << said;
}

TEST_F(SizeTableRun, without_a_table_the_class_is_medium_unless_wished_otherwise) {
    Runtime runtime({.workers = 1});
    runtime.run([] { spawn_all(); });
    EXPECT_EQ(site_at(kPlainLine).size_class.load(), SizeClass::kMedium);
    EXPECT_EQ(site_at(kPlainLine).evidence.load(), ClassEvidence::kUnknown);
    EXPECT_EQ(site_at(kRaisedLine).size_class.load(), SizeClass::kMicro);
    EXPECT_EQ(site_at(kRaisedLine).evidence.load(), ClassEvidence::kWish);
}

TEST_F(SizeTableRun, a_malformed_table_ends_the_program_with_code_2) {
    write("{\"sites\": 7}");
    EXPECT_EXIT(Runtime({.workers = 1}), testing::ExitedWithCode(2),
                "^cprime: the size table .* cannot be used: it has no list \"sites\".*\n$");
    setenv("CPRIME_SIZES", "/nowhere/sizes.json", 1);
    EXPECT_EXIT(Runtime({.workers = 1}), testing::ExitedWithCode(2),
                "^cprime: the size table /nowhere/sizes.json .*cannot be opened");
}

}  // namespace
}  // namespace cprime::detail
