// app/saved_state: what is remembered from one start to the next.
#include "app/saved_state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace coroscope::app {
namespace {

class SavedStateTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("coroscope-saved-state-" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
        ::setenv("XDG_STATE_HOME", folder_.c_str(), 1);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path folder_;
};

TEST_F(SavedStateTest, survives_being_written_and_read) {
    SavedState state;
    state.theme = "light";
    state.layout = "t(pools)";
    state.remember_launch({"demo", {"--seconds", "3"}, {"A=b c"}, "/tmp"});
    state.remember_trace("/a/run.coro");
    state.muted_lints = {"deadlock channel:a", "stack-oversized"};
    ASSERT_TRUE(save_state(state).ok());
    const SavedState back = load_saved_state();
    EXPECT_EQ(back.theme, "light");
    EXPECT_EQ(back.layout, "t(pools)");
    ASSERT_EQ(back.launches.size(), 1U);
    EXPECT_EQ(back.launches[0].arguments, (std::vector<std::string>{"--seconds", "3"}));
    EXPECT_EQ(back.launches[0].environment, (std::vector<std::string>{"A=b c"}));
    EXPECT_EQ(back.traces, (std::vector<std::string>{"/a/run.coro"}));
    EXPECT_EQ(back.muted_lints, state.muted_lints);
}

TEST_F(SavedStateTest, a_missing_or_damaged_file_is_as_good_as_none) {
    EXPECT_TRUE(load_saved_state().launches.empty());
    std::filesystem::create_directories(folder_ / "coroscope");
    for (const char* text :
         {"", "{", "[]", "null", R"({"theme": 3, "launches": [1, {}], "traces": {"a": 1}})"}) {
        std::ofstream(saved_state_path()) << text;
        const SavedState state = load_saved_state();
        EXPECT_EQ(state.theme, "") << text;
        EXPECT_TRUE(state.traces.empty()) << text;
    }
}

TEST_F(SavedStateTest, the_newest_stands_first_once_and_old_ones_go) {
    SavedState state;
    for (int i = 0; i < 30; ++i)
        state.remember_trace("/t/" + std::to_string(i));
    EXPECT_EQ(state.traces.size(), SavedState::kRecentMax);
    EXPECT_EQ(state.traces.front(), "/t/29");
    state.remember_trace("/t/25");
    EXPECT_EQ(state.traces.front(), "/t/25");
    EXPECT_EQ(std::count(state.traces.begin(), state.traces.end(), "/t/25"), 1);
    state.remember_trace(state.traces.back());
    EXPECT_EQ(state.traces.size(), SavedState::kRecentMax);
}

TEST_F(SavedStateTest, only_traces_that_still_exist_are_listed) {
    const auto path = folder_ / "here.coro";
    std::ofstream(path) << "0123456789";
    SavedState state;
    state.remember_trace(path.string());
    state.remember_trace((folder_ / "gone.coro").string());
    const auto recent = recent_traces(state);
    ASSERT_EQ(recent.size(), 1U);
    EXPECT_EQ(recent[0].path, path.string());
    EXPECT_EQ(recent[0].bytes, 10);
}

}  // namespace
}  // namespace coroscope::app
