// The whole window, off screen, on synthetic data: what is drawn, what clicks and keys do, what a dump says.
//
// With COROSCOPE_PICTURES=FOLDER the pictures that the tests take are kept there.
#include "traces/analysis.h"
#include "views/pool_view.h"
#include "window_fixture.h"

namespace coroscope::app {
namespace {

TEST_F(WindowTest, every_view_and_theme_draws_a_picture) {
    views::FakeOptions options;
    options.deadlock = true;
    open(options);
    std::string script = "wait-for moment\nselect coroutine 4\n";
    for (const char* preset : {"overview", "latency", "memory", "waits", "stacks", "debug"}) {
        script += std::string("preset ") + preset + "\nscreenshot " + file(std::string(preset) + ".png") +
                  "\n";
    }
    script += "theme light\nscreenshot " + file("light.png") + "\ntheme contrast\nscreenshot " +
              file("contrast.png") + "\n";
    const base::Status ran = run(script);
    ASSERT_TRUE(ran.ok()) << ran.error().message;
    for (const char* name : {"overview", "latency", "memory", "waits", "stacks", "debug", "light", "contrast"})
        EXPECT_GT(std::filesystem::file_size(file(std::string(name) + ".png")), 10'000U) << name;
    const auto picture = platform_->picture();
    ASSERT_TRUE(picture.ok());
    EXPECT_EQ(picture->width, 1280);
    EXPECT_GT(colours_in(*picture), 50U);
}

TEST_F(WindowTest, the_heatmap_shows_as_many_cells_of_a_colour_as_there_are_slots_of_the_look) {
    views::FakeOptions options;
    options.swarm = 80'000;
    open(options);
    const nlohmann::json dumped = dump("wait-for moment\npreset memory\nkey m");
    const auto picture = platform_->picture();
    ASSERT_TRUE(picture.ok());
    const auto grid = loop_->main().workspace().published("pools.grid.2");
    ASSERT_TRUE(grid.has_value());
    // Cells are squares of whole pixels; ask one for its size.
    const auto cell = loop_->widget({"slot", "2", "1"});
    ASSERT_TRUE(cell.has_value());
    const auto side = static_cast<std::size_t>(cell->x1 - cell->x0);
    ASSERT_LT(side, 5U) << "no lines between cells at this size";
    const auto& pool = dumped["views"]["pools"]["pools"][2];
    const auto channel = pool["looks"]["on a channel"].get<std::size_t>();
    const views::CellPalette colours = views::PoolView::palette(*views::find_theme("dark"), views::PoolMode::kState);
    const std::uint32_t colour = colours[static_cast<std::size_t>(views::Look::kChannel)];
    const std::size_t drawn = pixels_of(*picture, colour) / (side * side);
    EXPECT_NEAR(static_cast<double>(drawn), static_cast<double>(channel), static_cast<double>(channel) * 0.01);
}

TEST_F(WindowTest, a_click_on_a_slot_selects_its_coroutine_everywhere) {
    open();
    const nlohmann::json dumped = dump("wait-for moment\npreset memory\nclick slot 2 2\nwait-for selected == 4");
    EXPECT_EQ(dumped["selection"]["coroutine"], 4);
    EXPECT_EQ(dumped["selection"]["name"], "slow consumer");
    EXPECT_EQ(dumped["selection"]["slot"]["slot"], 2);
    const auto names = dumped["widgets"].get<std::vector<std::string>>();
    EXPECT_NE(std::find(names.begin(), names.end(), "frame.3"), names.end()) << "its stack is shown";
    EXPECT_NE(std::find(names.begin(), names.end(), "row.4"), names.end()) << "its row is shown";
}

TEST_F(WindowTest, a_click_on_a_row_selects_and_keys_walk_on) {
    open();
    EXPECT_EQ(dump("wait-for moment\nclick row.3\nkey j\nkey j")["selection"]["coroutine"], 5);
    EXPECT_EQ(dump("key k")["selection"]["coroutine"], 4);
    EXPECT_EQ(dump("key ctrl+z")["selection"]["coroutine"], 5);
    EXPECT_TRUE(dump("key escape")["selection"].is_null());
}

TEST_F(WindowTest, what_is_typed_filters_the_table_and_is_no_shortcut) {
    open();
    const nlohmann::json dumped = dump("wait-for moment\nkey /\ntype slow\nkey m");
    EXPECT_EQ(dumped["views"]["coroutines"]["shown"], 1);
    EXPECT_EQ(dumped["views"]["coroutines"]["filter"], "slow");
    EXPECT_GT(dumped["visible"].size(), 1U) << "m maximises nothing while a field has the keyboard";
}

TEST_F(WindowTest, a_header_sorts) {
    open();
    const nlohmann::json down = dump("wait-for moment\nclick table.header.1");
    EXPECT_EQ(down["views"]["coroutines"]["sorted_by"], "id");
    EXPECT_TRUE(down["views"]["coroutines"]["descending"].get<bool>());
    EXPECT_EQ(down["views"]["coroutines"]["rows"][0]["id"], 1099);
}

TEST_F(WindowTest, the_dump_of_the_stack_view_is_what_the_command_line_prints) {
    open();
    const nlohmann::json dumped = dump("wait-for moment");
    EXPECT_EQ(dumped["views"]["stack"], traces::stacks_json(*session_, *session_->moment()));
}

TEST_F(WindowTest, names_that_come_late_are_waited_for) {
    views::FakeOptions options;
    options.late_names = true;
    open(options);
    const base::Status ran = run("wait-for moment\nselect coroutine 4\nscreenshot " + file("late.png"));
    EXPECT_TRUE(ran.ok());
    const views::View* stack = loop_->main().view("stack");
    EXPECT_FALSE(stack->busy());
}

TEST_F(WindowTest, the_time_bar_rewinds_a_recorded_session) {
    views::FakeOptions options;
    options.recorded = true;
    open(options);
    EXPECT_EQ(dump("wait-for moment\ntime 700ms\nwait-for time_ns == 700000000")["time_ns"], 700'000'000);
    const nlohmann::json clicked = dump("click time\nwait-for time_ns > 1400000000");
    EXPECT_NEAR(clicked["time_ns"].get<double>(), 1.5e9, 3e7) << "its middle is the middle of the recording";
}

TEST_F(WindowTest, the_key_sheet_lists_every_action_and_runs_one) {
    open();
    const nlohmann::json open_sheet = dump("wait-for moment\nkey ?");
    std::size_t listed = 0;
    for (const auto& name : open_sheet["widgets"])
        listed += name.get<std::string>().starts_with("action.");
    EXPECT_GT(listed, 20U);
    EXPECT_EQ(dump("type next theme\nkey enter")["theme"], "light");
}

TEST_F(WindowTest, without_a_session_the_start_page_says_what_can_be_done) {
    const nlohmann::json dumped = dump("screenshot " + file("start.png"));
    EXPECT_EQ(dumped["page"], "start");
    const auto names = dumped["widgets"].get<std::vector<std::string>>();
    for (const char* name : {"launch.program", "launch.arguments", "launch.environment", "launch.directory",
                             "launch.run", "open.path", "open.run"}) {
        EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
    }
}

TEST_F(WindowTest, a_program_that_cannot_be_launched_is_a_sentence_on_the_page) {
    const base::Status ran = run(
        "click launch.program\ntype /nonexistent/program\nclick launch.run\nwait-for moment timeout 5s\n");
    EXPECT_FALSE(ran.ok());
    EXPECT_NE(loop_->main().workspace().notice.find("/nonexistent/program"), std::string::npos);
}

TEST_F(WindowTest, a_script_that_asks_for_what_is_not_there_fails_with_its_line) {
    open();
    for (const auto& [script, why] : std::map<std::string, std::string>{
             {"view nothing", "there is no view 'nothing'"},
             {"preset nothing", "there is no preset 'nothing'"},
             {"theme nothing", "there is no theme 'nothing'"},
             {"wait-for moment\nselect coroutine 99999", "there is no coroutine '99999'"},
             {"wait-for moment\nselect slot 9 1", "there is no slot 1 in pool 9"},
             {"wait-for coroutines > 5000 timeout 50ms", "but coroutines is 1006"},
             {"expect status == exited", "but status is running"}}) {
        const base::Status ran = run(script);
        ASSERT_FALSE(ran.ok()) << script;
        EXPECT_NE(ran.error().message.find(why), std::string::npos) << ran.error().message;
        EXPECT_TRUE(ran.error().message.starts_with("test:")) << ran.error().message;
    }
}

TEST_F(WindowTest, an_unchanged_program_is_not_drawn_again) {
    open();
    const nlohmann::json first = dump("wait-for moment");
    const auto frames = [&] { return loop_->facts()["frames"].get<std::uint64_t>(); };
    const std::uint64_t before = frames();
    const base::Status ran = run("wait-for coroutines > 5000 timeout 500ms");
    EXPECT_FALSE(ran.ok());
    EXPECT_LE(frames() - before, 6U) << "waiting draws nothing";
}

TEST_F(WindowTest, an_unwritable_picture_is_said_in_one_sentence) {
    open();
    const base::Status ran = run("wait-for moment\nscreenshot /nonexistent/folder/a.png");
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(ran.error().code, base::ErrorCode::kIo);
    EXPECT_NE(ran.error().message.find("/nonexistent/folder/a.png"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::app
