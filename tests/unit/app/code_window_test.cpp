// The code view and the stack words view in the whole window, off screen, on synthetic data: what clicks and keys do to both and to the stack view.
#include <algorithm>

#include "window_fixture.h"

namespace coroscope::app {
namespace {

class CodeWindow : public WindowTest {
protected:
    // The slow consumer's stack, code and words.
    nlohmann::json shown(const std::string& script = "") {
        return dump("wait-for moment\npreset debug\nselect coroutine 4\nwait-for settled\n" + script);
    }
    static bool has(const nlohmann::json& dumped, const std::string& widget) {
        const auto names = dumped["widgets"].get<std::vector<std::string>>();
        return std::find(names.begin(), names.end(), widget) != names.end();
    }
};

TEST_F(CodeWindow, the_frame_stands_in_the_call_before_its_pc) {
    open();
    const nlohmann::json code = shown("click frame.0")["views"]["code"];
    ASSERT_EQ(code["rows"].size(), 15U);
    EXPECT_TRUE(code["rows"][7]["here"].get<bool>());
    EXPECT_TRUE(code["rows"][8]["resumes"].get<bool>());
    EXPECT_NE(code["rows"][7]["note"].get<std::string>().find("parked in here"), std::string::npos);
    EXPECT_EQ(code["cursor"], 7);
    EXPECT_EQ(code["jumps"].size(), 2U);
    EXPECT_EQ(code["lanes"], 2);
}

TEST_F(CodeWindow, keys_walk_over_instructions_and_lines_follow_a_jump_and_change_what_is_shown) {
    open();
    EXPECT_EQ(shown("key n\nkey n")["views"]["code"]["cursor"], 9);
    EXPECT_EQ(dump("key t")["views"]["code"]["cursor"], 11) << "a jump within the function leads to its row";
    EXPECT_EQ(dump("key shift+n")["views"]["code"]["cursor"], 10);
    EXPECT_EQ(dump("key s")["views"]["code"]["cursor"], 12) << "lines are two instructions each";
    EXPECT_EQ(dump("key shift+s")["views"]["code"]["cursor"], 10);
    EXPECT_EQ(dump("key i")["views"]["code"]["mode"], "instructions");
    EXPECT_EQ(dump("key i")["views"]["code"]["mode"], "source");
    EXPECT_EQ(dump("key i\nkey b")["views"]["code"]["mode"], "both");
}

TEST_F(CodeWindow, a_call_is_followed_and_left_again) {
    open();
    EXPECT_EQ(shown("click frame.0\nwait-for settled\nkey t")["views"]["code"]["followed"], 1);
    const nlohmann::json there = dump("expect moment");
    EXPECT_TRUE(has(there, "code.back"));
    EXPECT_EQ(dump("click code.back")["views"]["code"]["followed"], 0);
}

TEST_F(CodeWindow, a_click_on_a_line_of_source_leads_to_its_instructions_and_back) {
    open();
    nlohmann::json dumped = shown("click code.row.12\nwait-for settled");
    EXPECT_EQ(dumped["views"]["code"]["cursor"], 12);
    ASSERT_TRUE(has(dumped, "code.line.62")) << "the source has been scrolled there";
    dumped = dump("click code.line.58");
    EXPECT_EQ(dumped["views"]["code"]["cursor"], 8);
}

TEST_F(CodeWindow, the_stack_view_shows_code_unless_the_code_view_does) {
    open();
    EXPECT_TRUE(has(dump("wait-for moment\npreset overview\nselect coroutine 4"), "code.0"));
    const nlohmann::json debug = dump("preset debug");
    EXPECT_TRUE(has(debug, "frame.3"));
    EXPECT_FALSE(debug["views"]["code"].is_null());
}

TEST_F(CodeWindow, a_word_selects_its_frame_and_keys_select_more) {
    open();
    const nlohmann::json words = shown("view words\nkey m")["views"]["words"];
    std::size_t row = 0;
    while (row < words["rows"].size() && words["rows"][row].value("role", "") != "saved rbx")
        ++row;
    while (row < words["rows"].size() && words["rows"][row].value("frame", -1) != 1)
        ++row;
    ASSERT_LT(row, words["rows"].size());
    const nlohmann::json clicked = dump("click words.row." + std::to_string(row + 1));
    EXPECT_EQ(clicked["selection"]["frame"], 1) << "the function of level 1";
    const nlohmann::json more = dump("key shift+alt+down\nkey shift+alt+down");
    EXPECT_EQ(more["views"]["words"]["selected_rows"], (nlohmann::json{row + 1, row + 3}));
    const auto merged = more["views"]["words"]["rows"].size();
    EXPECT_GT(dump("key x")["views"]["words"]["rows"].size(), merged);
}

TEST_F(CodeWindow, the_selected_words_are_copied_as_text) {
    open();
    shown("view words\nkey m\nkey alt+down\nkey shift+alt+down\nkey ctrl+shift+w");
    const std::string text = ImGui::GetClipboardText();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_NE(text.find("saved registers"), std::string::npos) << text;
    shown("key ctrl+shift+y");
    EXPECT_NE(std::string(ImGui::GetClipboardText()).find("cprime_park"), std::string::npos);
}

TEST_F(CodeWindow, where_there_are_no_words_it_is_said) {
    views::FakeOptions options;
    options.recorded = true;
    open(options);
    EXPECT_NE(shown()["views"]["words"]["problem"].get<std::string>().find("not saved in traces"),
              std::string::npos);
}

TEST_F(CodeWindow, a_source_that_is_nowhere_is_said_with_the_way_out) {
    open();
    ASSERT_TRUE(loop_->main().workspace().sources.add("runtime/switch=/nonexistent/place").ok());
    const nlohmann::json code = shown("click frame.3")["views"]["code"];
    const std::string problem = code["source"]["problem"];
    for (const char* word :
         {"/nonexistent/place/trampoline.cpp", "runtime/switch/trampoline.cpp", "--source-map"})
        EXPECT_NE(problem.find(word), std::string::npos) << problem;
}

}  // namespace
}  // namespace coroscope::app
