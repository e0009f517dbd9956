// views/layered_layout: nothing overlaps, edges go right, cycles end, equal input gives equal output.
#include "views/layered_layout.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace coroscope::views {
namespace {

LayoutInput graph(std::size_t nodes, std::vector<std::pair<std::size_t, std::size_t>> edges) {
    LayoutInput input;
    input.nodes.assign(nodes, {100, 40});
    input.edges = std::move(edges);
    return input;
}

LayoutInput random_graph(std::size_t nodes, std::size_t edges, unsigned seed) {
    std::mt19937 random(seed);
    LayoutInput input;
    for (std::size_t i = 0; i < nodes; ++i)
        input.nodes.push_back(
            {60 + static_cast<float>(random() % 120), 30 + static_cast<float>(random() % 30)});
    for (std::size_t i = 0; i < edges; ++i)
        input.edges.emplace_back(random() % nodes, random() % nodes);
    return input;
}

void expect_no_overlaps(const LayoutInput& input, const LayoutOutput& output) {
    for (std::size_t a = 0; a < input.nodes.size(); ++a) {
        for (std::size_t b = a + 1; b < input.nodes.size(); ++b) {
            const bool apart = output.nodes[a].x + input.nodes[a].width <= output.nodes[b].x + 0.01F ||
                               output.nodes[b].x + input.nodes[b].width <= output.nodes[a].x + 0.01F ||
                               output.nodes[a].y + input.nodes[a].height <= output.nodes[b].y + 0.01F ||
                               output.nodes[b].y + input.nodes[b].height <= output.nodes[a].y + 0.01F;
            ASSERT_TRUE(apart) << a << " and " << b;
        }
    }
}

TEST(LayeredLayout, an_empty_graph_has_no_size) {
    const LayoutOutput output = lay_out({});
    EXPECT_EQ(output.width, 0);
    EXPECT_EQ(output.height, 0);
}

TEST(LayeredLayout, a_chain_goes_from_left_to_right) {
    const LayoutOutput output = lay_out(graph(3, {{0, 1}, {1, 2}}));
    EXPECT_LT(output.nodes[0].x, output.nodes[1].x);
    EXPECT_LT(output.nodes[1].x, output.nodes[2].x);
    EXPECT_FLOAT_EQ(output.nodes[0].y, output.nodes[2].y);
    EXPECT_EQ(output.layers, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(LayeredLayout, every_edge_of_an_acyclic_graph_goes_right) {
    LayoutInput input = random_graph(60, 150, 7);
    for (auto& [from, to] : input.edges) {
        if (from > to) std::swap(from, to);
    }
    const LayoutOutput output = lay_out(input);
    for (const auto& [from, to] : input.edges) {
        if (from == to) continue;
        EXPECT_LT(output.layers[from], output.layers[to]);
    }
}

TEST(LayeredLayout, a_cycle_is_laid_out_with_one_edge_going_back) {
    const LayoutOutput output = lay_out(graph(4, {{0, 1}, {1, 2}, {2, 3}, {3, 0}}));
    EXPECT_EQ(output.layers, (std::vector<std::size_t>{0, 1, 2, 3}));
    ASSERT_EQ(output.bends[3].size(), 4U) << "two for each layer it passes";
    EXPECT_GT(output.bends[3].front().x, output.bends[3].back().x) << "bends follow the edge's own direction";
}

TEST(LayeredLayout, nothing_overlaps_in_random_graphs_with_cycles_and_loops) {
    for (unsigned seed = 1; seed <= 12; ++seed) {
        const LayoutInput input = random_graph(10 + seed * 8, 20 + seed * 12, seed);
        const LayoutOutput output = lay_out(input);
        ASSERT_NO_FATAL_FAILURE(expect_no_overlaps(input, output)) << "seed " << seed;
        for (std::size_t i = 0; i < input.nodes.size(); ++i) {
            ASSERT_GE(output.nodes[i].x, -0.01F);
            ASSERT_GE(output.nodes[i].y, -0.01F);
            ASSERT_LE(output.nodes[i].x + input.nodes[i].width, output.width + 0.01F);
            ASSERT_LE(output.nodes[i].y + input.nodes[i].height, output.height + 0.01F);
        }
    }
}

TEST(LayeredLayout, two_crossing_edges_are_untangled) {
    // 0 and 1 on the left lead to 3 and 2: in the order given they would cross.
    const LayoutOutput output = lay_out(graph(4, {{0, 3}, {1, 2}, {0, 3}}));
    EXPECT_EQ(output.nodes[0].y < output.nodes[1].y, output.nodes[3].y < output.nodes[2].y);
}

TEST(LayeredLayout, equal_graphs_are_laid_out_equally) {
    const LayoutInput input = random_graph(80, 160, 3);
    const LayoutOutput a = lay_out(input), b = lay_out(input);
    for (std::size_t i = 0; i < input.nodes.size(); ++i) {
        EXPECT_EQ(a.nodes[i].x, b.nodes[i].x);
        EXPECT_EQ(a.nodes[i].y, b.nodes[i].y);
    }
}

TEST(LayeredLayout, five_hundred_nodes_take_no_longer_than_a_few_frames) {
    const LayoutInput input = random_graph(500, 700, 11);
    const auto begin = std::chrono::steady_clock::now();
    const LayoutOutput output = lay_out(input);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                          begin)
                        .count();
    EXPECT_GT(output.width, 0);
    EXPECT_LT(ms, 5000) << "a guard against growth by powers, not a benchmark";
    RecordProperty("milliseconds", static_cast<int>(ms));
}

}  // namespace
}  // namespace coroscope::views
