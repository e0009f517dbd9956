// The split tree: which panels the window shows and where, as text that can be read, saved and typed.
//
//   h(40,v(60,t(coroutines),t(pools)),t(stack,waits))
//     h(P,A,B)  A left of B, A takes P percent        v(P,A,B)  A above B
//     t(a,b,..) tabs; the first that is marked with * (or the first) is in front: t(stack,*waits)
//
// Invariants: every name occurs at most once; shares stay within 10..90; a tree has at least one tab.
// Pure data; the frame's thread. Tested in tests/unit/views/layout_test.cpp; changed by layout_edit.h, drawn by panels.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/result.h"

namespace coroscope::views {

// Splits within splits.
inline constexpr int kLayoutDepthMax = 8;

struct LayoutNode {
    enum class Kind { kBeside, kAbove, kTabs };
    Kind kind = Kind::kTabs;
    float share = 0.5F;                         // of the first child
    std::unique_ptr<LayoutNode> first, second;  // of splits
    std::vector<std::string> tabs;              // view names
    std::size_t front = 0;
};

// Errors: kUsage with what is wrong and where.
base::Result<std::unique_ptr<LayoutNode>> parse_layout(std::string_view text);
std::string to_text(const LayoutNode& node);
// The leaf that holds a view; nullptr when none does.
LayoutNode* find_leaf(LayoutNode& node, std::string_view view);
// Names of the views in front, left to right, top to bottom.
std::vector<std::string> visible_views(const LayoutNode& node);

// A named arrangement. Views that a window does not have are left out of it (Panels::set).
struct Preset {
    const char* name;   // "overview"
    const char* title;  // "Overview"
    const char* key;    // that arranges so
    const char* layout;
};
const std::vector<Preset>& presets();
const Preset* find_preset(std::string_view name);

}  // namespace coroscope::views
