// views/wait_layout: those with the same neighbours in one block with one line, nothing over anything else, a shape that fits a screen.
#include "views/wait_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <fmt/format.h>

namespace coroscope::views {
namespace {

std::size_t add_node(WaitGraph& graph, WaitNode::Kind kind, const std::string& title) {
    WaitNode node;
    node.kind = kind;
    node.key = node.title = title;
    node.detail = "site.cpp:1";
    node.count = kind == WaitNode::Kind::kCoroutines ? 1 : 0;
    graph.nodes.push_back(node);
    return graph.nodes.size() - 1;
}

void add_link(WaitGraph& graph, std::size_t from, std::size_t to, const std::string& kind, bool could_wake = false) {
    graph.links.push_back({from, to, 1, kind, could_wake, false});
}

// `waiters` coroutines that do not look alike at one channel.
WaitGraph fan(std::size_t waiters) {
    WaitGraph graph;
    const std::size_t channel = add_node(graph, WaitNode::Kind::kChannel, "jobs");
    for (std::size_t i = 0; i < waiters; ++i)
        add_link(graph, add_node(graph, WaitNode::Kind::kCoroutines, fmt::format("worker {}", i)), channel, "receive");
    return graph;
}

// Pairs of a coroutine and a channel of its own.
WaitGraph pairs(std::size_t count) {
    WaitGraph graph;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t waiter = add_node(graph, WaitNode::Kind::kCoroutines, fmt::format("reader {}", i));
        add_link(graph, waiter, add_node(graph, WaitNode::Kind::kChannel, fmt::format("c{}", i)), "receive");
    }
    return graph;
}

bool overlap(const WaitBox& a, const WaitBox& b) {
    return a.x + a.width > b.x + 0.01F && b.x + b.width > a.x + 0.01F && a.y + a.height > b.y + 0.01F && b.y + b.height > a.y + 0.01F;
}

// Nodes lie over no other node, members within their block, and no other node over a block.
void expect_in_order(const WaitPicture& picture) {
    const std::size_t nodes = picture.graph.nodes.size();
    for (std::size_t a = 0; a < nodes; ++a) {
        for (std::size_t b = a + 1; b < picture.boxes.size(); ++b) {
            if (picture.stands[a] == b) {
                const WaitBox &box = picture.boxes[a], &block = picture.boxes[b];
                EXPECT_TRUE(box.x >= block.x && box.y >= block.y && box.x + box.width <= block.x + block.width &&
                            box.y + box.height <= block.y + block.height)
                    << a;
                continue;
            }
            ASSERT_FALSE(overlap(picture.boxes[a], picture.boxes[b])) << a << " and " << b;
        }
        EXPECT_LE(picture.boxes[a].x + picture.boxes[a].width, picture.width + 0.01F);
        EXPECT_LE(picture.boxes[a].y + picture.boxes[a].height, picture.height + 0.01F);
    }
}

TEST(WaitLayout, a_graph_without_nodes_has_no_size) {
    const WaitPicture picture = lay_out_waits({});
    EXPECT_TRUE(picture.boxes.empty());
    EXPECT_EQ(picture.width, 0);
}

TEST(WaitLayout, five_hundred_at_one_channel_are_a_block_with_one_line_of_a_screens_shape) {
    const WaitPicture picture = lay_out_waits(fan(499));
    ASSERT_EQ(picture.graph.nodes.size(), 500U);
    EXPECT_EQ(picture.blocks(), 1U);
    ASSERT_EQ(picture.strokes.size(), 1U);
    EXPECT_EQ(picture.strokes[0].count, 499U);
    EXPECT_EQ(picture.strokes[0].links, 499U);
    EXPECT_EQ(picture.strokes[0].from, 500U) << "the block";
    EXPECT_EQ(picture.strokes[0].to, 0U);
    expect_in_order(picture);
    EXPECT_GT(picture.width / picture.height, 0.8F);
    EXPECT_LT(picture.width / picture.height, 2.4F);
}

TEST(WaitLayout, few_that_are_alike_stand_by_themselves) {
    const WaitPicture picture = lay_out_waits(fan(kBlockFew - 1));
    EXPECT_EQ(picture.blocks(), 0U);
    EXPECT_EQ(picture.strokes.size(), kBlockFew - 1);
    expect_in_order(picture);
}

TEST(WaitLayout, whoever_also_waits_elsewhere_or_is_in_a_cycle_is_in_no_block) {
    WaitGraph graph = fan(20);
    const std::size_t other = add_node(graph, WaitNode::Kind::kChannel, "more");
    add_link(graph, 3, other, "receive");
    graph.nodes[5].in_cycle = true;
    const WaitPicture picture = lay_out_waits(std::move(graph));
    EXPECT_EQ(picture.stands[3], 3U);
    EXPECT_EQ(picture.stands[5], 5U);
    EXPECT_EQ(std::count(picture.stands.begin(), picture.stands.end(), picture.graph.nodes.size()), 18);
    expect_in_order(picture);
}

TEST(WaitLayout, selects_over_the_same_channels_are_two_blocks_and_a_line) {
    WaitGraph graph;
    for (std::size_t i = 0; i < 8; ++i)
        add_node(graph, WaitNode::Kind::kChannel, fmt::format("c{}", i));
    for (std::size_t i = 0; i < 10; ++i) {
        const std::size_t waiter = add_node(graph, WaitNode::Kind::kCoroutines, fmt::format("s{}", i));
        for (std::size_t channel = 0; channel < 8; ++channel)
            add_link(graph, waiter, channel, "select");
    }
    const WaitPicture picture = lay_out_waits(std::move(graph));
    EXPECT_EQ(picture.blocks(), 2U);
    ASSERT_EQ(picture.strokes.size(), 1U);
    EXPECT_EQ(picture.strokes[0].links, 80U);
    expect_in_order(picture);
}

TEST(WaitLayout, five_hundred_in_pairs_stand_on_shelves_of_a_screens_shape) {
    const WaitPicture picture = lay_out_waits(pairs(250));
    EXPECT_EQ(picture.boxes.size(), 500U);
    EXPECT_EQ(picture.strokes.size(), 250U);
    expect_in_order(picture);
    EXPECT_GT(picture.width / picture.height, 0.8F);
    EXPECT_LT(picture.width / picture.height, 2.4F);
}

TEST(WaitLayout, who_could_wake_very_many_does_not_pull_them_into_one_column) {
    WaitGraph graph = pairs(250);
    const std::size_t main = add_node(graph, WaitNode::Kind::kCoroutines, "main");
    for (std::size_t i = 0; i < 250; ++i)
        add_link(graph, main, 2 * i + 1, "could-wake", true);
    const WaitPicture picture = lay_out_waits(std::move(graph));
    EXPECT_EQ(picture.far_strokes, 250U);
    for (const WaitStroke& stroke : picture.strokes)
        EXPECT_EQ(stroke.far, stroke.could_wake);
    EXPECT_GT(picture.width / picture.height, 0.8F);
    expect_in_order(picture);
}

TEST(WaitLayout, equal_graphs_stand_equally) {
    const WaitPicture a = lay_out_waits(fan(100)), b = lay_out_waits(fan(100));
    ASSERT_EQ(a.boxes.size(), b.boxes.size());
    for (std::size_t i = 0; i < a.boxes.size(); ++i) {
        EXPECT_EQ(a.boxes[i].x, b.boxes[i].x);
        EXPECT_EQ(a.boxes[i].y, b.boxes[i].y);
    }
}

}  // namespace
}  // namespace coroscope::views
