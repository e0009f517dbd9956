// Sites: one record a place in the source, however it is reached, and the ladder of evidence at each.
#include "runtime/stacks/sites.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "instrumentation/emit/state_segment.h"

namespace cprime::detail {
namespace {

using coroscope::wire::ClassEvidence;
using coroscope::wire::SizeClass;

constexpr std::uint8_t wish(SizeClass size_class) {
    return static_cast<std::uint8_t>(size_class) + 1;
}

class SitesOf : public testing::Test {
protected:
    void SetUp() override {
        segment_ = std::move(*coroscope::emit::StateSegment::create({.shared = false}));
        auto table = SizeTable::parse(R"({"sites": [{"site": "t.cpp:10", "class_advised": "small"}]})", "t");
        ASSERT_TRUE(table);
        ASSERT_TRUE(sites_.start(*segment_, std::move(*table)));
    }
    std::unique_ptr<coroscope::emit::StateSegment> segment_;
    Sites sites_;
};

TEST_F(SitesOf, a_place_is_one_record_even_when_its_file_name_has_two_addresses) {
    const std::string copy = "a.cpp";
    const std::uint32_t first = sites_.find({"a.cpp", "f", 1, 2}, "name", 99);
    EXPECT_EQ(sites_.find({"a.cpp", "f", 1, 2}, "name", 99), first);
    EXPECT_EQ(sites_.find({copy.c_str(), "f", 1, 2}, "another", 99), first);
    EXPECT_NE(sites_.find({"a.cpp", "f", 1, 3}, "name", 99), first);
    EXPECT_NE(sites_.find({"a.cpp", "f", 2, 2}, "name", 99), first);
    EXPECT_NE(sites_.find({"b.cpp", "f", 1, 2}, "name", 99), first);
    EXPECT_EQ(sites_.text(first), "a.cpp:1");
    EXPECT_EQ(segment_->string(sites_.record(first).name), "name");
    EXPECT_EQ(sites_.record(first).entry_address, 99U);
}

TEST_F(SitesOf, a_coroutine_has_a_name_of_its_own_only_where_it_differs_from_its_sites) {
    const std::uint32_t site = sites_.find({"a.cpp", "f", 1, 2}, "usual", 0);
    EXPECT_EQ(sites_.name_of(site, "usual"), coroscope::wire::kNone);
    EXPECT_EQ(sites_.name_of(site, ""), coroscope::wire::kNone);
    EXPECT_EQ(segment_->string(sites_.name_of(site, "special")), "special");
}

TEST_F(SitesOf, the_ladder_is_wish_then_table_then_medium) {
    const std::uint32_t plain = sites_.find({"t.cpp", "f", 5, 1}, "x", 0);
    EXPECT_EQ(sites_.choose_class(plain, ClassAsked{}), SizeClass::kMedium);
    EXPECT_EQ(sites_.choose_class(plain, {.wish = wish(SizeClass::kMicro)}), SizeClass::kMicro);
    EXPECT_EQ(sites_.record(plain).evidence.load(), ClassEvidence::kWish);
    EXPECT_EQ(sites_.choose_class(plain, ClassAsked{}), SizeClass::kMedium)
        << "a wish holds for the spawn that made it";
    const std::uint32_t known = sites_.find({"t.cpp", "f", 10, 1}, "x", 0);
    EXPECT_EQ(sites_.choose_class(known, ClassAsked{}), SizeClass::kSmall);
    EXPECT_EQ(sites_.record(known).evidence.load(), ClassEvidence::kProfiled);
    EXPECT_EQ(sites_.choose_class(known, {.wish = wish(SizeClass::kLarge)}), SizeClass::kLarge);
    EXPECT_EQ(sites_.choose_class(known, {.wish = wish(SizeClass::kMicro)}), SizeClass::kSmall)
        << "the table asks for more";
    EXPECT_EQ(sites_.choose_class(known, ClassAsked{}), SizeClass::kSmall) << "and is not forgotten";
}

TEST_F(SitesOf, a_hint_stands_between_wish_and_declaration_and_both_before_a_smaller_row) {
    const std::uint32_t plain = sites_.find({"t.cpp", "f", 5, 1}, "x", 0);
    EXPECT_EQ(
        sites_.choose_class(plain, {.hint = wish(SizeClass::kMicro), .declared = wish(SizeClass::kSmall)}),
        SizeClass::kMicro);
    EXPECT_EQ(sites_.record(plain).evidence.load(), ClassEvidence::kHint);
    EXPECT_EQ(sites_.choose_class(plain, {.wish = wish(SizeClass::kSmall), .hint = wish(SizeClass::kMicro)}),
              SizeClass::kSmall);
    EXPECT_EQ(sites_.record(plain).evidence.load(), ClassEvidence::kWish);
    const std::uint32_t known = sites_.find({"t.cpp", "f", 10, 1}, "x", 0);
    EXPECT_EQ(sites_.choose_class(known, {.declared = wish(SizeClass::kLarge)}), SizeClass::kLarge);
    EXPECT_EQ(sites_.record(known).evidence.load(), ClassEvidence::kDeclared);
    EXPECT_EQ(sites_.choose_class(known, {.hint = wish(SizeClass::kMicro)}), SizeClass::kSmall)
        << "the table asks for more";
    EXPECT_EQ(sites_.record(known).evidence.load(), ClassEvidence::kProfiled);
}

TEST_F(SitesOf, a_declared_bound_wins_over_a_smaller_wish_and_growth_over_everything) {
    const std::uint32_t site = sites_.find({"t.cpp", "f", 5, 1}, "x", 0);
    const ClassAsked bound = {
        .wish = wish(SizeClass::kMicro), .declared = wish(SizeClass::kSmall), .bound = true};
    EXPECT_EQ(sites_.choose_class(site, bound), SizeClass::kSmall);
    ClassAsked usual = bound;
    usual.bound = false;
    EXPECT_EQ(sites_.choose_class(site, usual), SizeClass::kMicro);
    sites_.raise(site, SizeClass::kLarge);
    EXPECT_EQ(sites_.choose_class(site, bound), SizeClass::kLarge);
    EXPECT_EQ(sites_.record(site).evidence.load(), ClassEvidence::kGrown);
}

TEST_F(SitesOf, a_settled_choice_holds_until_something_else_is_said_or_the_site_is_raised) {
    const std::uint32_t site = sites_.find({"t.cpp", "f", 5, 1}, "x", 0);
    for (int again = 0; again < 2; ++again)
        EXPECT_EQ(sites_.choose_class(site, wish(SizeClass::kMicro)), SizeClass::kMicro);
    EXPECT_EQ(sites_.record(site).evidence.load(), ClassEvidence::kWish);
    EXPECT_EQ(sites_.choose_class(site, 0), SizeClass::kMedium);
    EXPECT_EQ(sites_.record(site).evidence.load(), ClassEvidence::kUnknown);
    EXPECT_EQ(sites_.choose_class(site, {.hint = wish(SizeClass::kSmall)}), SizeClass::kSmall);
    EXPECT_EQ(sites_.choose_class(site, 0), SizeClass::kMedium);
    EXPECT_EQ(sites_.record(site).evidence.load(), ClassEvidence::kUnknown) << "what is shown is the latest";
    sites_.raise(site, SizeClass::kSmall);
    EXPECT_EQ(sites_.choose_class(site, wish(SizeClass::kMicro)), SizeClass::kSmall);
    EXPECT_EQ(sites_.record(site).evidence.load(), ClassEvidence::kGrown);
}

TEST_F(SitesOf, unoptimised_code_gets_the_next_class_unless_it_wished) {
    const Place place("t.cpp", "f", 10, 1, true);
    const std::uint32_t known = sites_.find(place, "x", 0);
    EXPECT_EQ(sites_.choose_class(known, {.unoptimised = &place}), SizeClass::kMedium)
        << "the table says small";
    EXPECT_EQ(sites_.choose_class(known, {.wish = wish(SizeClass::kSmall), .unoptimised = &place}),
              SizeClass::kSmall);
    const std::uint32_t plain = sites_.find({"t.cpp", "f", 5, 1}, "x", 0);
    EXPECT_EQ(sites_.choose_class(plain, {.unoptimised = &place}), SizeClass::kMedium);
    EXPECT_EQ(sites_.choose_class(plain, {.hint = wish(SizeClass::kMicro), .unoptimised = &place}),
              SizeClass::kSmall);
}

TEST_F(SitesOf, threads_that_meet_at_a_new_place_agree) {
    std::vector<std::vector<std::uint32_t>> found(4);
    std::vector<std::thread> threads;
    for (auto& mine : found) {
        threads.emplace_back([this, &mine] {
            for (std::uint32_t line = 0; line < 2000; ++line)
                mine.push_back(sites_.find({"many.cpp", "f", line, 1}, "x", 0));
        });
    }
    for (auto& thread : threads)
        thread.join();
    for (const auto& mine : found)
        EXPECT_EQ(mine, found[0]);
    EXPECT_EQ(std::set<std::uint32_t>(found[0].begin(), found[0].end()).size(), 2000U);
}

}  // namespace
}  // namespace cprime::detail
