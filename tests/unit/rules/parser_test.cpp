// What rules are, and how mistakes in them are shown.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "traces/rules/lexer.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {
namespace {

std::shared_ptr<const Rule> parsed(const std::string& text) {
    auto rule = Rule::parse(text);
    EXPECT_TRUE(rule.ok()) << rule.error().message;
    return rule.ok() ? *rule : nullptr;
}

std::string mistake_in(const std::string& text) {
    auto rule = Rule::parse(text);
    if (rule.ok()) return "no mistake";
    EXPECT_EQ(rule.error().code, base::ErrorCode::kUsage);
    return rule.error().message;
}

TEST(Rules, a_rule_that_names_an_event_is_about_events) {
    for (const char* text :
         {"suspend", "suspend and site =~ \"parser\" and blocked_ns > 10ms", "event == channel-send",
          "cause == timer", "not exit", "spawn and channel[\"jobs\"].len == channel[\"jobs\"].cap",
          "time > 1s", "(loss)", "event.name == \"x\" and wake", "send or receive"}) {
        const auto rule = parsed(text);
        EXPECT_TRUE(rule->about_events()) << text;
        EXPECT_FALSE(rule->subject()) << text;
    }
}

TEST(Rules, a_rule_without_an_event_asks_for_state_of_each_object_of_a_kind_or_of_those_it_names) {
    const auto subject = [](const char* text) { return parsed(text)->subject(); };
    EXPECT_EQ(subject("coroutine.name =~ \"^conn\" and wait == receive"), Kind::kCoroutine);
    EXPECT_EQ(subject("blocked_ns > 1s"), Kind::kCoroutine);
    EXPECT_EQ(subject("channel.len == cap"), Kind::kChannel);
    EXPECT_EQ(subject("len == cap and channel.closed"), Kind::kChannel);
    EXPECT_EQ(subject("pool.free < 10"), Kind::kPool);
    EXPECT_EQ(subject("lock.waiting > 3 and kind == mutex"), Kind::kLock);
    EXPECT_EQ(subject("pool[small].free == 0"), std::nullopt);
    EXPECT_EQ(subject("channel[7].len == cap"), std::nullopt);
    EXPECT_EQ(subject("channel[\"jobs\"].len == channel[\"jobs\"].cap"), std::nullopt);
    EXPECT_EQ(subject("worker[0].state == idle"), std::nullopt);
    EXPECT_EQ(subject("coroutine.state == parked and channel[7].len == 0"), Kind::kCoroutine);
    // A reason that is called as an event is, right of a comparison, a reason.
    EXPECT_EQ(subject("coroutine.wait == signal"), Kind::kCoroutine);
}

TEST(Rules, what_is_asked_for_is_known_before_anything_is_evaluated) {
    const auto outcome = parsed("suspend and blocked_ns > 10ms");
    EXPECT_TRUE(outcome->needs_outcome());
    EXPECT_FALSE(outcome->needs_state());
    EXPECT_TRUE(outcome->may_match(wire::EventType::kSuspend));
    EXPECT_FALSE(outcome->may_match(wire::EventType::kWake));
    EXPECT_TRUE(parsed("spawn and pool[small].free == 0")->needs_state());
    EXPECT_FALSE(parsed("spawn and coroutine.name == \"x\"")->needs_state());
    EXPECT_TRUE(parsed("coroutine.blocked_ns > 1s")->changes_with_time());
    EXPECT_FALSE(parsed("coroutine.state == parked")->changes_with_time());
    const auto either = parsed("spawn or exit and not cancel");
    EXPECT_TRUE(either->may_match(wire::EventType::kSpawn));
    EXPECT_TRUE(either->may_match(wire::EventType::kExit));
    EXPECT_FALSE(either->may_match(wire::EventType::kCancel));
    const auto sent = parsed("event =~ \"^channel-(send|receive)\"");
    EXPECT_TRUE(sent->may_match(wire::EventType::kChannelReceive));
    EXPECT_FALSE(sent->may_match(wire::EventType::kChannelClose));
}

TEST(Rules, numbers_have_units_and_objects_are_named_once) {
    const auto rule = parsed(
        "coroutine.blocked_ns >= 1.5ms and high_water > 8KiB and channel['jobs'].len < "
        "channel[\"jobs\"].cap");
    ASSERT_EQ(rule->terms().size(), 3U);
    EXPECT_EQ(rule->terms()[0].right.constant, 1'500'000);
    EXPECT_EQ(rule->terms()[1].right.constant, 8192);
    ASSERT_EQ(rule->references().size(), 1U);
    EXPECT_EQ(rule->references()[0].text(), "channel[\"jobs\"]");
}

TEST(Rules, a_mistake_is_a_sentence_the_rule_and_a_caret_under_the_place) {
    EXPECT_EQ(mistake_in("suspend and blokced_ns > 10ms"),
              "there is no event and no field 'blokced_ns'; did you mean 'blocked_ns'?\n"
              "  suspend and blokced_ns > 10ms\n"
              "              ^");
    EXPECT_EQ(mistake_in("channel[\"a\nb\"]cap"),
              "a field was expected here, such as channel[\"a b\"].len\n"
              "  channel[\"a b\"]cap\n"
              "                ^");
    EXPECT_EQ(mistake_in("supsend"),
              "there is no event and no field 'supsend'; did you mean 'suspend'?\n"
              "  supsend\n"
              "  ^");
    EXPECT_EQ(mistake_in("channel[7].length == 3"),
              "a channel has no 'length'; did you mean 'len'? It has id, name, len, cap, senders, receivers, "
              "sent, received, closed\n"
              "  channel[7].length == 3\n"
              "             ^");
    EXPECT_EQ(mistake_in("coroutine.name == 7"),
              "coroutine.name is a text: a text in quotes was expected here\n"
              "  coroutine.name == 7\n"
              "                    ^");
    EXPECT_EQ(mistake_in("suspend and blocked_ns > \"long\""),
              "blocked_ns is a time and is never equal to a text\n"
              "  suspend and blocked_ns > \"long\"\n"
              "                           ^");
    EXPECT_EQ(mistake_in("pool[small].free > 10ms"),
              "pool.free is a number, and this is a time\n"
              "  pool[small].free > 10ms\n"
              "                     ^");
    EXPECT_EQ(mistake_in("coroutine.state == praked"),
              "coroutine.state is never 'praked'; did you mean 'parked'?\n"
              "  coroutine.state == praked\n"
              "                     ^");
    EXPECT_EQ(mistake_in("suspend and (site =~ \"a\" or exit"),
              "this ( is not closed\n"
              "  suspend and (site =~ \"a\" or exit\n"
              "              ^");
    EXPECT_EQ(mistake_in("site =~ \"(\""),
              "this is no regular expression: missing ): (\n"
              "  site =~ \"(\"\n"
              "          ^");
    // Columns are characters, not bytes.
    EXPECT_EQ(mistake_in("name == \"\u00e4\" ands"),
              "'and', 'or' or the end of the rule was expected here\n"
              "  name == \"\u00e4\" ands\n"
              "              ^");
}

TEST(Rules, every_kind_of_mistake_has_a_sentence_of_its_own) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "the rule is empty"},
        {"suspend and", "the rule ends where"},
        {"suspend suspend", "'and', 'or' or the end"},
        {"suspend)", "closes nothing"},
        {"suspend == 3", "is an event and stands by itself"},
        {"blocked_ns = 3", "a comparison is written =="},
        {"suspend & exit", "write 'and'"},
        {"suspend | exit", "write 'or'"},
        {"coroutine.blocked_ns", "a comparison was expected here"},
        {"coroutine.blocked_ns >", "a time was expected here"},
        {"coroutine.blocked_ns > 3x", "there is no unit 'x'"},
        {"coroutine.blocked_ns > 3KiB", "this is a size in bytes"},
        {"coroutine.high_water > 1.2.3", "is no number"},
        {"coroutine.name =~ x", "a regular expression in quotes"},
        {"coroutine.name < \"x\"", "is a text: ==, !=, =~ or !~"},
        {"coroutine.state > parked", "is a word: ==, !=, =~ or !~"},
        {"coroutine.id =~ \"1\"", "only texts and words match"},
        {"coroutine.name == \"x", "the quote that closes it is missing"},
        {"channel.closed == 3", "is true or false"},
        {"channel[jobs].len == 0", "names stand in quotes: channel[\"jobs\"]"},
        {"channel[].len == 0", "the number or name of a channel"},
        {"channel[7", "] was expected here"},
        {"channel[7] == 3", "a field was expected here, such as channel[7].len"},
        {"channel[7].", "a field of the channel was expected"},
        {"channel[1.5].len == 0", "is no number of a channel"},
        {"pool[tiny].free == 0", "there is no class 'tiny'"},
        {"worker[\"x\"].state == idle", "workers have no names"},
        {"channels.len == 0", "there is no kind of object 'channels'"},
        {"channel.len == 0 and pool.free == 0", "this rule asks of each channel"},
        {"channel[7].len == name", "channel.len is a number, and channel.name is a text"},
        {"channel[7].len == capacity", "a channel has no 'capacity'"},
        {"suspend and #", "no word of a rule begins like this"},
        {"and", "an event or a field was expected"},
    };
    for (const auto& [text, sentence] : cases) {
        const std::string message = mistake_in(text);
        EXPECT_NE(message.find(sentence), std::string::npos) << text << ": " << message;
        EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 2) << text << ": " << message;
        EXPECT_EQ(message.back(), '^') << text;
    }
}

TEST(Rules, length_nesting_terms_and_names_are_bounded) {
    EXPECT_NE(mistake_in(std::string(kRuleBytesMax + 1, ' ')).find("1000 characters at most"),
              std::string::npos);
    std::string nested = "exit";
    for (std::size_t i = 1; i < kNestingMax; ++i)
        nested = fmt::format("({})", nested);
    EXPECT_TRUE(Rule::parse(nested).ok());
    EXPECT_NE(mistake_in(std::string(500, '(')).find("nested 32 deep at most"), std::string::npos);
    EXPECT_NE(mistake_in(fmt::format("{:!>500}", "exit")).find("nested 32 deep at most"), std::string::npos);
    std::string many = "exit";
    for (std::size_t i = 1; i < kTermsMax; ++i)
        many += " or exit";
    EXPECT_TRUE(Rule::parse(many).ok());
    EXPECT_NE(mistake_in(many + " or exit").find("64 terms at most"), std::string::npos);
    std::string named = "channel[0].len == 0";
    for (std::size_t i = 1; i <= kReferencesMax; ++i)
        named += fmt::format(" or channel[{}].len == 0", i);
    EXPECT_NE(mistake_in(named).find("16 objects at most"), std::string::npos);
}

}  // namespace
}  // namespace coroscope::rules
