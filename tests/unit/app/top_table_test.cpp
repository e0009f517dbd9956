// The rows of `coroscope top` against a made-up program whose numbers are known.
#include "app/top/top_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::app {
namespace {

using views::FakeOptions;
using views::FakeSession;

std::uint64_t sum(const std::vector<TopSite>& sites, std::uint64_t TopSite::*count) {
    std::uint64_t all = 0;
    for (const TopSite& site : sites)
        all += site.*count;
    return all;
}

TEST(TopTable, sites_add_up_to_the_states_of_the_program) {
    FakeSession session({.swarm = 500, .deadlock = true});
    TopFollower follower(session, {});
    follower.poll();
    ASSERT_TRUE(follower.has_look());
    const TopTable table = follower.table();
    const auto moment = session.moment();
    EXPECT_EQ(table.coroutines, moment->state.coroutines.size());
    EXPECT_EQ(sum(table.sites, &TopSite::coroutines), table.coroutines);
    EXPECT_EQ(sum(table.sites, &TopSite::parked), table.states.at("parked"));
    EXPECT_EQ(sum(table.sites, &TopSite::running), table.states.at("running"));
    EXPECT_EQ(table.looks, 1U);
    EXPECT_LT(table.switches_per_second, 0);  // one look is no rate
    EXPECT_TRUE(to_json(table)["switches_per_second"].is_null());
}

TEST(TopTable, a_deadlock_is_among_the_lints_and_mutes_take_it_out) {
    FakeSession session({.swarm = 10, .deadlock = true});
    TopFollower loud(session, {}), quiet(session, {"deadlock"});
    loud.poll();
    quiet.poll();
    const TopTable table = loud.table(), muted = quiet.table();
    ASSERT_FALSE(table.lints.lints.empty());
    EXPECT_STREQ(table.lints.lints[0].says().id, "deadlock");
    EXPECT_EQ(muted.muted, 1U);
    EXPECT_EQ(muted.lints.lints.size() + 1, table.lints.lints.size());
}

TEST(TopTable, all_words_of_the_filter_must_occur_in_whichever_case) {
    FakeSession session({.swarm = 10});
    TopFollower follower(session, {});
    follower.poll();
    TopTable table = follower.table();
    ASSERT_GT(table.sites.size(), 1U);
    const std::string name = table.sites.front().name;
    std::string shouted = name;
    for (char& c : shouted)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    TopTable other = table;
    filter_table(table, shouted);
    ASSERT_FALSE(table.sites.empty());
    for (const TopSite& site : table.sites)
        EXPECT_NE((site.name + site.site + site.why).find(name), std::string::npos);
    filter_table(other, name + " nowhere-to-be-found");
    EXPECT_TRUE(other.sites.empty());
}

TEST(TopTable, each_column_sorts_by_itself) {
    std::vector<TopSite> sites(3);
    const auto set = [&](std::size_t at, const char* site, const char* name, std::uint64_t coroutines,
                         std::uint64_t ready, double share, std::uint64_t stack_bytes) {
        sites[at].site = site;
        sites[at].name = name;
        sites[at].coroutines = coroutines;
        sites[at].ready = ready;
        sites[at].running_share = share;
        sites[at].stack_bytes = stack_bytes;
    };
    set(0, "a", "z", 3, 0, 0.1, 10);
    set(1, "b", "y", 2, 5, 0.5, 5);
    set(2, "c", "x", 1, 1, 0.0, 90);
    const auto first = [&](TopSort sort) {
        sort_sites(sites, sort);
        return sites.front().site;
    };
    EXPECT_EQ(first(TopSort::kRunning), "b");
    EXPECT_EQ(first(TopSort::kReady), "b");
    EXPECT_EQ(first(TopSort::kCoroutines), "a");
    EXPECT_EQ(first(TopSort::kStack), "c");
    EXPECT_EQ(first(TopSort::kName), "c");
    EXPECT_EQ(top_sort("stack"), TopSort::kStack);
}

}  // namespace
}  // namespace coroscope::app
