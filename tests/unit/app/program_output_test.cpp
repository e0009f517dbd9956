// app/program_output: bytes of a program's output become lines.
#include "app/program_output.h"

#include <gtest/gtest.h>

namespace coroscope::app {
namespace {

std::vector<std::string> texts(ProgramOutput& output) {
    std::vector<std::string> all;
    for (const views::OutputLine& line : *output.lines())
        all.push_back((line.is_error ? "!" : "") + line.text);
    return all;
}

TEST(ProgramOutput, lines_may_arrive_in_pieces) {
    ProgramOutput output;
    output.append("one\ntw", false);
    EXPECT_EQ(texts(output), (std::vector<std::string>{"one", "tw"}));
    output.append("o\n", false);
    EXPECT_EQ(texts(output), (std::vector<std::string>{"one", "two"}));
}

TEST(ProgramOutput, pieces_of_stdout_and_stderr_do_not_mix) {
    ProgramOutput output;
    output.append("out", false);
    output.append("err\n", true);
    output.append("put\n", false);
    EXPECT_EQ(texts(output), (std::vector<std::string>{"!err", "output"}));
}

TEST(ProgramOutput, the_last_line_needs_no_end) {
    ProgramOutput output;
    output.append("last words", true);
    output.finish();
    EXPECT_EQ(texts(output), (std::vector<std::string>{"!last words"}));
}

TEST(ProgramOutput, escape_sequences_and_control_characters_do_not_reach_the_screen) {
    EXPECT_EQ(plain_text("\x1b[1;31mred\x1b[0m text"), "red text");
    EXPECT_EQ(plain_text("\x1b]0;title\x07rest"), "rest");
    EXPECT_EQ(plain_text("10 %\r100 %"), "100 %");
    EXPECT_EQ(plain_text("windows\r"), "windows");
    EXPECT_EQ(plain_text("a\tb"), "a       b");
    EXPECT_EQ(plain_text(std::string("a\0b\x1b", 4)), "ab");
}

TEST(ProgramOutput, old_lines_are_dropped_and_counted) {
    ProgramOutput output;
    std::string text;
    for (int i = 0; i < 20'000; ++i)
        text += std::to_string(i) + "\n";
    output.append(text, false);
    const auto lines = output.lines();
    EXPECT_LE(lines->size(), ProgramOutput::kLinesMax * 2);
    EXPECT_EQ(lines->size() + output.dropped(), 20'000U);
    EXPECT_EQ(lines->back().text, "19999");
}

TEST(ProgramOutput, a_line_without_end_cannot_grow_for_ever) {
    ProgramOutput output;
    for (int i = 0; i < 100; ++i)
        output.append(std::string(1000, 'x'), false);
    for (const views::OutputLine& line : *output.lines())
        EXPECT_LE(line.text.size(), 2 * ProgramOutput::kLineBytesMax + 1000);
}

TEST(ProgramOutput, the_snapshot_is_the_same_until_something_was_written) {
    ProgramOutput output;
    output.append("a\n", false);
    const auto first = output.lines();
    output.append("", false);
    EXPECT_EQ(output.lines(), first);
    output.append("b\n", false);
    EXPECT_NE(output.lines(), first);
    EXPECT_EQ(first->size(), 1U) << "whoever holds it sees no change";
}

}  // namespace
}  // namespace coroscope::app
