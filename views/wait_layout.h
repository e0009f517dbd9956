// The picture of a wait graph: where its nodes stand, and which of its links are drawn as one line.
//
//   WaitGraph ─▶ nodes with the very same neighbours stand in one block ─▶ layered_layout of blocks and single nodes ─▶ members within blocks
//
// So 499 waiters of one channel that do not look alike are a block of some columns with one line to the channel, which says how many; and not a
// column of 30,000 pixels with a fan of lines. Who could wake more than kWakesFew boxes pulls none of them: its lines are `far`, for whoever
// points at one of their ends.
//
// Pure functions; any thread; 1000 nodes: some ten milliseconds. Tested in tests/unit/views/wait_layout_test.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "views/layered_layout.h"
#include "views/wait_model.h"

namespace coroscope::views {

inline constexpr std::size_t kBlockFew = 6;   // that many alike stand in a block
inline constexpr std::size_t kWakesFew = 24;  // lines that could wake, of one box

// A node, or a block of them, at scale 1.
struct WaitBox {
    float x = 0, y = 0, width = 0, height = 0;
};

struct WaitStroke {
    std::size_t from = 0, to = 0;  // boxes
    std::uint64_t count = 0;       // waits
    std::size_t links = 0;         // of the graph that it stands for
    std::string kind;
    bool could_wake = false, in_cycle = false;
    bool far = false;                      // drawn only for who points at one of its ends
    std::vector<LayoutPoint> bends = {};  // from left to right, as of its link in the layout's direction
};

struct WaitPicture {
    WaitGraph graph;
    std::vector<WaitBox> boxes;        // a node each, then the blocks
    std::vector<std::size_t> stands;   // of each node: the box that its lines begin at, its own or its block's
    std::vector<WaitStroke> strokes;
    std::size_t far_strokes = 0;
    float width = 0, height = 0;

    std::size_t blocks() const { return boxes.size() - graph.nodes.size(); }
};

WaitPicture lay_out_waits(WaitGraph graph);
// Where everything stands: {"boxes", "blocks", "strokes", "far"} by number.
nlohmann::json to_json(const WaitPicture& picture);

}  // namespace coroscope::views
