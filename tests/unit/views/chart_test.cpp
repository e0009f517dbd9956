// Time on the screen: ticks, which parts a column of pixels stands for, and what the mouse does to the time and the range.
#include "views/chart.h"

#include <gtest/gtest.h>

#include "fake_session.h"

namespace coroscope::views {
namespace {

TEST(TimeAxis, ticks_are_round_and_lie_in_the_axis) {
    EXPECT_EQ(time_ticks(0, 2'000'000'000, 4), (std::vector<traces::TimeNs>{0, 500'000'000, 1'000'000'000, 1'500'000'000, 2'000'000'000}));
    EXPECT_EQ(time_ticks(1'234'567, 1'934'567, 8).front(), 1'300'000);
    for (const traces::TimeNs span : {7LL, 1'234LL, 88'000'000LL, 3'600'000'000'000LL}) {
        const auto ticks = time_ticks(1'000, 1'000 + span, 6);
        ASSERT_FALSE(ticks.empty()) << span;
        EXPECT_LE(ticks.size(), 7U);
        EXPECT_GE(ticks.front(), 1'000);
        EXPECT_LE(ticks.back(), 1'000 + span);
    }
    EXPECT_TRUE(time_ticks(5, 5, 6).empty());
}

TEST(TimeAxis, a_tick_says_as_many_digits_as_tell_it_from_its_neighbour) {
    EXPECT_EQ(tick_text(1'500'000'000, 500'000'000), "1.5 s");
    EXPECT_EQ(tick_text(2'000'000'000, 1'000'000'000), "2 s");
    EXPECT_EQ(tick_text(1'500'000'000, 20'000'000), "1.50 s");
    EXPECT_EQ(tick_text(1'500'000, 100'000), "1.5 ms");
    EXPECT_EQ(tick_text(1'700, 100), "1.7 µs");
}

TEST(TimeAxis, places_and_times_are_each_others_inverse) {
    const TimeAxis axis{1'000'000'000, 3'000'000'000, 100, 1100};
    EXPECT_EQ(axis.x_of(2'000'000'000), 600);
    EXPECT_EQ(axis.time_at(600), 2'000'000'000);
    EXPECT_EQ(axis.time_at(-50), 1'000'000'000);
    EXPECT_EQ(axis.x_of(9'000'000'000), 1100);
}

TEST(Chart, every_part_has_a_column_and_every_column_a_part) {
    for (const auto& [pixels, parts] : {std::pair<std::size_t, std::size_t>{100, 240}, {240, 240}, {1000, 7}, {1, 5}}) {
        std::vector<bool> seen(parts);
        for (std::size_t x = 0; x < pixels; ++x) {
            const PartsOfColumn column = columns_of(x, pixels, parts);
            ASSERT_LT(column.first, column.last);
            ASSERT_LE(column.last, parts);
            for (std::size_t i = column.first; i < column.last; ++i)
                seen[i] = true;
        }
        EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0) << pixels << " pixels, " << parts << " parts";
    }
}

// Frames with a mouse, over one chart of a session.
class ChartMouse : public testing::Test {
protected:
    ChartMouse() : ws_([] {}) {
        ImGui::CreateContext();
        ImGui::GetIO().IniFilename = nullptr;
        ImGui::GetIO().DisplaySize = {1200, 300};
        ws_.theme = find_theme("dark");
        ws_.fonts = load_fonts(1);
        unsigned char* pixels = nullptr;
        int width = 0, height = 0;
        ImGui::GetIO().Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
        session_ = std::make_shared<FakeSession>(FakeOptions{});
        ws_.open(session_);
        frame(50, false);
    }
    ~ChartMouse() override {
        ws_.open(nullptr);
        ImGui::DestroyContext();
    }
    std::optional<traces::TimeNs> frame(float x, bool down) {
        ws_.begin_widgets();
        ImGui::GetIO().MousePos = {x, 100};
        ImGui::GetIO().MouseDown[0] = down;
        ImGui::NewFrame();
        ImGui::SetNextWindowPos({0, 0});
        ImGui::SetNextWindowSize({1200, 300});
        ImGui::Begin("chart", nullptr, ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove);
        const auto hovered = time_input(ws_, "chart", axis_, {100, 50, 1100, 150});
        ImGui::End();
        ImGui::Render();
        return hovered;
    }

    Workspace ws_;
    std::shared_ptr<FakeSession> session_;
    const TimeAxis axis_{0, 2'000'000'000, 100, 1100};
};

TEST_F(ChartMouse, a_click_goes_to_its_time) {
    frame(350, false);
    frame(350, true);
    frame(351, false);
    EXPECT_EQ(session_->time(), axis_.time_at(351));
    EXPECT_FALSE(ws_.selection().range.has_value());
}

TEST_F(ChartMouse, a_drag_selects_a_range_whichever_way_it_goes) {
    frame(700, false);
    frame(700, true);
    frame(500, true);
    frame(300, true);
    frame(300, false);
    ASSERT_TRUE(ws_.selection().range.has_value());
    EXPECT_EQ(ws_.selection().range->begin, axis_.time_at(300));
    EXPECT_EQ(ws_.selection().range->end, axis_.time_at(700));
    EXPECT_FALSE(session_->time().has_value());
}

TEST_F(ChartMouse, what_lies_under_the_mouse_is_a_time_and_beside_the_chart_nothing) {
    frame(600, false);
    EXPECT_EQ(frame(600, false), axis_.time_at(600));
    frame(20, false);
    EXPECT_FALSE(frame(20, false).has_value());
}

}  // namespace
}  // namespace coroscope::views
