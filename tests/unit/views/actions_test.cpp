// views/actions: chords, and which action they reach.
#include "views/actions.h"

#include <gtest/gtest.h>

#include <set>

#include <imgui.h>

#include "views/main_window.h"

namespace coroscope::views {
namespace {

TEST(Chords, are_brought_into_one_form) {
    EXPECT_EQ(normal_chord("Ctrl+Shift+P"), "ctrl+shift+p");
    EXPECT_EQ(normal_chord("shift+CTRL+p"), "ctrl+shift+p");
    EXPECT_EQ(normal_chord("Esc"), "escape");
    EXPECT_EQ(normal_chord("?"), "?");
    EXPECT_EQ(normal_chord("+"), "+");
    EXPECT_EQ(normal_chord("ctrl++"), "ctrl++");
    EXPECT_EQ(normal_chord("a+b"), "");
    EXPECT_EQ(normal_chord("ctrl"), "");
    EXPECT_EQ(normal_chord(""), "");
}

TEST(Chords, are_shown_as_people_write_them) {
    EXPECT_EQ(chord_title("ctrl+shift+p"), "Ctrl+Shift+P");
    EXPECT_EQ(chord_title("left"), "←");
    EXPECT_EQ(chord_title("?"), "?");
    EXPECT_EQ(chord_title("f1"), "F1");
}

TEST(Actions, a_chord_runs_the_first_action_that_is_possible) {
    Actions actions;
    std::string ran;
    actions.add({"a", "A", "", {"x"}, [&] { ran += 'a'; }, [] { return false; }, false});
    actions.add({"b", "B", "", {"x"}, [&] { ran += 'b'; }, {}, false});
    EXPECT_TRUE(actions.press("x", false));
    EXPECT_FALSE(actions.press("y", false));
    EXPECT_EQ(ran, "b");
    EXPECT_FALSE(actions.run("a"));
    EXPECT_TRUE(actions.run("b"));
}

TEST(Actions, letters_belong_to_the_text_field_that_has_the_keyboard) {
    Actions actions;
    int ran = 0;
    actions.add({"a", "A", "", {"m"}, [&] { ++ran; }, {}, false});
    actions.add({"b", "B", "", {"ctrl+q"}, [&] { ++ran; }, {}, true});
    EXPECT_FALSE(actions.press("m", true));
    EXPECT_TRUE(actions.press("ctrl+q", true));
    EXPECT_EQ(ran, 1);
}

TEST(Actions, of_the_view_in_use_come_first_then_those_of_the_window) {
    Actions actions;
    std::string ran;
    bool possible = true;
    actions.add({"sizes.enter", "", "", {"enter", "x"}, [&] { ran = "sizes"; }, {}, false, "sizes"});
    actions.add({"enter", "", "", {"enter"}, [&] { ran = "window"; }, {}, false});
    actions.add({"flame.enter", "", "", {"enter"}, [&] { ran = "flame"; }, [&] { return possible; }, false, "flame"});
    EXPECT_TRUE(actions.press("enter", false, "flame"));
    EXPECT_EQ(ran, "flame");
    possible = false;
    EXPECT_TRUE(actions.press("enter", false, "flame"));
    EXPECT_EQ(ran, "window");
    EXPECT_TRUE(actions.press("enter", false, "sizes"));
    EXPECT_EQ(ran, "sizes");
    EXPECT_TRUE(actions.press("x", false, "flame"));
    EXPECT_EQ(ran, "sizes") << "where nobody else knows the chord";
}

TEST(Actions, of_the_window_have_a_key_each_and_no_key_twice) {
    ImGui::CreateContext();
    {
        MainWindow window([] {});
        std::set<std::pair<std::string, std::string>> chords;
        std::set<std::string> names;
        for (const Action& action : window.actions().all()) {
            EXPECT_FALSE(action.chords.empty()) << action.id;
            EXPECT_TRUE(names.insert(action.id).second) << action.id;
            for (const std::string& chord : action.chords) {
                EXPECT_EQ(normal_chord(chord), chord) << action.id;
                EXPECT_TRUE(chords.insert({action.view, chord}).second) << chord << " is used twice, by " << action.id;
            }
        }
    }
    ImGui::DestroyContext();
}

}  // namespace
}  // namespace coroscope::views
