// The flame graph's tree, boxes, search and text, of stacks that can be counted by hand.
#include "views/flame_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

exports::ProfileFrame frame(const char* function, const char* module = "/bin/demo") {
    return {function, "x.cpp", module, 7, 0x1000};
}

exports::StackRow row(std::vector<const char*> inwards, const char* reason, std::int64_t count, std::int64_t value) {
    exports::StackRow made;
    made.reason = reason;
    for (std::size_t i = inwards.size(); i-- > 1;)
        made.frames.push_back(frame(inwards[i]));
    made.frames.push_back({inwards[0], "", "", 0, 0});
    made.values = {count, value};
    return made;
}

exports::StackProfile profile() {
    exports::StackProfile made;
    made.names = {"waits", "blocked"};
    made.units = {"count", "nanoseconds"};
    made.rows = {row({"server (s.cpp:1)", "serve", "read"}, "descriptor", 3, 600),
                 row({"server (s.cpp:1)", "serve", "cprime::sleep"}, "sleep", 5, 300),
                 row({"client (c.cpp:1)", "ask"}, "channel-send", 1, 100)};
    made.rows[0].frames[0].module = "/lib/libc.so";
    return made;
}

std::uint32_t at(const FlameTree& tree, const char* name) {
    for (std::uint32_t i = 0; i < tree.frames.size(); ++i)
        if (tree.frames[i].name == name) return i;
    ADD_FAILURE() << name;
    return 0;
}

TEST(Flame, merges_stacks_from_their_roots_and_adds_up) {
    const FlameTree tree = make_flame(profile(), false);
    EXPECT_EQ(tree.frames[0].total, 1000);
    EXPECT_EQ(tree.frames[0].count, 9);
    EXPECT_EQ(tree.frames[at(tree, "serve")].total, 900);
    EXPECT_EQ(tree.frames[at(tree, "serve")].self, 0);
    EXPECT_EQ(tree.frames[at(tree, "[sleep]")].self, 300);
    for (std::uint32_t i = 0; i < tree.frames.size(); ++i) {
        std::int64_t sum = tree.frames[i].self;
        for (const std::uint32_t child : tree.frames[i].children) {
            EXPECT_GT(child, i);
            sum += tree.frames[child].total;
        }
        EXPECT_EQ(sum, tree.frames[i].total) << tree.frames[i].name;
    }
    EXPECT_EQ(make_flame(profile(), true).frames[0].total, 9);
}

TEST(Flame, says_of_what_a_frame_is) {
    const FlameTree tree = make_flame(profile(), false);
    const auto kind = [&](const char* name) { return tree.frames[at(tree, name)].kind; };
    EXPECT_EQ(kind("server (s.cpp:1)"), FlameKind::kRoot);
    EXPECT_EQ(kind("serve"), FlameKind::kOwn);
    EXPECT_EQ(kind("read"), FlameKind::kLibrary);
    EXPECT_EQ(kind("cprime::sleep"), FlameKind::kRuntime);
    EXPECT_EQ(kind("[descriptor]"), FlameKind::kReason);
}

TEST(Flame, boxes_of_a_row_do_not_overlap_and_lie_under_their_callers) {
    const FlameTree tree = make_flame(profile(), false);
    const auto boxes = flame_boxes(tree, 0, 1000);
    ASSERT_EQ(boxes.size(), tree.frames.size());
    for (const FlameBox& box : boxes) {
        EXPECT_FLOAT_EQ(box.x1 - box.x0, static_cast<float>(tree.frames[box.frame].total));
        if (box.frame == 0) continue;
        const auto caller = std::find_if(boxes.begin(), boxes.end(),
                                         [&](const FlameBox& other) { return other.frame == tree.frames[box.frame].parent; });
        EXPECT_GE(box.x0, caller->x0);
        EXPECT_LE(box.x1, caller->x1 + 0.01F);
        EXPECT_EQ(box.row, caller->row + 1);
    }
}

TEST(Flame, a_zoom_takes_the_whole_width_and_its_callers_stand_above) {
    const FlameTree tree = make_flame(profile(), false);
    const std::uint32_t zoom = at(tree, "cprime::sleep");
    const auto boxes = flame_boxes(tree, zoom, 500);
    EXPECT_EQ(boxes.size(), 5U);  // all, server, serve, sleep and its reason
    for (const FlameBox& box : boxes)
        EXPECT_FLOAT_EQ(box.x1 - box.x0, 500);
}

TEST(Flame, the_way_between_two_zooms_begins_at_one_and_ends_at_the_other) {
    const FlameWindow from = {0, 1000}, to = {200, 210};
    EXPECT_EQ(flame_between(from, to, 1), to);
    const FlameWindow begun = flame_between(from, to, 0);
    EXPECT_NEAR(begun.begin, from.begin, 1e-9);
    EXPECT_NEAR(begun.end, from.end, 1e-9);
    double before = from.end - from.begin;
    for (double share = 0.1; share < 1; share += 0.1) {
        const FlameWindow window = flame_between(from, to, share);
        EXPECT_LT(window.end - window.begin, before) << "closer and closer";
        EXPECT_LE(window.begin, to.begin);
        EXPECT_GE(window.end, to.end) << "what is gone to stays in sight";
        before = window.end - window.begin;
    }
    const FlameWindow aside = flame_between({0, 10}, {90, 100}, 0.5);
    EXPECT_NEAR(aside.begin, 45, 1e-6) << "as long as before: it slides";
}

TEST(Flame, what_is_narrower_than_a_pixel_stands_together) {
    exports::StackProfile narrow = profile();
    narrow.rows.clear();
    narrow.rows.push_back(row({"wide", "a"}, "", 1, 900));
    std::vector<std::string> names;
    for (int i = 0; i < 100; ++i)
        names.push_back("n" + std::to_string(i));
    for (const std::string& name : names)
        narrow.rows.push_back(row({name.c_str(), "b"}, "", 1, 1));
    const FlameTree tree = make_flame(narrow, false);
    const auto boxes = flame_boxes(tree, 0, 500);
    const auto merged = std::find_if(boxes.begin(), boxes.end(),
                                     [](const FlameBox& box) { return box.frame == FlameBox::kMerged; });
    ASSERT_NE(merged, boxes.end());
    EXPECT_EQ(merged->merged, 100U);
    EXPECT_EQ(merged->total, 100);
    EXPECT_FLOAT_EQ(merged->x1, 500);
    EXPECT_EQ(boxes.size(), 4U);
}

TEST(Flame, a_search_counts_nested_matches_once) {
    const FlameTree tree = make_flame(profile(), false);
    EXPECT_DOUBLE_EQ(find_in_flame(tree, "SERVE").share, 0.9);  // also "server", above it
    EXPECT_EQ(find_in_flame(tree, "serve").matches, 2U);
    EXPECT_DOUBLE_EQ(find_in_flame(tree, "ask").share, 0.1);
    EXPECT_EQ(find_in_flame(tree, "nobody").matches, 0U);
    EXPECT_TRUE(find_in_flame(tree, "").frames.empty());
}

TEST(Flame, is_copied_as_folded_lines) {
    const FlameTree tree = make_flame(profile(), false);
    EXPECT_EQ(flame_folded(tree, 0),
              "server (s.cpp:1);serve;read;[descriptor] 600\n"
              "server (s.cpp:1);serve;cprime::sleep;[sleep] 300\n"
              "client (c.cpp:1);ask;[channel-send] 100\n");
    EXPECT_EQ(flame_folded(tree, at(tree, "ask")), "client (c.cpp:1);ask;[channel-send] 100\n");
}

TEST(Flame, arrows_walk_through_the_frames) {
    const FlameTree tree = make_flame(profile(), false);
    const std::uint32_t server = at(tree, "server (s.cpp:1)"), client = at(tree, "client (c.cpp:1)");
    EXPECT_EQ(flame_step(tree, 0, FlameStep::kIn), server);
    EXPECT_EQ(flame_step(tree, server, FlameStep::kNext), client);
    EXPECT_EQ(flame_step(tree, client, FlameStep::kNext), client);
    EXPECT_EQ(flame_step(tree, client, FlameStep::kPrevious), server);
    EXPECT_EQ(flame_step(tree, server, FlameStep::kOut), 0U);
    EXPECT_NE(flame_line(tree, server).find("90.0 %"), std::string::npos) << flame_line(tree, server);
}

TEST(Flame, without_stacks_there_is_all_and_nothing_in_it) {
    exports::StackProfile nothing = profile();
    nothing.rows.clear();
    const FlameTree tree = make_flame(nothing, false);
    EXPECT_EQ(tree.frames.size(), 1U);
    EXPECT_TRUE(flame_boxes(tree, 0, 100).empty());
    EXPECT_EQ(flame_folded(tree, 0), "");
    EXPECT_EQ(to_json(tree)["frames"].size(), 1U);
}

}  // namespace
}  // namespace coroscope::views
