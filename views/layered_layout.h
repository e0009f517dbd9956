// Layered graph layout, left to right: small, deterministic, a few milliseconds for 500 nodes.
//
//   components → back edges turned round (depth first) → longest-path layers → bends for long edges → median sweeps
//   → coordinates by relaxation → components packed below each other
//
// The input's order is the first order of every layer, so a graph that changes a little moves a little. Long edges get at most
// kBendsMax bends (dummy nodes explode in deep graphs); beyond that they run straight.
//
// Pure function; any thread. Tested in tests/unit/views/layered_layout_test.cpp (no overlaps, order, cycles, stability).
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace coroscope::views {

struct LayoutInput {
    struct Size {
        float width = 0, height = 0;
    };
    std::vector<Size> nodes;
    std::vector<std::pair<std::size_t, std::size_t>> edges;  // from, to: drawn from left to right where possible
    float layer_gap = 64, node_gap = 16, component_gap = 32;
    float aspect = 1.6F;  // width to height that packing aims at
};

struct LayoutPoint {
    float x = 0, y = 0;
};

struct LayoutOutput {
    std::vector<LayoutPoint> nodes;               // left top of each
    std::vector<std::vector<LayoutPoint>> bends;  // of each edge, in its own direction: two a layer passed
    std::vector<std::size_t> layers;              // of each node, within its component
    float width = 0, height = 0;
};

inline constexpr std::size_t kBendsMax = 12;

LayoutOutput lay_out(const LayoutInput& input);

}  // namespace coroscope::views
