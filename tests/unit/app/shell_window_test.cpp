// The window around the views, off screen: panels rearranged by mouse and by key, the palette, the one filter, pins, bookmarks, sizes.
#include "app/saved_state.h"
#include "window_fixture.h"

namespace coroscope::app {
namespace {

bool shows(const nlohmann::json& dumped, const std::string& widget) {
    const auto names = dumped["widgets"].get<std::vector<std::string>>();
    return std::find(names.begin(), names.end(), widget) != names.end();
}

bool sees(const nlohmann::json& dumped, const std::string& view) {
    const auto names = dumped["visible"].get<std::vector<std::string>>();
    return std::find(names.begin(), names.end(), view) != names.end();
}

constexpr const char* kTwo = "h(50,t(coroutines,output),t(stack,pools))";

class ShellTest : public WindowTest {
protected:
    void arrange(const char* layout) { loop_->main().panels().set(std::move(views::parse_layout(layout)).value()); }
};

TEST_F(ShellTest, a_tab_is_dragged_to_another_panel_and_to_an_edge) {
    open();
    arrange(kTwo);
    EXPECT_EQ(dump("wait-for moment\ndrag tab.output view.stack")["layout"], "h(50,t(coroutines),t(stack,pools,*output))");
    EXPECT_EQ(dump("drag tab.output view.coroutines below")["layout"], "h(50,v(50,t(coroutines),t(output)),t(stack,*pools))");
    EXPECT_EQ(dump("drag tab.coroutines view.pools")["layout"], "h(50,t(output),t(stack,pools,*coroutines))");
    EXPECT_EQ(dump("preset overview")["layout"], "h(50,t(output),t(stack,pools,*coroutines))") << "as it was left";
    const nlohmann::json made = dump("key ctrl+shift+r");
    EXPECT_TRUE(sees(made, "coroutines") && sees(made, "pools") && sees(made, "stack") && sees(made, "overview"));
}

TEST_F(ShellTest, a_bar_between_panels_is_dragged_and_remembered_with_its_preset) {
    open();
    const std::string made = dump("wait-for moment\npreset memory")["layout"].get<std::string>();
    const std::string other = dump("drag split.0 view.pools")["layout"].get<std::string>();
    EXPECT_NE(made, other);
    EXPECT_EQ(dump("preset overview\npreset memory")["layout"], other);
    EXPECT_EQ(loop_->main().arranged().at("memory"), other);
    EXPECT_EQ(dump("key ctrl+shift+r")["layout"], made);
}

TEST_F(ShellTest, keys_do_what_the_mouse_does_to_panels) {
    open();
    arrange(kTwo);
    dump("wait-for moment\nclick tab.coroutines");
    EXPECT_TRUE(sees(dump("key ctrl+tab"), "output"));
    EXPECT_TRUE(sees(dump("key ctrl+shift+tab"), "coroutines"));
    EXPECT_EQ(dump("key ctrl+shift+down")["layout"], "h(50,v(50,t(output),t(coroutines)),t(stack,pools))");
    EXPECT_EQ(dump("key ctrl+f4")["layout"], "h(50,t(output),t(stack,pools))");
    EXPECT_TRUE(sees(dump("key 1"), "coroutines")) << "its key brings it back";
    EXPECT_TRUE(sees(dump("click tab.stack\nkey ctrl+m\nkey down\nkey enter"), "pools"));
}

TEST_F(ShellTest, tabs_without_room_stand_in_a_menu) {
    open();
    arrange("h(12,t(coroutines,output,messages,locks,selects,workers),t(stack))");
    const nlohmann::json narrow = dump("wait-for moment");
    EXPECT_TRUE(shows(narrow, "tabs.more.coroutines"));
    EXPECT_TRUE(shows(narrow, "tab.coroutines"));
    EXPECT_FALSE(shows(narrow, "tab.workers"));
    const nlohmann::json opened = dump("click tabs.more.coroutines");
    for (const char* view : {"coroutines", "output", "messages", "locks", "selects", "workers"})
        EXPECT_TRUE(shows(opened, std::string("more.") + view)) << view;
    const nlohmann::json chosen = dump("click more.workers");
    EXPECT_TRUE(sees(chosen, "workers"));
    EXPECT_TRUE(shows(chosen, "tab.workers")) << "what is in front has a tab";
    EXPECT_FALSE(shows(chosen, "more.output"));
}

TEST_F(ShellTest, the_palette_runs_what_is_found) {
    open();
    const nlohmann::json typed = dump("wait-for moment\nkey ctrl+shift+p\ntype arr mem");
    ASSERT_FALSE(typed["palette"].is_null());
    EXPECT_EQ(typed["palette"]["hits"][0]["title"], "Arrange: Memory");
    EXPECT_EQ(typed["palette"]["hits"][0]["keys"], "F3");
    const nlohmann::json run = dump("key enter");
    EXPECT_EQ(run["preset"], "memory");
    EXPECT_TRUE(run["palette"].is_null());
    EXPECT_TRUE(dump("key ctrl+shift+p\nkey escape")["palette"].is_null());
    EXPECT_EQ(dump("key ctrl+shift+p\ntype next theme\nclick palette.0")["theme"], "light");
}

TEST_F(ShellTest, the_omnibox_goes_to_coroutines_channels_times_and_filters) {
    views::FakeOptions options;
    options.recorded = true;
    open(options);
    EXPECT_EQ(dump("wait-for moment\nkey ctrl+p\ntype slow\nkey enter")["selection"]["coroutine"], 4);
    EXPECT_EQ(dump("key ctrl+p\ntype channel:rows\nkey enter")["selection"]["channel"], "channel:rows");
    EXPECT_EQ(dump("key ctrl+p\ntype 700ms\nkey enter\nwait-for time_ns == 700000000")["time_ns"], 700'000'000);
    const nlohmann::json filtered = dump("key ctrl+p\ntype slow\nwait-for settled\nkey up\nkey enter");
    EXPECT_EQ(filtered["facts"]["filter"], "slow") << "the last line filters";
}

TEST_F(ShellTest, many_chords_between_two_frames_are_all_heard) {
    open();
    dump("wait-for moment\nwait-for settled");
    views::MainWindow& window = loop_->main();
    for (int i = 0; i < 20; ++i)
        window.press("j");
    EXPECT_EQ(dump("")["selection"]["coroutine"], views::kFakeSwarmFirst + 13) << "the first one selects, each other goes on by one";
    // The palette, what is typed into it and Enter, before it was ever drawn.
    window.press("ctrl+shift+p");
    for (const char c : std::string("memory")) {
        ImGui::GetIO().AddInputCharacter(static_cast<unsigned>(c));
        window.press(std::string(1, c));
    }
    window.press("enter");
    const nlohmann::json after = dump("");
    EXPECT_EQ(after["preset"], "memory");
    EXPECT_TRUE(window.panels().maximised().empty()) << "m was a letter";
}

TEST_F(ShellTest, the_filter_narrows_down_every_view_and_a_chip_takes_it_away) {
    open();
    dump("wait-for moment\nkey /\ntype slow\nkey enter");
    const nlohmann::json one = dump("wait-for matching == 1\npreset waits");
    EXPECT_TRUE(shows(one, "chip.filter"));
    EXPECT_EQ(one["views"]["coroutines"]["shown"], 1);
    EXPECT_EQ(one["views"]["waits"]["waiting"], 1);
    std::int64_t passing = 0;
    const nlohmann::json memory = dump("preset memory");
    for (const auto& pool : memory["views"]["pools"]["pools"])
        passing += pool["passing"].get<std::int64_t>();
    EXPECT_EQ(passing, 1);
    const nlohmann::json all = dump("click chip.filter.close\npreset waits");
    EXPECT_EQ(all["facts"]["filter"], "");
    EXPECT_GT(all["views"]["coroutines"]["shown"].get<int>(), 900);
    EXPECT_FALSE(shows(all, "chip.filter"));
}

TEST_F(ShellTest, escape_takes_back_the_selection_then_the_range_then_the_filter) {
    open();
    dump("wait-for moment\nselect coroutine 4");
    views::Workspace& ws = loop_->main().workspace();
    ws.filter = "swarm";
    ws.select_range(views::TimeRange{100, 900});
    const nlohmann::json with = dump("wait-for settled");
    EXPECT_TRUE(shows(with, "chip.range"));
    EXPECT_TRUE(dump("key escape")["selection"].is_null());
    EXPECT_EQ(ws.selection().range, (views::TimeRange{100, 900}));
    dump("key escape");
    EXPECT_FALSE(ws.selection().range.has_value());
    EXPECT_EQ(ws.filter, "swarm");
    dump("key escape");
    EXPECT_EQ(ws.filter, "");
}

TEST_F(ShellTest, a_pinned_coroutine_stands_first_and_stays_whatever_the_filter_says) {
    open();
    dump("wait-for moment\nselect coroutine 900\nkey ctrl+d");
    const nlohmann::json pinned = dump("key escape");
    EXPECT_EQ(pinned["views"]["coroutines"]["rows"][0]["id"], 900);
    EXPECT_TRUE(shows(pinned, "chip.pin.900"));
    loop_->main().workspace().filter = "slow";
    const nlohmann::json both = dump("wait-for matching == 1");
    EXPECT_EQ(both["views"]["coroutines"]["shown"], 2);
    EXPECT_EQ(dump("click chip.pin.900")["selection"]["coroutine"], 900);
    EXPECT_EQ(dump("click chip.pin.900.close")["views"]["coroutines"]["shown"], 1);
}

TEST_F(ShellTest, whom_the_mouse_is_over_is_lit_in_the_other_views) {
    open();
    EXPECT_EQ(dump("wait-for moment\npreset memory\nhover row.4")["facts"]["hovered"], 4);
    EXPECT_EQ(dump("hover slot 2 1")["facts"]["hovered"], 3);
    EXPECT_EQ(dump("hover time")["facts"]["hovered"], 0);
}

TEST_F(ShellTest, every_view_of_the_moment_marks_whom_the_mouse_is_over_in_another) {
    open();
    const auto lit_in = [&](const std::string& script, const std::string& prefix) {
        const nlohmann::json shown = dump(script);
        for (const auto& name : shown["lit"]) {
            if (name.get<std::string>().starts_with(prefix)) return true;
        }
        return false;
    };
    dump("wait-for moment\npreset memory\nwait-for settled");
    EXPECT_TRUE(lit_in("hover row.4", "pools.grid."));
    EXPECT_TRUE(lit_in("hover slot 2 1", "row.3"));
    dump("preset waits\nwait-for settled");
    EXPECT_TRUE(lit_in("hover row.4", "waits.node."));
    EXPECT_FALSE(lit_in("hover time", "waits.node.")) << "nobody is under the mouse";
    // Channels have their tab behind that of the table: out of there.
    dump("view channels\nwait-for settled\ndrag tab.channels tab.stack\nview coroutines\nwait-for settled");
    EXPECT_TRUE(lit_in("hover row.4", "channels.row."));
    dump("view timers\nwait-for settled");
    EXPECT_TRUE(lit_in("hover timers.row.0", "timers.row.0"));
}

TEST_F(ShellTest, the_plain_wheel_zooms_where_that_is_chosen) {
    open();
    const auto cell = [&](const std::string& script) {
        const auto rect = [&] {
            dump(script);
            return *loop_->main().workspace().published("pools.grid.2");
        }();
        return (rect.x1 - rect.x0) * (rect.y1 - rect.y0);
    };
    views::Workspace& ws = loop_->main().workspace();
    const float before = cell("wait-for moment\npreset memory\nview pools\nwait-for settled\nclick pools.smaller");
    EXPECT_EQ(cell("wheel pools.grid.2 1"), before) << "it scrolls";
    EXPECT_GT(cell("wheel pools.grid.2 1 ctrl"), before);
    const float larger = cell("wait-for settled");
    ws.tracy_mouse = true;
    EXPECT_EQ(cell("wheel pools.grid.2 -1 ctrl"), larger) << "with Ctrl it scrolls";
    EXPECT_LT(cell("wheel pools.grid.2 -1"), larger);
}

TEST_F(ShellTest, a_bookmark_takes_a_note_and_is_gone_back_to) {
    views::FakeOptions options;
    options.recorded = true;
    open(options);
    const nlohmann::json asked = dump("wait-for moment\ntime 700ms\nwait-for time_ns == 700000000\nselect coroutine 4\nkey shift+b");
    EXPECT_EQ(asked["palette"]["question"], "Note at 0.700 s, of coroutine 4");
    dump("type slow from here\nkey enter\nwait-for bookmarks == 1\nselect none\ntime 900ms\nwait-for time_ns == 900000000");
    const nlohmann::json back = dump("key alt+,\nwait-for time_ns == 700000000\nview notes");
    EXPECT_EQ(back["selection"]["coroutine"], 4);
    EXPECT_EQ(back["views"]["notes"]["bookmarks"][0]["note"], "slow from here");
    EXPECT_EQ(dump("click notes.remove.0")["facts"]["bookmarks"], 0);
}

TEST_F(ShellTest, the_rows_of_the_view_in_use_are_copied_as_lines_with_tabs) {
    open();
    loop_->main().workspace().filter = "slow";
    dump("wait-for matching == 1\nwait-for settled\nclick tab.coroutines\nkey ctrl+shift+c");
    const std::string table = ImGui::GetClipboardText();
    EXPECT_TRUE(table.starts_with("state\tid\tname\t")) << table;
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2) << table;
    EXPECT_NE(table.find("\t4\tslow consumer\t"), std::string::npos) << table;
    dump("view locks\nclick tab.locks\nkey ctrl+shift+c");
    EXPECT_NE(std::string(ImGui::GetClipboardText()), table);
}

TEST_F(ShellTest, everything_grows_by_a_key_and_goes_back) {
    open();
    dump("wait-for moment\nkey ctrl+=\nkey ctrl+=");
    EXPECT_NEAR(loop_->main().workspace().scale, 1.2F, 0.01F);
    EXPECT_TRUE(dump("view settings\nclick settings.zoom.2")["views"]["settings"]["zoom"] == 1.0);
    EXPECT_NEAR(loop_->main().workspace().scale, 1, 0.01F);
}

TEST_F(ShellTest, a_picture_is_written_beside_where_the_program_was_started) {
    open();
    const auto here = std::filesystem::current_path();
    std::filesystem::current_path(folder_);
    const nlohmann::json taken = dump("wait-for moment\nkey f12");
    std::filesystem::current_path(here);
    EXPECT_GT(std::filesystem::file_size(file("coroscope-1.png")), 10'000U);
    EXPECT_NE(taken["said"].get<std::string>().find("coroscope-1.png"), std::string::npos);
}

TEST_F(ShellTest, what_was_rearranged_is_there_at_the_next_start) {
    open();
    dump("wait-for moment\npreset debug\nclick tab.stack\nkey ctrl+f4\nkey ctrl+=\nkey ctrl+shift+t");
    const std::string layout = loop_->main().panels().layout_text();
    loop_->save();
    WindowLoop next(*platform_, *views::find_theme("dark"));
    EXPECT_EQ(next.main().panels().layout_text(), layout);
    EXPECT_EQ(next.main().preset(), "debug");
    EXPECT_NEAR(next.main().zoom(), 1.1F, 0.001F);
    EXPECT_TRUE(next.main().workspace().tracy_mouse);
    next.main().use_preset("overview");
    next.main().use_preset("debug");
    EXPECT_EQ(next.main().panels().layout_text(), layout);
}

TEST_F(ShellTest, help_tells_every_action) {
    open();
    const nlohmann::json shown = dump("wait-for moment\nkey ctrl+h");
    EXPECT_EQ(shown["views"]["help"]["actions"], loop_->main().actions().all().size());
    EXPECT_GT(shown["views"]["help"]["words"].size(), 5U);
}

}  // namespace
}  // namespace coroscope::app
