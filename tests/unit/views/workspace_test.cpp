// views/workspace: the one selection, its history, and the facts that scripts wait for.
#include "views/workspace.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "fake_session.h"
#include "views/start_page.h"

namespace coroscope::views {
namespace {

TEST(Selection, a_slot_selects_its_owner_and_a_coroutine_its_slot) {
    Workspace ws([] {});
    ws.open(std::make_shared<FakeSession>(FakeOptions{}));
    ws.refresh();
    ws.select_slot({2, 1});
    EXPECT_EQ(ws.selection().coroutine, kFakeProducer);
    ws.select_coroutine(kFakeConsumer);
    ASSERT_TRUE(ws.selection().slot.has_value());
    EXPECT_EQ(*ws.selection().slot, (SlotId{2, 2}));
    ASSERT_NE(ws.selected(), nullptr);
    EXPECT_EQ(ws.selected()->identity, kFakeConsumer);
}

TEST(Selection, a_free_slot_is_selected_without_an_owner_and_finds_the_next_one) {
    FakeOptions options;
    options.swarm = 100;
    auto session = std::make_shared<FakeSession>(options);
    Workspace ws([] {});
    ws.open(session);
    ws.refresh();
    ws.select_slot({2, 400});
    EXPECT_EQ(ws.selection().coroutine, 0U);
    options.swarm = 500;
    session->publish(make_fake_moment(options));
    ws.refresh();
    EXPECT_NE(ws.selection().coroutine, 0U);
}

TEST(Selection, a_coroutine_that_ended_stays_selected_so_that_its_absence_can_be_said) {
    FakeOptions options;
    auto session = std::make_shared<FakeSession>(options);
    Workspace ws([] {});
    ws.open(session);
    ws.refresh();
    ws.select_coroutine(kFakeSwarmFirst + 900);
    options.swarm = 10;
    session->publish(make_fake_moment(options));
    ws.refresh();
    EXPECT_EQ(ws.selection().coroutine, kFakeSwarmFirst + 900);
    EXPECT_EQ(ws.selected(), nullptr);
}

TEST(Selection, what_a_coroutine_waits_for_can_be_selected_and_of_a_select_one_arm_after_the_other) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment(FakeOptions{}));
    inspect::StateImage& state = moment->state;
    ASSERT_GE(state.channels.size(), 2U);
    auto parser = std::find_if(state.coroutines.begin(), state.coroutines.end(),
                               [](const auto& row) { return row.identity == kFakeParser; });
    parser->state = wire::CoroutineState::kParked;
    parser->reason = wire::WaitReason::kSelect;
    state.select_arms = {{parser->index, state.channels[0].index, 0, true},
                         {parser->index, state.channels[1].index, 2, false}};
    state.index();
    auto session = std::make_shared<FakeSession>(FakeOptions{});
    session->publish(moment);
    Workspace ws([] {});
    ws.open(session);
    ws.refresh();
    ws.select_awaited();
    EXPECT_EQ(ws.selection().coroutine, 0U) << "nobody is selected";
    ws.select_coroutine(kFakeParser);
    for (const std::size_t arm : {0, 1, 0}) {
        ws.select_awaited();
        EXPECT_EQ(ws.selection().channel, state.channel_text(state.channels[arm]));
    }
    ws.clear_selection();
    ws.select_channel(state.channel_text(state.channels[0]));
    ws.select_awaited();
    EXPECT_EQ(ws.selection().channel, state.channel_text(state.channels[0])) << "it was chosen for itself";
}

TEST(Selection, goes_back_and_forward_through_what_was_selected) {
    Workspace ws([] {});
    ws.open(std::make_shared<FakeSession>(FakeOptions{}));
    ws.refresh();
    EXPECT_FALSE(ws.go_back());
    ws.select_coroutine(1);
    ws.select_coroutine(2);
    ws.select_coroutine(2);
    ws.select_channel("channel:rows");
    EXPECT_TRUE(ws.go_back());
    EXPECT_EQ(ws.selection().coroutine, 2U);
    EXPECT_TRUE(ws.go_back());
    EXPECT_EQ(ws.selection().coroutine, 1U);
    EXPECT_TRUE(ws.go_forward());
    ws.select_coroutine(3);
    EXPECT_FALSE(ws.can_go_forward());
    EXPECT_TRUE(ws.go_back());
    EXPECT_EQ(ws.selection().coroutine, 2U);
}

TEST(Selection, keeps_its_range_of_time_whatever_else_is_selected) {
    Workspace ws([] {});
    ws.open(std::make_shared<FakeSession>(FakeOptions{}));
    ws.refresh();
    const TimeRange range{100, 900};
    ws.select_range(range);
    ws.select_coroutine(1);
    EXPECT_EQ(ws.selection().range, range);
    ws.clear_selection();
    EXPECT_EQ(ws.selection().coroutine, 0U);
    EXPECT_EQ(ws.selection().range, range);
    ws.clear_selection();
    EXPECT_EQ(ws.selection().range, std::nullopt);
    EXPECT_TRUE(ws.go_back());
    EXPECT_EQ(ws.selection().range, range);
    ws.select_range(TimeRange{5, 5});
    EXPECT_EQ(ws.selection().range, std::nullopt);
}

TEST(Facts, tell_of_the_session_and_its_moment) {
    FakeOptions options;
    options.swarm = 50;
    options.lost = 7;
    Workspace ws([] {});
    EXPECT_EQ(ws.facts()["session"], false);
    EXPECT_EQ(ws.facts()["status"], "none");
    ws.open(std::make_shared<FakeSession>(options));
    ws.refresh();
    const nlohmann::json facts = ws.facts();
    EXPECT_EQ(facts["coroutines"], 56);
    EXPECT_EQ(facts["lost"], 7);
    EXPECT_EQ(facts["torn"], 1);
    EXPECT_EQ(facts["status"], "running");
}

TEST(Words, are_split_and_joined_as_a_shell_does) {
    EXPECT_EQ(split_words("a  b\tc"), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(split_words(R"(a 'b c' "d \" e" f\ g '')"),
              (std::vector<std::string>{"a", "b c", "d \" e", "f g", ""}));
    EXPECT_EQ(split_words("'unfinished quote"), (std::vector<std::string>{"unfinished quote"}));
    EXPECT_TRUE(split_words("  ").empty());
    const std::vector<std::string> words = {"plain", "two words", "it's", "", "back\\slash", "\"q\""};
    EXPECT_EQ(split_words(join_words(words)), words);
}

}  // namespace
}  // namespace coroscope::views
