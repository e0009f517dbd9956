// views/wait_model: collapsing look-alikes without hiding what matters.
#include "views/wait_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::views {
namespace {

const WaitNode* find_node(const WaitGraph& graph, const std::string& title) {
    const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                    [&](const WaitNode& node) { return node.title == title; });
    return found != graph.nodes.end() ? &*found : nullptr;
}

std::size_t count_nodes(const WaitGraph& graph, const std::string& title) {
    return static_cast<std::size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                                  [&](const WaitNode& node) { return node.title == title; }));
}

struct Fixture {
    std::shared_ptr<const traces::Moment> moment;
    traces::Waits waits;
};

// Edges as the analysis gives them, written by hand so that this test needs no analysis.
Fixture fake_waits(std::uint32_t swarm = 500, bool deadlock = true) {
    FakeOptions options;
    options.swarm = swarm;
    options.deadlock = deadlock;
    Fixture fixture;
    fixture.moment = make_fake_moment(options);
    for (const inspect::CoroutineImage& coroutine : fixture.moment->state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked) continue;
        traces::WaitEdge edge;
        edge.from = std::to_string(coroutine.identity);
        if (coroutine.reason == wire::WaitReason::kJoin) {
            edge.to = std::to_string(fixture.moment->state.coroutine_at(coroutine.wait_object)->identity);
            edge.kind = "join";
        } else if (coroutine.reason == wire::WaitReason::kSleep) {
            edge.kind = "sleep";
        } else {
            edge.to = fixture.moment->state.channel_text(
                *fixture.moment->state.channel_at(coroutine.wait_object));
            edge.kind = coroutine.reason == wire::WaitReason::kChannelSend ? "send" : "receive";
        }
        fixture.waits.edges.push_back(edge);
    }
    fixture.waits.could_wake = {{"1", "channel:jobs", "could-wake"},
                                {"2", "channel:rows", "could-wake"},
                                {"2", "channel:nobody-waits-for-this", "could-wake"}};
    if (deadlock) {
        fixture.waits.cycles.push_back(
            {{"6", "channel:left", "7", "channel:right"}, true, false, "6 and 7 wait for each other"});
        fixture.waits.could_wake.push_back({"7", "channel:left", "could-wake"});
        fixture.waits.could_wake.push_back({"6", "channel:right", "could-wake"});
    }
    return fixture;
}

TEST(WaitGraph, a_mutex_is_a_node_that_says_who_holds_it) {
    Fixture fixture = fake_waits(10, false);
    auto moment = std::make_shared<traces::Moment>(*fixture.moment);
    inspect::WaitableImage mutex;
    mutex.index = 3;
    mutex.identity = 77;
    mutex.kind = wire::WaitableKind::kMutex;
    mutex.owner = kFakeParser;
    moment->state.waitables.push_back(mutex);
    moment->state.index();
    fixture.waits.edges.push_back({std::to_string(kFakeMain), "mutex:#77", "lock"});
    const WaitGraph graph = compute_wait_graph(*moment, fixture.waits, {});
    const WaitNode* node = find_node(graph, "mutex:#77");
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->look, Look::kLock);
    EXPECT_EQ(node->detail, "held by parser (2)");
}

TEST(WaitGraph, a_swarm_on_one_channel_is_one_node_with_its_count) {
    const Fixture fixture = fake_waits();
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    ASSERT_EQ(count_nodes(graph, "swarm"), 1U);
    const WaitNode* swarm = find_node(graph, "swarm");
    const auto receiving = std::count_if(fixture.waits.edges.begin(), fixture.waits.edges.end(),
                                         [](const auto& edge) { return edge.to == "channel:jobs"; });
    EXPECT_EQ(swarm->count, static_cast<std::uint64_t>(receiving));
    EXPECT_EQ(swarm->first_identity, kFakeSwarmFirst);
}

TEST(WaitGraph, counts_of_links_add_up_to_the_edges) {
    const Fixture fixture = fake_waits();
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    std::uint64_t sum = 0;
    for (const WaitLink& link : graph.links) {
        if (!link.could_wake) sum += link.count;
    }
    EXPECT_EQ(sum, graph.waiting);
    EXPECT_EQ(graph.waiting + graph.sleeping, fixture.waits.edges.size());
}

TEST(WaitGraph, members_of_a_cycle_stay_by_themselves_though_they_look_alike) {
    const Fixture fixture = fake_waits();
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    EXPECT_EQ(count_nodes(graph, "philosopher"), 2U);
    const auto marked = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                      [](const WaitNode& node) { return node.in_cycle; });
    EXPECT_EQ(marked, 4);
    const auto red = std::count_if(graph.links.begin(), graph.links.end(),
                                   [](const WaitLink& link) { return link.in_cycle; });
    EXPECT_EQ(red, 4) << "two waits and two that could wake";
}

TEST(WaitGraph, the_selected_coroutine_leaves_its_group) {
    const Fixture fixture = fake_waits();
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits,
                                               {kFakeSwarmFirst + 1, "", true});
    EXPECT_EQ(count_nodes(graph, "swarm"), 2U);
    const auto selected = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                       [](const WaitNode& node) { return node.selected; });
    ASSERT_NE(selected, graph.nodes.end());
    EXPECT_EQ(selected->count, 1U);
    EXPECT_EQ(selected->first_identity, kFakeSwarmFirst + 1);
}

TEST(WaitGraph, could_wake_is_drawn_only_to_what_somebody_waits_for) {
    const Fixture fixture = fake_waits();
    const WaitGraph with = compute_wait_graph(*fixture.moment, fixture.waits, {});
    EXPECT_EQ(find_node(with, "nobody-waits-for-this"), nullptr);
    EXPECT_NE(find_node(with, "parser"), nullptr);
    const WaitGraph without = compute_wait_graph(*fixture.moment, fixture.waits, {0, "", false});
    EXPECT_TRUE(std::none_of(without.links.begin(), without.links.end(),
                             [](const WaitLink& link) { return link.could_wake; }));
}

TEST(WaitGraph, an_orphan_is_marked_and_stands_alone) {
    Fixture fixture = fake_waits(100, false);
    fixture.waits.orphans = {std::to_string(kFakeSwarmFirst)};
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    const auto orphan = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                     [](const WaitNode& node) { return node.orphan; });
    ASSERT_NE(orphan, graph.nodes.end());
    EXPECT_EQ(orphan->count, 1U);
    EXPECT_EQ(graph.orphans, 1U);
}

TEST(WaitGraph, five_hundred_nodes_that_do_not_look_alike_are_all_there) {
    Fixture fixture = fake_waits(2000, false);
    fixture.waits.edges.clear();
    for (std::size_t i = 0; i < 250; ++i)
        fixture.waits.edges.push_back({std::to_string(kFakeSwarmFirst + i), fmt::format("channel:c{}", i), "receive"});
    fixture.waits.could_wake.clear();
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    EXPECT_EQ(graph.nodes.size(), 500U);
    EXPECT_EQ(graph.links.size(), 250U);
    EXPECT_EQ(graph.hidden_nodes, 0U);
}

TEST(WaitGraph, beyond_the_busiest_resources_nodes_are_left_out_and_counted_but_never_a_cycle) {
    Fixture fixture = fake_waits(2000);
    for (std::size_t i = 0; i < 1000; ++i)
        fixture.waits.edges[300 + i].to = fmt::format("channel:c{}", i);
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    EXPECT_EQ(graph.nodes.size(), kNodesMost);
    EXPECT_GT(graph.hidden_nodes, 900U) << "of nearly a thousand channels, and who waits at each";
    EXPECT_EQ(count_nodes(graph, "philosopher"), 2U);
    EXPECT_EQ(count_nodes(graph, "jobs"), 1U) << "most wait there";
    for (const WaitLink& link : graph.links) {
        ASSERT_LT(link.from, graph.nodes.size());
        ASSERT_LT(link.to, graph.nodes.size());
    }
}

TEST(WaitGraph, an_edge_to_a_coroutine_that_is_gone_is_kept) {
    Fixture fixture = fake_waits(10, false);
    fixture.waits.edges.push_back({"100", "999999", "join"});
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, {});
    EXPECT_TRUE(std::any_of(graph.nodes.begin(), graph.nodes.end(),
                            [](const WaitNode& node) { return node.detail == "ended"; }));
}

TEST(WaitGraph, keys_of_nodes_are_the_same_for_the_same_program) {
    const Fixture fixture = fake_waits();
    const WaitGraph a = compute_wait_graph(*fixture.moment, fixture.waits, {}),
                    b = compute_wait_graph(*fixture.moment, fixture.waits, {});
    ASSERT_EQ(a.nodes.size(), b.nodes.size());
    for (std::size_t i = 0; i < a.nodes.size(); ++i)
        EXPECT_EQ(a.nodes[i].key, b.nodes[i].key);
}

TEST(WaitGraph, the_dump_carries_the_sentence_of_a_cycle) {
    const Fixture fixture = fake_waits();
    const nlohmann::json json = to_json(compute_wait_graph(*fixture.moment, fixture.waits, {}));
    ASSERT_EQ(json["cycles"].size(), 1U);
    EXPECT_EQ(json["cycles"][0]["certainty"], "deadlock");
    EXPECT_EQ(json["cycles"][0]["sentence"], "6 and 7 wait for each other");
}

TEST(WaitGraph, who_is_pinned_stands_alone_and_a_group_knows_who_is_in_it) {
    const Fixture fixture = fake_waits(500, false);
    const WaitGraph before = compute_wait_graph(*fixture.moment, fixture.waits, {});
    const std::uint64_t member = [&] {
        for (const WaitNode& node : before.nodes)
            if (node.title == "swarm" && node.count > 2) return node.identities.back();
        return std::uint64_t{0};
    }();
    ASSERT_NE(member, 0U);
    WaitQuery query;
    query.pins = {member};
    const WaitGraph graph = compute_wait_graph(*fixture.moment, fixture.waits, query);
    const auto pinned = std::find_if(graph.nodes.begin(), graph.nodes.end(), [](const WaitNode& node) { return node.pinned; });
    ASSERT_NE(pinned, graph.nodes.end());
    EXPECT_EQ(pinned->count, 1U);
    EXPECT_EQ(pinned->identities, std::vector<std::uint64_t>{member});
    EXPECT_EQ(graph.nodes.size(), before.nodes.size() + 1);
}

}  // namespace
}  // namespace coroscope::views
