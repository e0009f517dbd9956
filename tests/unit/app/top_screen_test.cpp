// The screen of `coroscope top`: what fits, what is cut, and what a name cannot do.
#include "app/top/top_screen.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace coroscope::app {
namespace {

TopTable table() {
    TopTable made;
    made.title = "demo (4711)";
    made.status = "running";
    made.t_ns = 12'300'000'000;
    made.live = true;
    made.coroutines = 104;
    made.states = {{"parked", 100}, {"ready", 3}, {"running", 1}};
    made.workers = {{0, "running", "fork", 0.5, 3}, {1, "parked", "", 0, 0}};
    for (int i = 0; i < 40; ++i) {
        TopSite site;
        site.site = "/src/site.cpp:" + std::to_string(i);
        site.name = "fork";
        site.coroutines = 2;
        site.running_share = 0.25;
        site.why = "mutex mutex:fork";
        site.why_count = 2;
        made.sites.push_back(site);
        made.channels.push_back({"channel:" + std::to_string(i), 1, 1, 8, 0, 0, 0, kNotMeasured});
    }
    made.pools = {{"small", "ordinary", 100, 512, 120}};
    return made;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

std::size_t columns_of(const std::string& line) {
    return static_cast<std::size_t>(std::count_if(
        line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

TEST(TopScreen, every_size_is_filled_and_never_overrun) {
    for (const auto& [columns, rows] : {std::pair{80, 24}, {132, 50}, {40, 12}, {20, 5}, {3, 2}, {1, 1}}) {
        TopLook look;
        look.columns = columns;
        look.rows = rows;
        const std::vector<std::string> lines = lines_of(top_lines(table(), look));
        EXPECT_EQ(lines.size(), static_cast<std::size_t>(rows));
        for (const std::string& line : lines)
            EXPECT_LE(columns_of(line), static_cast<std::size_t>(columns)) << line;
    }
}

TEST(TopScreen, at_80_by_24_there_is_something_of_everything) {
    TopLook look;
    const std::string text = top_lines(table(), look);
    for (const char* word : {"demo (4711)", "up 12.3 s", "104 coroutines", "100 parked", "50 %",
                             "small 100/512", "fork site.cpp:0", "channel:0", "q quit"})
        EXPECT_NE(text.find(word), std::string::npos) << word << "\n" << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(TopScreen, scrolling_ends_with_the_last_site) {
    TopLook look;
    look.first = 1000;
    const std::string text = top_lines(table(), look);
    EXPECT_NE(text.find("site.cpp:39"), std::string::npos);
    EXPECT_LT(look.first, 40U);
    EXPECT_GT(look.first, 20U);
}

TEST(TopScreen, colours_are_there_when_wanted_and_take_no_room) {
    TopLook plain, coloured;
    coloured.colour = true;
    std::string text = top_lines(table(), coloured);
    EXPECT_NE(text.find("\x1b[7m"), std::string::npos);
    for (std::size_t at = text.find('\x1b'); at != std::string::npos; at = text.find('\x1b'))
        text.erase(at, text.find('m', at) + 1 - at);
    EXPECT_EQ(text, top_lines(table(), plain));
}

TEST(TopScreen, as_text_nothing_is_cut) {
    TopLook look;
    look.rows = 0;
    const std::string text = top_lines(table(), look);
    EXPECT_NE(text.find("site.cpp:39"), std::string::npos);
    EXPECT_NE(text.find("channel:39"), std::string::npos);
    EXPECT_EQ(text.find("q quit"), std::string::npos);
}

TEST(TopScreen, a_name_cannot_move_the_cursor) {
    EXPECT_EQ(printable("a\x1b[2Jb\n\x7f"), "a?[2Jb??");
    EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(printable("\xc2\x9b"
                        "2J"),
              "?2J");                        // a control sequence in two bytes
    EXPECT_EQ(printable("\xff\xc3"), "??");  // no UTF-8, and a letter that is cut short
    TopTable evil = table();
    evil.title = evil.sites[0].name = evil.sites[0].why = evil.channels[0].name = "\x1b]0;owned\x07";
    TopLook look;
    EXPECT_EQ(top_lines(evil, look).find('\x1b'), std::string::npos);
}

TEST(TopScreen, what_does_not_fit_ends_with_a_mark) {
    EXPECT_EQ(fitted("abcdef", 4), "abc~");
    EXPECT_EQ(fitted("gr\xc3\xbc\xc3\x9f"
                     "e",
                     4),
              "gr\xc3\xbc~");
    EXPECT_EQ(fitted("ab", 4), "ab  ");
    EXPECT_EQ(fitted("ab", 4, false), "ab");
    EXPECT_EQ(fitted("ab", 0), "");
}

}  // namespace
}  // namespace coroscope::app
