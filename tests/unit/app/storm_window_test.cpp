// Storms of sizes: each view alone and each preset, from one pixel to six million, with a frame or more at each, while something is selected.
//
// What a window manager would forbid comes where there is none, and ImGui asserts that nothing that can be clicked is empty. Longer storms with
// random inputs between: tests/e2e/monkey_test.py; with a real X server: tests/e2e/resize_storm_test.py.
#include <fmt/format.h>

#include "views/all_views.h"
#include "window_fixture.h"

namespace coroscope::app {
namespace {

struct Size {
    int width, height;
};
constexpr Size kSizes[] = {{1, 1}, {2, 900}, {1500, 2}, {17, 31}, {60, 44}, {200, 45}, {90, 500}, {479, 319}, {1280, 800}};

// The keys move what is selected; this one has words.
constexpr const char* kSelect = "select coroutine 4\n";

std::string storm() {
    std::string script;
    for (const Size& size : kSizes)
        script += fmt::format("resize {} {}\nkey down\n", size.width, size.height);
    return script;
}

// Where panels, tabs and bars are; what lies in the panels may have been scrolled.
nlohmann::json frame_of(const nlohmann::json& dumped) {
    nlohmann::json places;
    for (const auto& [name, place] : dumped["places"].items())
        if (name.starts_with("tab.") || name.starts_with("view.") || name.starts_with("split.")) places[name] = place;
    return places;
}

class StormTest : public WindowTest {
protected:
    void open_all_kinds() {
        views::FakeOptions options;
        options.deadlock = true;  // the sentence beside the graph
        open(options);
    }
};

TEST_F(StormTest, each_view_alone_survives_any_size) {
    open_all_kinds();
    ASSERT_TRUE(run("wait-for moment\nselect coroutine 4\nwait-for settled").ok());
    for (const views::ViewEntry& entry : views::all_views()) {
        SCOPED_TRACE(entry.name);
        const base::Status ran = run(fmt::format("view {}\n", entry.name));
        ASSERT_TRUE(ran.ok()) << ran.error().message;
        loop_->main().panels().maximise(entry.name);
        const base::Status stormed = run(storm() + kSelect);
        ASSERT_TRUE(stormed.ok()) << stormed.error().message;
        EXPECT_EQ(dump("")["visible"], nlohmann::json::array({entry.name}));
        loop_->main().panels().maximise(entry.name);
    }
}

TEST_F(StormTest, each_preset_survives_any_size_and_is_then_as_it_was) {
    open_all_kinds();
    ASSERT_TRUE(run("wait-for moment\nselect coroutine 4").ok());
    for (const views::Preset& preset : views::presets()) {
        SCOPED_TRACE(preset.name);
        const nlohmann::json before = dump(fmt::format("preset {}", preset.name)), after = dump("resize 3000 2000\n" + storm() + kSelect);
        EXPECT_EQ(after["layout"], before["layout"]);
        EXPECT_EQ(frame_of(after), frame_of(before));
    }
}

TEST_F(StormTest, start_page_key_sheet_and_palette_survive_any_size) {
    for (const char* key : {"escape", "?", "ctrl+p", "ctrl+shift+p"}) {
        const base::Status ran = run(fmt::format("key {}\n{}key escape\nkey escape\n", key, storm()));
        EXPECT_TRUE(ran.ok()) << key << ": " << ran.error().message;
    }
    open_all_kinds();
    ASSERT_TRUE(run("wait-for moment").ok());
    for (const char* key : {"?", "ctrl+p", "ctrl+shift+p", "ctrl+m"}) {
        const base::Status ran = run(fmt::format("key {}\n{}key escape\nkey escape\n", key, storm()));
        EXPECT_TRUE(ran.ok()) << key << ": " << ran.error().message;
    }
}

// As when it is dragged to another monitor and back.
TEST_F(StormTest, a_change_of_scale_makes_everything_anew_and_the_way_back_leaves_no_trace) {
    open_all_kinds();
    ASSERT_TRUE(run("wait-for moment\nselect coroutine 4\nwait-for settled").ok());
    const nlohmann::json once = dump("");
    const auto before = platform_->picture();
    const float font = loop_->main().workspace().fonts.text->FontSize;
    const nlohmann::json twice = dump("resize 2560 1600\nscale 2\nwait-for settled");
    EXPECT_EQ(loop_->main().workspace().scale, 2);
    EXPECT_NEAR(loop_->main().workspace().fonts.text->FontSize, 2 * font, 1);
    const auto large = platform_->picture();
    ASSERT_TRUE(large.ok());
    EXPECT_GT(colours_in(*large), 20U) << "the fonts' texture is there";
    int compared = 0;
    const nlohmann::json places = frame_of(once);
    for (const auto& [name, place] : places.items()) {
        if (!name.starts_with("view.")) continue;
        ASSERT_TRUE(twice["places"].contains(name)) << name;
        for (std::size_t i = 0; i < place.size(); ++i)
            EXPECT_NEAR(twice["places"][name][i].get<double>(), 2 * place[i].get<double>(), 6) << name;
        ++compared;
    }
    EXPECT_GT(compared, 2);
    EXPECT_EQ(frame_of(dump("scale 1\nresize 1280 800\nwait-for settled")), places);
    const auto after = platform_->picture();
    ASSERT_TRUE(before.ok() && after.ok());
    EXPECT_EQ(after->rgb, before->rgb);
}

}  // namespace
}  // namespace coroscope::app
