// views/coroutine_model: order, filter and cells of the coroutine table.
#include "views/coroutine_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "fake_session.h"
#include "views/describe.h"

namespace coroscope::views {
namespace {

std::shared_ptr<const traces::Moment> fake(std::uint32_t swarm = 300) {
    FakeOptions options;
    options.swarm = swarm;
    options.deadlock = true;
    return make_fake_moment(options);
}

std::vector<std::uint64_t> identities(const TableModel& model) {
    std::vector<std::uint64_t> all;
    for (const std::uint32_t position : model.order)
        all.push_back(model.moment->state.coroutines[position].identity);
    return all;
}

TEST(CoroutineTable, without_a_filter_every_coroutine_is_listed_once_by_identity) {
    const auto moment = fake();
    const auto listed = identities(compute_table(moment, {}));
    EXPECT_EQ(listed.size(), moment->state.coroutines.size());
    EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end()));
    EXPECT_EQ(std::set(listed.begin(), listed.end()).size(), listed.size());
}

TEST(CoroutineTable, every_column_sorts_in_both_directions) {
    const auto moment = fake();
    for (int c = 0; c < kTableColumnsCount; ++c) {
        const auto column = static_cast<TableColumn>(c);
        const auto up = compute_table(moment, {column, false, ""}),
                   down = compute_table(moment, {column, true, ""});
        ASSERT_EQ(up.order.size(), down.order.size()) << column_title(column);
        if (column_is_number(column)) continue;
        std::vector<std::string> texts;
        for (const std::uint32_t position : up.order) {
            const auto& coroutine = moment->state.coroutines[position];
            if (column == TableColumn::kClass || coroutine.reason == wire::WaitReason::kSleep) continue;
            if (std::string cell = table_cell(*moment, coroutine, column); !cell.empty())
                texts.push_back(cell);
        }
        EXPECT_TRUE(std::is_sorted(texts.begin(), texts.end())) << column_title(column);
    }
}

TEST(CoroutineTable, equal_cells_stay_in_the_order_of_identity) {
    const auto moment = fake();
    const auto model = compute_table(moment, {TableColumn::kName, true, "swarm"});
    const auto listed = identities(model);
    EXPECT_TRUE(std::is_sorted(listed.begin(), listed.end()));
}

TEST(CoroutineTable, what_waits_for_nothing_stands_last_in_either_direction) {
    const auto moment = fake();
    for (const bool descending : {false, true}) {
        const auto model = compute_table(moment, {TableColumn::kWaitsOn, descending, ""});
        const auto& last = moment->state.coroutines[model.order.back()];
        EXPECT_EQ(waits_on_text(moment->state, last), "");
    }
}

TEST(CoroutineTable, all_words_of_a_filter_must_occur_in_any_case) {
    const auto moment = fake();
    EXPECT_EQ(identities(compute_table(moment, {TableColumn::kIdentity, false, "SLOW pipeline"})),
              (std::vector{kFakeConsumer}));
    EXPECT_EQ(identities(compute_table(moment, {TableColumn::kIdentity, false, "channel:rows"})),
              (std::vector{kFakeProducer, kFakeTorn}));
    EXPECT_EQ(identities(compute_table(moment, {TableColumn::kIdentity, false, "philosopher deadlock.cpp"})),
              (std::vector{kFakeLeft, kFakeRight}));
    EXPECT_TRUE(identities(compute_table(moment, {TableColumn::kIdentity, false, "slow swarm"})).empty());
}

TEST(CoroutineTable, a_number_filters_by_identity_too) {
    const auto moment = fake();
    const auto listed = identities(compute_table(moment, {TableColumn::kIdentity, false, "swarm 399"}));
    EXPECT_EQ(listed, (std::vector<std::uint64_t>{399}));
}

TEST(CoroutineTable, a_filter_with_a_comparison_is_a_rule) {
    const auto moment = fake();
    const auto listed = identities(compute_table(moment, {TableColumn::kIdentity, false, "state == running"}));
    std::vector<std::uint64_t> running;
    for (const auto& row : moment->state.coroutines) {
        if (row.state == wire::CoroutineState::kRunning && row.consistency != inspect::Consistency::kUnknown)
            running.push_back(row.identity);
    }
    std::sort(running.begin(), running.end());
    EXPECT_FALSE(running.empty());
    EXPECT_EQ(listed, running);
    EXPECT_EQ(identities(compute_table(moment, {TableColumn::kIdentity, false, "name =~ \"^swarm\" and id == 399"})),
              (std::vector<std::uint64_t>{399}));
}

TEST(CoroutineTable, a_mistake_in_a_rule_is_kept_with_its_place) {
    const auto moment = fake();
    const auto model = compute_table(moment, {TableColumn::kIdentity, false, "stat == parked"});
    EXPECT_TRUE(model.order.empty());
    EXPECT_EQ(model.mistake, "there is no event and no field 'stat'; did you mean 'state'?\n  stat == parked\n  ^");
    EXPECT_EQ(compute_table(moment, {TableColumn::kIdentity, false, "stat"}).mistake, "");
    EXPECT_EQ(compute_table(moment, {TableColumn::kIdentity, false, "vector<int>"}).mistake, "");
    EXPECT_NE(compute_table(moment, {TableColumn::kIdentity, false, "vector < int"}).mistake, "");
    EXPECT_NE(compute_table(moment, {TableColumn::kIdentity, false, "vector>3"}).mistake, "");
}

TEST(CoroutineTable, a_rule_about_events_filters_nothing_and_is_no_mistake) {
    const auto moment = fake();
    const auto model = compute_table(moment, {TableColumn::kIdentity, false, "suspend and wait == join"});
    EXPECT_TRUE(model.about_events);
    EXPECT_EQ(model.mistake, "");
    EXPECT_EQ(model.order.size(), moment->state.coroutines.size());
    EXPECT_FALSE(compute_table(moment, {TableColumn::kIdentity, false, "wait == join"}).about_events);
}

TEST(CoroutineTable, a_running_coroutine_has_no_stack_and_no_cell_that_pretends) {
    const auto moment = fake();
    const auto* parser = moment->state.coroutine_of(kFakeParser);
    ASSERT_NE(parser, nullptr);
    EXPECT_EQ(table_cell(*moment, *parser, TableColumn::kStack), "");
    EXPECT_EQ(table_cell(*moment, *parser, TableColumn::kWaitsOn), "");
    EXPECT_EQ(table_cell(*moment, *parser, TableColumn::kState), "running on worker 2");
}

TEST(CoroutineTable, a_torn_stack_has_no_depth) {
    const auto moment = fake();
    EXPECT_EQ(table_cell(*moment, *moment->state.coroutine_of(kFakeTorn), TableColumn::kStack), "");
    EXPECT_EQ(table_cell(*moment, *moment->state.coroutine_of(kFakeProducer), TableColumn::kStack), "816 B");
}

TEST(CoroutineTable, cells_name_what_is_waited_for) {
    const auto moment = fake();
    const auto cell = [&](std::uint64_t identity) {
        return waits_on_text(moment->state, *moment->state.coroutine_of(identity));
    };
    EXPECT_EQ(cell(kFakeMain), "2 parser");
    EXPECT_EQ(cell(kFakeProducer), "channel:rows");
    EXPECT_EQ(cell(kFakeSleeper), "until 2.000 s");
}

TEST(CoroutineTable, a_record_that_names_a_channel_that_is_gone_says_so) {
    const auto moment = fake();
    inspect::CoroutineImage coroutine = *moment->state.coroutine_of(kFakeProducer);
    coroutine.wait_object = 12345;
    EXPECT_EQ(waits_on_text(moment->state, coroutine), "a channel that is gone");
}

// The producer's stack goes on over two segments, the parser's grew in place; their sites say what was seen.
std::shared_ptr<const traces::Moment> fake_with_growth() {
    auto moment = std::make_shared<traces::Moment>(*fake());
    inspect::StateImage& state = moment->state;
    std::uint32_t producer_site = 0;
    for (inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.identity == kFakeProducer) {
            coroutine.flags |= wire::kCoroutineSegments;
            state.stack_segments.push_back({coroutine.index, 3, 3});
            state.stack_segments.push_back({coroutine.index, 40, 1});
            producer_site = coroutine.site;
        }
        if (coroutine.identity == kFakeParser) coroutine.flags |= wire::kCoroutineGrown;
    }
    state.sites[producer_site].high_water_bytes = 3277;
    inspect::SiteMigrationsImage grown;
    grown.site = producer_site;
    grown.segments = 1200;
    grown.in_place = 1;
    state.migrations = {grown};
    state.index();
    return moment;
}

TEST(CoroutineTable, a_stack_that_grew_says_over_which_classes_or_that_it_grew_in_place) {
    const auto moment = fake_with_growth();
    const inspect::StateImage& state = moment->state;
    const auto* producer = state.coroutine_of(kFakeProducer);
    const auto* parser = state.coroutine_of(kFakeParser);
    EXPECT_EQ(table_cell(*moment, *producer, TableColumn::kClass), "medium + small + large");
    EXPECT_EQ(table_cell(*moment, *parser, TableColumn::kClass), "large, grown in place");
    EXPECT_EQ(slot_bytes_of(state, *producer), 16384U + 2048 + (8U << 20));
    EXPECT_EQ(identities(compute_table(moment, {TableColumn::kIdentity, false, "segments"})),
              (std::vector<std::uint64_t>{kFakeProducer}));
    EXPECT_EQ(identities(compute_table(moment, {TableColumn::kIdentity, false, "grown"})),
              (std::vector<std::uint64_t>{kFakeParser}));
    EXPECT_EQ(state.owner_of(1, 40), producer) << "a click on a segment finds whose it is";
}

TEST(CoroutineTable, a_site_says_what_was_seen_of_all_its_stacks) {
    const auto moment = fake_with_growth();
    const inspect::StateImage& state = moment->state;
    const std::string text = site_use_text(state, state.coroutine_of(kFakeProducer)->site);
    EXPECT_TRUE(text.starts_with("deepest seen 3.20 KiB · ")) << text;
    EXPECT_TRUE(text.find("grew by segment · 1 grew in place") != std::string::npos) << text;
    EXPECT_EQ(site_use_text(state, state.coroutine_of(kFakeMain)->site), "");
    EXPECT_EQ(site_use_text(state, wire::kNone), "");
}

TEST(CoroutineTable, the_dump_says_how_many_rows_it_left_out) {
    const auto json = to_json(compute_table(fake(), {}), 10);
    EXPECT_EQ(json["rows"].size(), 10U);
    EXPECT_EQ(json["shown"], 308U);
    EXPECT_EQ(json["rows"][0]["name"], "main");
    EXPECT_EQ(json["rows"][7]["consistency"], "torn");
}

}  // namespace
}  // namespace coroscope::views
