// views/notebook: bookmarks and where they are kept.
#include "views/notebook.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace coroscope::views {
namespace {

class NotebookTest : public testing::Test {
protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() / ("coroscope-notebook-" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string trace() const { return (folder_ / "run.coro").string(); }

    std::filesystem::path folder_;
};

TEST_F(NotebookTest, what_is_noted_is_there_when_the_trace_is_opened_again) {
    Notebook notes;
    ASSERT_TRUE(notes.open(trace()).ok());
    EXPECT_TRUE(notes.put({2'000, 7, "late"}).ok());
    EXPECT_TRUE(notes.put({1'000, 0, "begins \"here\""}).ok());
    Notebook again;
    ASSERT_TRUE(again.open(trace()).ok());
    EXPECT_EQ(again.all(), (std::vector<Bookmark>{{1'000, 0, "begins \"here\""}, {2'000, 7, "late"}}));
    EXPECT_EQ(again.path(), trace() + ".notes");
}

TEST_F(NotebookTest, a_second_note_at_a_time_replaces_the_first_and_removing_removes) {
    Notebook notes;
    ASSERT_TRUE(notes.open(trace()).ok());
    EXPECT_TRUE(notes.put({5, 0, "one"}).ok());
    EXPECT_TRUE(notes.put({5, 0, "two"}).ok());
    EXPECT_TRUE(notes.put({5, 3, "of another"}).ok());
    ASSERT_EQ(notes.all().size(), 2U);
    EXPECT_EQ(notes.all()[0].note, "two");
    EXPECT_TRUE(notes.remove(0).ok());
    Notebook again;
    ASSERT_TRUE(again.open(trace()).ok());
    EXPECT_EQ(again.all(), (std::vector<Bookmark>{{5, 3, "of another"}}));
}

TEST_F(NotebookTest, the_next_and_the_last_one_are_found_from_any_time) {
    Notebook notes;
    for (const traces::TimeNs t : {10, 20, 30})
        EXPECT_TRUE(notes.put({t, 0, ""}).ok());
    EXPECT_EQ(notes.after(10), 1U);
    EXPECT_EQ(notes.before(10), std::nullopt);
    EXPECT_EQ(notes.before(25), 1U);
    EXPECT_EQ(notes.after(30), std::nullopt);
}

TEST_F(NotebookTest, notes_of_a_running_program_move_to_the_trace_that_is_saved_of_it) {
    Notebook notes;
    ASSERT_TRUE(notes.open("").ok());
    EXPECT_TRUE(notes.put({10, 0, "seen live"}).ok());
    EXPECT_EQ(notes.path(), "");
    ASSERT_TRUE(notes.move_to(trace()).ok());
    Notebook again;
    ASSERT_TRUE(again.open(trace()).ok());
    EXPECT_EQ(again.all().size(), 1U);
}

TEST_F(NotebookTest, damaged_notes_are_said_and_never_written_over) {
    for (const char* text : {"", "{", "[]", R"({"bookmarks": 3})"}) {
        std::ofstream(trace() + ".notes") << text;
        Notebook notes;
        const auto opened = notes.open(trace());
        ASSERT_FALSE(opened.ok()) << text;
        EXPECT_NE(opened.error().message.find("run.coro.notes"), std::string::npos);
        EXPECT_FALSE(notes.put({1, 0, "new"}).ok());
        std::ifstream file(trace() + ".notes");
        EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
    }
    std::ofstream(trace() + ".notes") << R"({"bookmarks": [3, {"note": "no time"}, {"time_ns": 5, "coroutine": -1, "note": 7}]})";
    Notebook notes;
    ASSERT_TRUE(notes.open(trace()).ok());
    EXPECT_EQ(notes.all(), (std::vector<Bookmark>{{5, 0, ""}})) << "what is no bookmark is left out";
}

TEST_F(NotebookTest, a_folder_that_takes_nothing_is_an_error_that_names_the_file) {
    Notebook notes;
    ASSERT_TRUE(notes.open("/nonexistent/folder/run.coro").ok());
    const auto put = notes.put({1, 0, "kept"});
    ASSERT_FALSE(put.ok());
    EXPECT_NE(put.error().message.find("/nonexistent/folder/run.coro.notes"), std::string::npos);
    EXPECT_EQ(notes.all().size(), 1U) << "it is remembered all the same";
}

}  // namespace
}  // namespace coroscope::views
