// app/script: commands, conditions and their errors.
#include "app/script.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace coroscope::app {
namespace {

std::vector<ScriptCommand> parse(const std::string& text) {
    auto parsed = parse_script(text, "s");
    EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
    return parsed.ok() ? std::move(parsed).value() : std::vector<ScriptCommand>();
}

std::string refusal(const std::string& text) {
    const auto parsed = parse_script(text, "my.script");
    EXPECT_FALSE(parsed.ok()) << text;
    if (parsed.ok()) return {};
    EXPECT_EQ(parsed.error().code, base::ErrorCode::kUsage);
    return parsed.error().message;
}

TEST(Script, commands_stand_one_a_line_with_comments_and_quotes) {
    const auto commands = parse(
        "# a comment\n\nview pools\n  select slot 2 17\nscreenshot 'a b.png'\r\nquit");
    ASSERT_EQ(commands.size(), 4U);
    EXPECT_EQ(commands[0].word, ScriptWord::kView);
    EXPECT_EQ(commands[0].line, 3);
    EXPECT_EQ(commands[1].arguments, (std::vector<std::string>{"slot", "2", "17"}));
    EXPECT_EQ(commands[2].arguments[0], "a b.png");
    EXPECT_EQ(commands[3].word, ScriptWord::kQuit);
}

TEST(Script, an_unknown_word_is_named_with_its_place) {
    EXPECT_EQ(refusal("view pools\nfly away\n"), "my.script:2: there is no command 'fly'");
}

TEST(Script, a_wrong_number_of_words_says_how_it_is_written) {
    EXPECT_EQ(refusal("view"), "my.script:1: write: view NAME");
    EXPECT_EQ(refusal("quit now"), "my.script:1: write: quit");
    EXPECT_NE(refusal("select slot 2").find("select coroutine ID"), std::string::npos);
    EXPECT_NE(refusal("select slot two 3").find("slot POOL N"), std::string::npos);
    EXPECT_NE(refusal("resize 10 wide").find("two numbers of pixels"), std::string::npos);
    EXPECT_NE(refusal("resize 10 99999").find("two numbers of pixels"), std::string::npos);
    EXPECT_NE(refusal("scale twice").find("a factor from 0.5 to 8"), std::string::npos);
    EXPECT_NE(refusal("scale 9").find("a factor from 0.5 to 8"), std::string::npos);
    EXPECT_EQ(parse("scale 1.5")[0].shares, std::vector<double>{1.5});
    EXPECT_NE(refusal("attach me").find("number of a process"), std::string::npos);
}

TEST(Script, times_have_units) {
    EXPECT_EQ(parse("time 1500ms")[0].number, 1'500'000'000);
    EXPECT_EQ(parse("time 1.5s")[0].number, 1'500'000'000);
    EXPECT_EQ(parse("time 42ns")[0].number, 42);
    EXPECT_EQ(parse("time end")[0].number, -1);
    EXPECT_NE(refusal("time soon").find("no time"), std::string::npos);
}

TEST(Script, a_wait_has_a_condition_and_a_time_out) {
    const auto commands = parse(
        "wait-for coroutines > 100 timeout 5s\nwait-for moment\nwait-for states.parked>=7");
    EXPECT_EQ(commands[0].number, 5'000'000'000);
    EXPECT_EQ(commands[0].condition.name, "coroutines");
    EXPECT_EQ(commands[0].condition.comparison, Condition::Comparison::kGreater);
    EXPECT_EQ(commands[0].condition.value, "100");
    EXPECT_EQ(commands[1].condition.value, "true");
    EXPECT_EQ(commands[1].number, 30'000'000'000);
    EXPECT_EQ(commands[2].condition.name, "states.parked");
    EXPECT_EQ(commands[2].condition.comparison, Condition::Comparison::kAtLeast);
    EXPECT_NE(refusal("wait-for coroutines 100").find("no condition"), std::string::npos);
    EXPECT_NE(refusal("wait-for > 3").find("no condition"), std::string::npos);
}

TEST(Script, a_drag_within_a_widget_and_the_wheel_have_numbers) {
    const auto commands = parse("drag timeline.lanes 0.25 0.5 1 0\ndrag a b left\nwheel timeline.lanes -3 ctrl\ndrag a 0 0 1 1 middle");
    ASSERT_EQ(commands.size(), 4U);
    EXPECT_EQ(commands[0].shares, (std::vector<double>{0.25, 0.5, 1, 0}));
    EXPECT_TRUE(commands[1].shares.empty());
    EXPECT_EQ(commands[2].shares, std::vector<double>{-3});
    EXPECT_EQ(commands[3].arguments.back(), "middle");
    EXPECT_NE(refusal("drag a 0 0 1 2").find("0 to 1"), std::string::npos);
    EXPECT_NE(refusal("drag a 0 0 1").find("write: drag"), std::string::npos);
    EXPECT_NE(refusal("drag a 0 0 1 1 sideways").find("write: drag"), std::string::npos);
    EXPECT_NE(refusal("wheel a up").find("write: wheel"), std::string::npos);
    EXPECT_NE(refusal("wheel a 1 alt").find("write: wheel"), std::string::npos);
}

TEST(Script, chords_are_checked) {
    EXPECT_EQ(parse("key Ctrl+Shift+P")[0].arguments[0], "ctrl+shift+p");
    EXPECT_NE(refusal("key ctrl").find("chord"), std::string::npos);
}

TEST(Condition, compares_numbers_as_numbers_and_words_as_words) {
    const nlohmann::json facts = {{"coroutines", 99}, {"rate", 1.5}, {"status", "exited"}, {"moment", true}};
    const auto check = [&](const std::string& text) {
        const auto commands = parse("expect " + text);
        return !commands.empty() && holds(commands[0].condition, facts, nullptr);
    };
    EXPECT_TRUE(check("coroutines < 100"));
    EXPECT_FALSE(check("coroutines > 100"));
    EXPECT_TRUE(check("coroutines == 99"));
    EXPECT_TRUE(check("rate >= 1.5"));
    EXPECT_TRUE(check("rate<=1.5"));
    EXPECT_TRUE(check("status == exited"));
    EXPECT_TRUE(check("status != running"));
    EXPECT_TRUE(check("moment"));
    EXPECT_FALSE(check("moment == false"));
}

TEST(Condition, a_fact_that_is_not_there_is_never_equal_to_anything) {
    const nlohmann::json facts = nlohmann::json::object();
    std::string now;
    EXPECT_FALSE(holds(parse("expect torn == 0")[0].condition, facts, &now));
    EXPECT_EQ(now, "not known");
    EXPECT_FALSE(holds(parse("expect torn < 1")[0].condition, facts, nullptr));
    EXPECT_TRUE(holds(parse("expect torn != 0")[0].condition, facts, nullptr));
}

}  // namespace
}  // namespace coroscope::app
