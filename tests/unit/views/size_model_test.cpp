// Rows of the Sizes view: what a table says, filters, order, wishes, two runs beside each other, and the table that is exported.
#include "views/size_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "traces/size_join.h"
#include "traces/size_table_file.h"

namespace coroscope::views {
namespace {

using nlohmann::json;
using wire::SizeClass;

const traces::ClassBytes kBytes = traces::ClassBytes::of({});

traces::SizeRow row(SizeClass used, std::uint64_t samples, std::uint64_t bytes, std::uint64_t peak) {
    traces::SizeRow made;
    made.class_used = used;
    for (std::uint64_t i = 0; i < samples; ++i)
        made.add_sample(bytes);
    made.seen_bytes = bytes;
    made.peak_coroutines = peak;
    return made;
}

void add(traces::SizeRows& rows, const char* site, const traces::SizeRow& made) {
    rows.build({}).measured[{site, made.symbol}] = made;
}

// Three sites: one far too large, one that grew, one that nobody measured.
traces::SizeRows three_sites() {
    traces::SizeRows rows;
    traces::SizeRow swarm = row(SizeClass::kMedium, 100, 150, 1000);
    swarm.symbol = "Swarm::Swarm(int)";
    add(rows, "a/swarm.cpp:40", swarm);
    traces::SizeRow grown = row(SizeClass::kMicro, 30, 600, 10);
    grown.migrations = grown.segments = 30;
    grown.predicted_bytes = 200;
    add(rows, "a/climb.cpp:9", grown);
    traces::SizeRow unmeasured = row(SizeClass::kMedium, 0, 0, 2);
    unmeasured.seen_bytes = 512;
    add(rows, "a/climb.cpp:100", unmeasured);
    return rows;
}

std::shared_ptr<const SizeTable> table(const traces::SizeRows& rows, const char* name = "run.coro") {
    return std::make_shared<const SizeTable>(read_size_table(rows.to_json(), kBytes, name));
}

std::vector<std::string> sites(const SizeModel& model) {
    std::vector<std::string> names;
    for (const SizeLine& line : model.lines)
        names.push_back(model.site(line).site);
    return names;
}

SizeModel model_of(const SizeWishes& wishes = {}, const SizeQuery& query = {}) {
    return compute_size_model(table(three_sites()), nullptr, wishes, query);
}

const SizeLine& line_of(const SizeModel& model, const std::string& site) {
    for (const SizeLine& line : model.lines) {
        if (model.site(line).site == site) return line;
    }
    ADD_FAILURE() << site << " has no row";
    return model.lines.front();
}

TEST(SizeModel, the_filter_shows_rows_with_its_words_and_sites_of_whom_it_lets_through) {
    const std::string other = sites(model_of()).front();
    SizeQuery query;
    query.filter = "no row has this";
    EXPECT_TRUE(model_of({}, query).lines.empty());
    query.sites = {other};
    EXPECT_EQ(sites(model_of({}, query)), std::vector<std::string>{other});
    query.filter = other;  // its own words
    query.sites.clear();
    EXPECT_EQ(sites(model_of({}, query)), std::vector<std::string>{other});
    query.is_rule = true;
    EXPECT_TRUE(model_of({}, query).lines.empty()) << "a rule is no words";
}

TEST(SizeModel, says_of_each_site_what_the_table_says) {
    const traces::SizeRows rows = three_sites();
    const json written = rows.to_json();
    const auto read = table(rows);
    ASSERT_EQ(read->sites.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        const SizeSite& site = read->sites[i];
        const json& said = written["sites"][i];
        EXPECT_EQ(site.site, said["site"]);
        EXPECT_EQ(inspect::size_class_name(site.used), said["class_used"]);
        EXPECT_EQ(inspect::size_class_name(site.advised), said["class_advised"]);
        EXPECT_EQ(site.samples, said["samples"]);
        EXPECT_EQ(site.saved_bytes, said["saved_bytes"]);
        EXPECT_EQ(site.growths, said["migrations"]);
    }
    const SizeSite& swarm = read->sites[2];
    EXPECT_EQ(swarm.symbol, "Swarm::Swarm(int)");
    EXPECT_EQ(swarm.max_bytes, 150U);
    EXPECT_EQ(read->sites[1].predicted_bytes, 200U);
    EXPECT_EQ(read->sites[0].deepest_bytes(), 512U)
        << "what the program noticed stands in for what was not measured";
}

TEST(SizeModel, takes_a_proof_where_the_table_has_one) {
    json written = three_sites().to_json();
    written["sites"][2]["bound_bytes"] = 160;
    written["sites"][2]["evidence"] = "proven";
    const SizeTable read = read_size_table(written, kBytes, "");
    EXPECT_EQ(read.sites[2].bound_bytes, 160U);
    EXPECT_EQ(read.sites[2].evidence, "proven");
}

TEST(SizeModel, a_table_of_wrong_types_is_read_as_far_as_it_goes) {
    const json wrong = {{"sites",
                         {1,
                          {{"site", 2}},
                          {{"site", "x.cpp:1"},
                           {"samples", -4},
                           {"saved_bytes", "much"},
                           {"high_water_bytes", {{"p50", 1e300}, {"max", json::array()}}},
                           {"class_used", "vast"},
                           {"symbol", nullptr}}}}};
    const SizeTable read = read_size_table(wrong, kBytes, "");
    ASSERT_EQ(read.sites.size(), 1U);
    EXPECT_EQ(read.sites[0].samples, 0U);
    EXPECT_EQ(read.sites[0].saved_bytes, 0);
    EXPECT_TRUE(read_size_table(json(7), kBytes, "").sites.empty());
}

TEST(SizeModel, the_sum_is_that_of_all_rows_whatever_the_filter_says) {
    const SizeModel all = model_of();
    EXPECT_EQ(all.sites, 3U);
    EXPECT_EQ(all.growths, 30U);
    EXPECT_EQ(all.measured, 130U);
    EXPECT_EQ(all.saved_bytes, 1000 * (4096 - 256) + 10 * (256 - 2048));
    EXPECT_EQ(all.resident_bytes, 1000U * 4096 + 10 * 256 + 2 * 4096);
    const SizeModel few = model_of({}, {SizeColumn::kSite, false, "swarm"});
    EXPECT_EQ(sites(few), std::vector<std::string>{"a/swarm.cpp:40"});
    EXPECT_EQ(few.saved_bytes, all.saved_bytes);
    EXPECT_EQ(saving_sentence(all), "the classes advised would save 3.65 MiB of 3.92 MiB");
}

TEST(SizeModel, says_so_where_nothing_was_measured) {
    traces::SizeRows rows;
    add(rows, "a.cpp:1", row(SizeClass::kMedium, 0, 300, 5));
    const SizeModel model = compute_size_model(table(rows), nullptr, {}, {});
    EXPECT_EQ(model.measured, 0U);
    EXPECT_NE(saving_sentence(model).find("no stack was measured yet"), std::string::npos);
    EXPECT_EQ(line_of(model, "a.cpp:1").advised, SizeClass::kMedium);
}

TEST(SizeModel, all_words_of_the_filter_must_occur_in_a_row) {
    const auto passing = [&](const char* filter) {
        return sites(model_of({}, {SizeColumn::kSite, false, filter}));
    };
    EXPECT_EQ(passing("").size(), 3U);
    EXPECT_EQ(passing("CLIMB profiled"), std::vector<std::string>{"a/climb.cpp:9"});
    EXPECT_EQ(passing("medium micro"), std::vector<std::string>{"a/swarm.cpp:40"});
    EXPECT_EQ(passing("swarm::swarm"), std::vector<std::string>{"a/swarm.cpp:40"});
    EXPECT_TRUE(passing("swarm unknown").empty());
}

TEST(SizeModel, sorts_by_any_column_and_lines_as_numbers) {
    const auto sorted = [&](SizeColumn column, bool descending) {
        return sites(model_of({}, {column, descending, ""}));
    };
    const std::string nine = "a/climb.cpp:9", hundred = "a/climb.cpp:100", swarm = "a/swarm.cpp:40";
    using Names = std::vector<std::string>;
    EXPECT_EQ(sorted(SizeColumn::kSite, false), (Names{nine, hundred, swarm}));
    EXPECT_EQ(sorted(SizeColumn::kSite, true), (Names{swarm, hundred, nine}));
    EXPECT_EQ(sorted(SizeColumn::kSaved, true), (Names{swarm, hundred, nine}));
    EXPECT_EQ(sorted(SizeColumn::kDeepest, false), (Names{swarm, hundred, nine}));
    EXPECT_EQ(sorted(SizeColumn::kSeen, true), (Names{nine, hundred, swarm}))
        << "600 of 256, 512 and 150 of 16384";
    EXPECT_EQ(sorted(SizeColumn::kGrowths, true), (Names{nine, hundred, swarm})) << "ties by site";
}

TEST(SizeModel, a_wish_changes_class_and_saving_and_is_marked) {
    const SizeModel model = model_of(
        {{"a/climb.cpp:100", SizeClass::kSmall}, {"a/swarm.cpp:40", SizeClass::kMicro}});
    const SizeLine& wished = line_of(model, "a/climb.cpp:100");
    EXPECT_TRUE(wished.wished);
    EXPECT_TRUE(wished.fits);
    EXPECT_EQ(wished.advised, SizeClass::kSmall);
    EXPECT_EQ(wished.saved_bytes, 2 * (4096 - 2048));
    EXPECT_EQ(size_evidence(model, wished), "wished");
    EXPECT_FALSE(line_of(model, "a/swarm.cpp:40").wished) << "that is advised anyway";
    EXPECT_EQ(model.wishes, 1U);
    EXPECT_EQ(model.saved_bytes, model_of().saved_bytes + 2 * (4096 - 2048));
}

TEST(SizeModel, a_wish_that_what_was_seen_does_not_fit_into_says_so) {
    const SizeModel model = model_of(
        {{"a/climb.cpp:9", SizeClass::kMicro}, {"a/climb.cpp:100", SizeClass::kMicro}});
    EXPECT_FALSE(line_of(model, "a/climb.cpp:9").fits);
    EXPECT_FALSE(line_of(model, "a/climb.cpp:100").fits);
    EXPECT_NE(size_line_text(model, line_of(model, "a/climb.cpp:100")).find("does not fit"),
              std::string::npos);
}

TEST(SizeModel, two_runs_stand_beside_each_other_by_site) {
    traces::SizeRows after;
    add(after, "a/swarm.cpp:40", row(SizeClass::kMicro, 100, 150, 1000));
    add(after, "a/new.cpp:1", row(SizeClass::kMedium, 1, 200, 1));
    const SizeModel model = compute_size_model(table(after), table(three_sites(), "before.coro"), {}, {});
    EXPECT_EQ(model.sites, 4U);
    const SizeLine& swarm = line_of(model, "a/swarm.cpp:40");
    ASSERT_NE(model.site_before(swarm), nullptr);
    EXPECT_EQ(model.site_before(swarm)->used, SizeClass::kMedium);
    EXPECT_EQ(swarm.resident_before_bytes, 1000U * 4096);
    EXPECT_EQ(swarm.resident_bytes, 1000U * 256);
    EXPECT_EQ(model.site_before(line_of(model, "a/new.cpp:1")), nullptr);
    const SizeLine& gone = line_of(model, "a/climb.cpp:9");
    EXPECT_EQ(model.site_now(gone), nullptr);
    EXPECT_EQ(gone.saved_bytes, 0);
    EXPECT_EQ(model.growths, 0U);
    EXPECT_EQ(model.growths_before, 30U);
    EXPECT_EQ(comparison_sentence(model),
              "3.92 MiB before, 254 KiB now: 15.8 times less; growths: 30 before, none now");
    const json dumped = to_json(model);
    EXPECT_EQ(dumped["before"], "before.coro");
    EXPECT_EQ(dumped["rows"].size(), 4U);
}

TEST(SizeModel, a_site_that_moved_since_the_run_before_is_one_line_and_another_functions_is_two) {
    const auto one_site = [](const char* site, const char* symbol) {
        traces::SizeRows rows;
        traces::SizeRow made = row(SizeClass::kMedium, 100, 150, 10);
        made.symbol = symbol;
        add(rows, site, made);
        return rows;
    };
    const SizeModel moved = compute_size_model(table(one_site("/new/a.cpp:9", "f()")), table(one_site("/old/a.cpp:1", "void f()")), {}, {});
    ASSERT_EQ(moved.lines.size(), 1U);
    ASSERT_NE(moved.site_before(moved.lines[0]), nullptr);
    EXPECT_EQ(to_json(moved)["rows"][0]["before"]["site"], "/old/a.cpp:1");
    const SizeModel other = compute_size_model(table(one_site("a.cpp:1", "f()")), table(one_site("a.cpp:1", "g()")), {}, {});
    EXPECT_EQ(other.lines.size(), 2U);
}

TEST(SizeModel, the_exported_table_has_the_wishes_in_it_and_reads_back) {
    const auto written = table(three_sites());
    const SizeWishes wishes = {{"a/climb.cpp:100", SizeClass::kSmall}, {"a/swarm.cpp:40", SizeClass::kMicro}};
    const json exported = with_wishes(*written, wishes, 7);
    const json& wished = exported["sites"][0];
    EXPECT_EQ(wished["site"], "a/climb.cpp:100");
    EXPECT_EQ(wished["class_advised"], "small");
    EXPECT_EQ(wished["class_computed"], "medium");
    EXPECT_EQ(wished["evidence"], "wished");
    EXPECT_EQ(exported["sites"][2], (*written->json)["sites"][2])
        << "what nobody wished otherwise stays as it was";
    EXPECT_EQ(exported["overestimated"], (json{"a/climb.cpp:100", "a/swarm.cpp:40"}));
    EXPECT_EQ(exported["underestimated"], json{"a/climb.cpp:9"});
    const std::string path = std::filesystem::temp_directory_path() /
                             ("size-model-" + std::to_string(getpid()) + ".json");
    ASSERT_TRUE(traces::write_size_table(path, exported).ok());
    traces::SizeRows read;
    const auto added = read.add_table(path);
    std::filesystem::remove(path);
    ASSERT_TRUE(added.ok()) << added.error().message;
    EXPECT_EQ(read.joined().rows.size(), 3U);
    // Merged again it is the same table, wishes and all.
    EXPECT_EQ(read.to_json()["sites"][0], exported["sites"][0]);
    EXPECT_EQ(read.to_json()["wishes"], exported["wishes"]);
}

TEST(SizeModel, without_wishes_the_exported_table_is_the_one_that_was_read) {
    const auto written = table(three_sites());
    EXPECT_EQ(with_wishes(*written, {}, 7), *written->json);
}

}  // namespace
}  // namespace coroscope::views
