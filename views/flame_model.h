// Row model of the flame graph: stacks merged into a tree, the boxes of what is zoomed into, what a search finds.
//
// A child lies under its caller and takes the share of its width that it has of the caller's value; what ends in a frame itself is the room that
// its children leave. Siblings stand by value, the largest first, so that a picture does not depend on the order of the stacks.
//
// Pure functions; any thread. Tested in tests/unit/views/flame_model_test.cpp.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "traces/exports/stack_profile.h"

namespace coroscope::views {

// Of what a frame is: says its colour.
enum class FlameKind : std::uint8_t {
    kAll,      // the root of the tree
    kRoot,     // a spawn site and its coroutines' name
    kOwn,      // the program's own code
    kRuntime,  // CPrime's
    kLibrary,  // of another module than most frames, or of a system header
    kReason,   // why it waits
    kUnknown,  // frames that were not captured, addresses without a name
};
const char* flame_kind_name(FlameKind kind);  // "own code" …

struct FlameFrame {
    std::string name;
    std::string place;  // "parse.cpp:12", of one of its calls; "" = none is known
    std::string module;
    std::string site;  // of a root: "file:line", where its coroutines were spawned
    FlameKind kind = FlameKind::kAll;
    std::int64_t total = 0, self = 0;  // of what the tree counts
    std::int64_t count = 0;            // runs, waits, coroutines
    std::uint32_t parent = 0, depth = 0;
    std::int64_t begin = 0;  // where it lies: behind what is left of it, in the same unit as `total`
    std::vector<std::uint32_t> children;
};

struct FlameTree {
    std::vector<FlameFrame> frames;  // [0] = all; a frame comes before its children
    std::string unit;                // "nanoseconds" "bytes" "count"
    std::string counted;             // what `count` counts: "runs"
    std::uint32_t depth_most = 0;
};
// by_count: frames are as wide as their count.
FlameTree make_flame(const exports::StackProfile& profile, bool by_count);

// A box on the screen; x in pixels from the left edge. Frames too narrow to be seen stand together as one that is nobody.
struct FlameBox {
    static constexpr std::uint32_t kMerged = UINT32_MAX;
    std::uint32_t frame = kMerged;
    std::uint32_t row = 0;
    float x0 = 0, x1 = 0;
    std::uint32_t merged = 0;  // frames that it stands for, where it is nobody
    std::int64_t total = 0;
};
// What of the tree takes the whole width, in its unit: a frame's own stretch, or on the way from one to another something between.
struct FlameWindow {
    double begin = 0, end = 0;
    bool operator==(const FlameWindow&) const = default;
};
FlameWindow flame_window(const FlameTree& tree, std::uint32_t zoom);
// A part of the way; `share` 1 is there.
FlameWindow flame_between(FlameWindow from, FlameWindow to, double share);
// Boxes of a row do not overlap, none is narrower than a pixel. Whoever calls what takes the whole width is as wide.
std::vector<FlameBox> flame_boxes(const FlameTree& tree, FlameWindow window, float width);
// The same of a frame that is zoomed into.
std::vector<FlameBox> flame_boxes(const FlameTree& tree, std::uint32_t zoom, float width);

// Who stands behind a frame: "parser (parse.cpp:12)", the root of its stacks; "" of what lies above all roots.
std::string flame_root(const FlameTree& tree, std::uint32_t frame);
// Where they were spawned: "parse.cpp:12"; "" likewise.
std::string flame_site(const FlameTree& tree, std::uint32_t frame);

// Names from below the root of the tree to the frame, by which it is found in another tree.
std::vector<std::string> flame_path(const FlameTree& tree, std::uint32_t frame);

struct FlameFound {
    std::vector<bool> frames;  // by number; empty: nothing was looked for
    std::uint64_t matches = 0;
    double share = 0;  // of all: what lies in or under a frame that matches
};
// Letters count as equal in either case.
FlameFound find_in_flame(const FlameTree& tree, std::string_view text);

// "root;caller;callee VALUE", one line a stack: what lies in or under a frame, with its callers.
std::string flame_folded(const FlameTree& tree, std::uint32_t frame);
// "1.50 s", "12 runs": a value of the tree as people read it.
std::string flame_value_text(const FlameTree& tree, std::int64_t value);
// One line about a frame: name, place, total, self, count.
std::string flame_line(const FlameTree& tree, std::uint32_t frame);
// The frame next to one: by +1/-1 a sibling, its largest child, its caller.
enum class FlameStep : std::uint8_t { kIn, kOut, kNext, kPrevious };
std::uint32_t flame_step(const FlameTree& tree, std::uint32_t from, FlameStep step);

nlohmann::json to_json(const FlameTree& tree);

}  // namespace coroscope::views
