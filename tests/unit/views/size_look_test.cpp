// Where the Sizes view takes its tables from: a live program of which nothing is kept, and files that are none.
#include "views/size_look.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "fake_session.h"

namespace coroscope::views {
namespace {

SizeTable live_table(const traces::Moment& moment) {
    traces::SessionInfo info;
    info.title = "demo (1)";
    return size_table_of_session(info, nullptr, moment, {}, {});
}

const SizeSite* site_at(const SizeTable& table, const char* site) {
    const auto found = std::find_if(table.sites.begin(), table.sites.end(),
                                    [&](const SizeSite& row) { return row.site == site; });
    return found != table.sites.end() ? &*found : nullptr;
}

TEST(SizeLook, a_live_program_without_a_past_shows_those_who_are_alive) {
    FakeOptions options;
    options.swarm = 200;
    const SizeTable table = live_table(*make_fake_moment(options));
    EXPECT_EQ(table.name, "demo (1)");
    EXPECT_EQ(table.problem, "");
    const SizeSite* swarm = site_at(table, "runtime/examples/demo/swarm.cpp:23");
    ASSERT_NE(swarm, nullptr);
    EXPECT_EQ(swarm->peak_coroutines, 200U);
    EXPECT_EQ(swarm->symbol, "swarm_main");
}

TEST(SizeLook, what_the_program_keeps_of_a_site_is_shown_though_nobody_lives_there) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    moment->state.coroutines.clear();
    inspect::SiteImage& site = moment->state.sites.front();
    site.entry_address = 0x1000;
    site.high_water_bytes = 700;
    site.predicted_bytes = 500;
    inspect::SiteMigrationsImage grown;
    grown.site = site.index;
    grown.in_place = 3;
    moment->state.migrations = {grown};
    const SizeTable table = live_table(*moment);
    ASSERT_EQ(table.sites.size(), 1U) << "sites at which nothing was spawned are no rows";
    EXPECT_EQ(table.sites[0].seen_bytes, 700U);
    EXPECT_EQ(table.sites[0].predicted_bytes, 500U);
    EXPECT_EQ(table.sites[0].growths, 3U);
    EXPECT_EQ(table.sites[0].samples, 0U);
}

TEST(SizeLook, a_file_that_is_none_has_its_problem_and_no_rows) {
    for (const char* suffix : {".coro", ".json"}) {
        const std::string path = std::filesystem::temp_directory_path() /
                                 ("size-look-" + std::to_string(getpid()) + suffix);
        std::ofstream(path) << "neither a trace nor a table";
        const SizeTable table = size_table_of_file(path, {}, {});
        std::filesystem::remove(path);
        EXPECT_TRUE(table.sites.empty());
        EXPECT_NE(table.problem.find(path), std::string::npos) << table.problem;
    }
}

}  // namespace
}  // namespace coroscope::views
