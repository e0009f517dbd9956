// See wait_layout.h.
#include "views/wait_layout.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "views/format.h"

namespace coroscope::views {
namespace {

// Sizes at scale 1. Titles are measured roughly (by their characters), for the layout runs off the frame, where no font may be asked.
constexpr float kNodeHeight = 44;
constexpr float kNodeWidthMin = 96, kNodeWidthMax = 220;
constexpr float kBlockPad = 10, kBlockGap = 10;
constexpr float kBlockAspect = 1.4F;  // width to height that a block aims at
constexpr float kLayerGap = 60;

// 7.2 and 6.3 units a letter are those of the title's and the detail's type.
LayoutInput::Size size_of(const WaitNode& node) {
    const std::size_t count = node.count > 1 ? format_count(node.count).size() + 2 : 0;
    const float title = static_cast<float>(node.title.size() + count) * 7.2F + 44;
    const float detail = static_cast<float>(node.detail.size()) * 6.3F + 40;
    return {std::clamp(std::max(title, detail), kNodeWidthMin, kNodeWidthMax), kNodeHeight};
}

// A link as one of its ends sees it: outgoing, the other end, kind, could wake.
using Seen = std::tuple<bool, std::size_t, std::string, bool>;

// Nodes that see the same, in order of their first one; members of a cycle stay by themselves.
std::vector<std::vector<std::size_t>> alike(const WaitGraph& graph) {
    std::vector<std::vector<Seen>> sees(graph.nodes.size());
    for (const WaitLink& link : graph.links) {
        sees[link.from].emplace_back(true, link.to, link.kind, link.could_wake);
        sees[link.to].emplace_back(false, link.from, link.kind, link.could_wake);
    }
    std::map<std::vector<Seen>, std::vector<std::size_t>> by_view;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (graph.nodes[i].in_cycle) continue;
        std::sort(sees[i].begin(), sees[i].end());
        by_view[std::move(sees[i])].push_back(i);
    }
    std::vector<std::vector<std::size_t>> groups;
    for (auto& [view, members] : by_view) {
        if (members.size() >= kBlockFew) groups.push_back(std::move(members));
    }
    std::sort(groups.begin(), groups.end());
    return groups;
}

// A block's members: columns of one width, filled from top to bottom.
struct Grid {
    std::size_t rows = 1;
    float cell = 0;
    WaitBox size;

    Grid(const std::vector<std::size_t>& members, const std::vector<LayoutInput::Size>& sizes) {
        for (const std::size_t member : members)
            cell = std::max(cell, sizes[member].width);
        const auto count = static_cast<float>(members.size());
        const float wide = cell + kBlockGap, high = kNodeHeight + kBlockGap;
        const float columns = std::max(1.0F, std::round(std::sqrt(count * high * kBlockAspect / wide)));
        rows = static_cast<std::size_t>(std::ceil(count / columns));
        const auto used = std::ceil(count / static_cast<float>(rows));
        size.width = used * wide - kBlockGap + 2 * kBlockPad;
        size.height = static_cast<float>(rows) * high - kBlockGap + 2 * kBlockPad;
    }
    LayoutPoint at(std::size_t place) const {
        return {kBlockPad + static_cast<float>(place / rows) * (cell + kBlockGap),
                kBlockPad + static_cast<float>(place % rows) * (kNodeHeight + kBlockGap)};
    }
};

// Links between the same boxes that mean the same are one stroke, in order of their first link.
std::vector<WaitStroke> strokes_of(const WaitGraph& graph, const std::vector<std::size_t>& stands) {
    std::map<std::tuple<std::size_t, std::size_t, std::string, bool>, std::size_t> known;
    std::vector<WaitStroke> strokes;
    for (const WaitLink& link : graph.links) {
        const std::size_t from = stands[link.from], to = stands[link.to];
        const auto [entry, added] = known.try_emplace({from, to, link.kind, link.could_wake}, strokes.size());
        if (added) strokes.push_back({from, to, 0, 0, link.kind, link.could_wake, false, false});
        WaitStroke& stroke = strokes[entry->second];
        stroke.count += link.count;
        ++stroke.links;
        stroke.in_cycle = stroke.in_cycle || link.in_cycle;
    }
    return strokes;
}

// Lines that could wake, of a box that has very many of them.
std::size_t mark_far(std::vector<WaitStroke>& strokes, std::size_t boxes) {
    std::vector<std::size_t> wakes(boxes, 0);
    for (const WaitStroke& stroke : strokes) {
        if (!stroke.could_wake) continue;
        ++wakes[stroke.from];
        ++wakes[stroke.to];
    }
    std::size_t count = 0;
    for (WaitStroke& stroke : strokes) {
        stroke.far = stroke.could_wake && !stroke.in_cycle && std::max(wakes[stroke.from], wakes[stroke.to]) > kWakesFew;
        count += stroke.far ? 1 : 0;
    }
    return count;
}

}  // namespace

WaitPicture lay_out_waits(WaitGraph graph) {
    WaitPicture picture;
    std::vector<LayoutInput::Size> sizes;
    for (const WaitNode& node : graph.nodes)
        sizes.push_back(size_of(node));
    const auto groups = alike(graph);
    picture.boxes.resize(graph.nodes.size() + groups.size());
    std::vector<Grid> grids;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        picture.stands.push_back(i);
        picture.boxes[i].width = sizes[i].width;
        picture.boxes[i].height = sizes[i].height;
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
        grids.emplace_back(groups[g], sizes);
        picture.boxes[graph.nodes.size() + g] = grids.back().size;
        for (const std::size_t member : groups[g]) {
            picture.stands[member] = graph.nodes.size() + g;
            picture.boxes[member].width = grids.back().cell;
        }
    }
    picture.strokes = strokes_of(graph, picture.stands);
    picture.far_strokes = mark_far(picture.strokes, picture.boxes.size());

    // Those who are laid out, in the order of the graph's nodes, a block at its first member's place.
    LayoutInput input;
    input.layer_gap = kLayerGap;
    constexpr std::size_t kNowhere = ~std::size_t{0};
    std::vector<std::size_t> place(picture.boxes.size(), kNowhere);
    for (const std::size_t box : picture.stands) {
        if (place[box] != kNowhere) continue;
        place[box] = input.nodes.size();
        input.nodes.push_back({picture.boxes[box].width, picture.boxes[box].height});
    }
    std::vector<std::size_t> laid;  // strokes that are edges of the layout
    for (std::size_t i = 0; i < picture.strokes.size(); ++i) {
        const WaitStroke& stroke = picture.strokes[i];
        if (stroke.far) continue;
        laid.push_back(i);
        const std::size_t left = stroke.could_wake ? stroke.to : stroke.from, right = stroke.could_wake ? stroke.from : stroke.to;
        input.edges.emplace_back(place[left], place[right]);
    }
    LayoutOutput layout = lay_out(input);
    for (std::size_t i = 0; i < laid.size(); ++i)
        picture.strokes[laid[i]].bends = std::move(layout.bends[i]);
    for (std::size_t box = 0; box < picture.boxes.size(); ++box) {
        if (place[box] == kNowhere) continue;
        picture.boxes[box].x = layout.nodes[place[box]].x;
        picture.boxes[box].y = layout.nodes[place[box]].y;
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
        const WaitBox& block = picture.boxes[graph.nodes.size() + g];
        for (std::size_t i = 0; i < groups[g].size(); ++i) {
            const LayoutPoint within = grids[g].at(i);
            picture.boxes[groups[g][i]].x = block.x + within.x;
            picture.boxes[groups[g][i]].y = block.y + within.y;
        }
    }
    picture.width = layout.width;
    picture.height = layout.height;
    picture.graph = std::move(graph);
    return picture;
}

nlohmann::json to_json(const WaitPicture& picture) {
    nlohmann::json strokes = nlohmann::json::array();
    for (const WaitStroke& stroke : picture.strokes) {
        strokes.push_back({{"from", stroke.from},   {"to", stroke.to},           {"count", stroke.count}, {"links", stroke.links},
                           {"kind", stroke.kind},   {"could_wake", stroke.could_wake}, {"far", stroke.far}});
    }
    return {{"boxes", picture.boxes.size()}, {"blocks", picture.blocks()},         {"strokes", std::move(strokes)},
            {"far", picture.far_strokes},    {"width", std::lround(picture.width)}, {"height", std::lround(picture.height)}};
}

}  // namespace coroscope::views
