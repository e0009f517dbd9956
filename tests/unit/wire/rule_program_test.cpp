// What is believed of a message that carries a rule: everything about a good one, nothing about any other.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/rule_program.h"

namespace coroscope::wire {
namespace {

RuleInstruction op(RuleOp which) {
    RuleInstruction one{};
    one.op = which;
    return one;
}
RuleInstruction word(std::uint8_t term) {
    RuleInstruction one = op(RuleOp::kWord);
    one.left = RuleField::kEventType;
    one.left_object = kRuleSubject;
    one.term = term;
    one.codes[0] = 1U << 10;
    return one;
}
RuleInstruction length(std::uint8_t term, std::uint8_t channel) {
    RuleInstruction one = op(RuleOp::kCompare);
    one.left = RuleField::kChannelLength;
    one.left_object = channel;
    one.right = RuleField::kChannelCapacity;
    one.right_object = channel;
    one.term = term;
    return one;
}
RuleInstruction site(std::uint8_t term) {
    RuleInstruction one = op(RuleOp::kName);
    one.left = RuleField::kEventSite;
    one.left_object = kRuleSubject;
    one.term = term;
    return one;
}

// suspend and site of a set and not channel[3].len == cap
RuleProgram good() {
    RuleProgram program;
    program.head.count = 1;
    program.head.types[0] = 1U << static_cast<unsigned>(EventType::kSuspend);
    program.instructions = {word(0),      site(1),          op(RuleOp::kAnd),
                            length(2, 0), op(RuleOp::kNot), op(RuleOp::kAnd)};
    program.references = {{RuleKind::kChannel, {}, 3, 77}};
    program.names = {{0, 40, 2, 2, 100, 0}};
    program.words = {0xffffffff, 1, 10, 99};
    return program;
}

bool accepted(const RuleProgram& program) {
    return parse_rules(program.bytes()).has_value();
}

TEST(rule_program, comes_out_of_its_message_as_it_went_in) {
    const auto parsed = parse_rules(good().bytes());
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->bytes(), good().bytes());
    EXPECT_EQ(parsed->instructions.size(), 6U);
    EXPECT_TRUE(parsed->looks_at(EventType::kSuspend));
    EXPECT_FALSE(parsed->looks_at(EventType::kResume));
    EXPECT_EQ(parsed->categories(), kCategoryCoroutine);
    EXPECT_FALSE(parsed->needs_stamps());
}

TEST(rule_program, a_message_without_instructions_takes_a_rule_away) {
    const auto parsed = parse_rules(RuleProgram{}.bytes());
    ASSERT_TRUE(parsed.has_value());
    EXPECT_TRUE(parsed->instructions.empty());
    RuleProgram with_words;
    with_words.words = {1};
    EXPECT_FALSE(accepted(with_words));
}

TEST(rule_program, no_part_of_a_message_is_a_message) {
    const std::vector<std::byte> whole = good().bytes();
    for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
        EXPECT_FALSE(parse_rules(std::span(whole).first(bytes)).has_value()) << bytes;
    std::vector<std::byte> longer = whole;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(parse_rules(longer).has_value());
}

TEST(rule_program, each_wrong_value_is_refused) {
    const std::function<void(RuleProgram&)> wrongs[] = {
        [](RuleProgram& p) { p.head.count = 0; },
        [](RuleProgram& p) { p.head.flags = 1U << 5; },
        [](RuleProgram& p) { p.head.action = static_cast<RuleAction>(2); },
        [](RuleProgram& p) { p.head.types[0] = 0; },
        [](RuleProgram& p) { p.head.types[0] |= 1; },                       // PAD
        [](RuleProgram& p) { p.head.types[1] |= std::uint64_t{1} << 63; },  // no such event
        [](RuleProgram& p) { p.instructions[0].op = static_cast<RuleOp>(0); },
        [](RuleProgram& p) { p.instructions[0].op = static_cast<RuleOp>(7); },
        [](RuleProgram& p) { p.instructions[0].left = RuleField::kNothing; },
        [](RuleProgram& p) { p.instructions[0].left = static_cast<RuleField>(kRuleFieldsCount); },
        [](RuleProgram& p) { p.instructions[0].left = RuleField::kEventId; },  // a number is no word
        [](RuleProgram& p) { p.instructions[0].left_object = 0; },             // a channel is no event
        [](RuleProgram& p) { p.instructions[0].term = kRuleTermsMax; },
        [](RuleProgram& p) { p.instructions[0].term = 1; },  // another one's
        [](RuleProgram& p) { p.instructions[1].names = 1; },
        [](RuleProgram& p) { p.instructions[3].compare = static_cast<RuleCompare>(6); },
        [](RuleProgram& p) { p.instructions[3].constant = std::numeric_limits<double>::quiet_NaN(); },
        [](RuleProgram& p) { p.instructions[3].right = RuleField::kLockName; },
        [](RuleProgram& p) { p.instructions[3].left_object = 1; },
        [](RuleProgram& p) { p.references[0].kind = RuleKind::kLock; },
        [](RuleProgram& p) { p.references[0].kind = static_cast<RuleKind>(6); },
        [](RuleProgram& p) { p.references[0].index = kChannelsMax; },
        [](RuleProgram& p) { p.names[0].sites_known = 200; },
        [](RuleProgram& p) { p.names[0].sites_first = 4; },
        [](RuleProgram& p) { p.names[0].sites_first = 0xffffffff; },
        [](RuleProgram& p) { p.names[0].strings_first = 3; },
        [](RuleProgram& p) { p.names[0].strings_count = 0xffffffff; },
        [](RuleProgram& p) { p.names[0].strings_known = 99; },
        [](RuleProgram& p) { p.names[0].unnamed = 2; },
        [](RuleProgram& p) { std::swap(p.words[2], p.words[3]); },
        [](RuleProgram& p) { p.words[3] = p.words[2]; },
        [](RuleProgram& p) { p.instructions.pop_back(); },  // two values are left
        [](RuleProgram& p) { p.instructions.push_back(op(RuleOp::kOr)); },
        [](RuleProgram& p) { p.instructions.insert(p.instructions.begin(), op(RuleOp::kNot)); },
        [](RuleProgram& p) { p.words.resize(kRuleWordsMax + 1); },
        [](RuleProgram& p) { p.references.resize(kRuleReferencesMax + 1, p.references[0]); },
        [](RuleProgram& p) { p.names.resize(kRuleNamesMax + 1, p.names[0]); },
    };
    std::size_t number = 0;
    for (const auto& make_wrong : wrongs) {
        RuleProgram program = good();
        make_wrong(program);
        EXPECT_FALSE(accepted(program)) << "wrong number " << number;
        ++number;
    }
    EXPECT_TRUE(accepted(good()));
}

TEST(rule_program, its_stack_and_its_length_have_an_end) {
    RuleProgram deep = good();
    deep.references.clear();
    deep.names.clear();
    deep.words.clear();
    deep.instructions.clear();
    for (std::uint8_t term = 0; term < kRuleStackMax; ++term)
        deep.instructions.push_back(word(term));
    for (std::uint32_t i = 1; i < kRuleStackMax; ++i)
        deep.instructions.push_back(op(RuleOp::kOr));
    EXPECT_TRUE(accepted(deep));
    deep.instructions.insert(deep.instructions.begin(), word(kRuleStackMax));
    deep.instructions.push_back(op(RuleOp::kOr));
    EXPECT_FALSE(accepted(deep));

    RuleProgram lengthy = good();
    lengthy.instructions.resize(kRuleInstructionsMax, op(RuleOp::kNot));
    EXPECT_TRUE(accepted(lengthy));
    lengthy.instructions.push_back(op(RuleOp::kNot));
    EXPECT_FALSE(accepted(lengthy));
}

TEST(rule_program, every_event_that_programs_emit_has_a_category) {
    for (std::uint32_t type = 0; type < kEventTypesMax; ++type) {
        const auto event = static_cast<EventType>(type);
        const bool emitted = event > EventType::kMask && slots_of(event, 0) != 0;
        EXPECT_EQ(category_of(event) != 0, emitted) << event_name(event);
    }
}

TEST(rule_program, every_field_has_a_kind_and_a_form) {
    EXPECT_EQ(rule_kind(RuleField::kEventCount), RuleKind::kEvent);
    EXPECT_EQ(rule_kind(RuleField::kCoroutineId), RuleKind::kCoroutine);
    EXPECT_EQ(rule_kind(RuleField::kCoroutineCancelled), RuleKind::kCoroutine);
    EXPECT_EQ(rule_kind(RuleField::kChannelClosed), RuleKind::kChannel);
    EXPECT_EQ(rule_kind(RuleField::kPoolSlotBytes), RuleKind::kPool);
    EXPECT_EQ(rule_kind(RuleField::kWorkerSwitches), RuleKind::kWorker);
    EXPECT_EQ(rule_kind(RuleField::kLockId), RuleKind::kLock);
    EXPECT_EQ(static_cast<int>(RuleField::kLockWaiting) + 1, kRuleFieldsCount);
    EXPECT_EQ(rule_form(RuleField::kLockKind), RuleForm::kWord);
    EXPECT_EQ(rule_form(RuleField::kLockName), RuleForm::kName);
    EXPECT_EQ(rule_form(RuleField::kLockWaiting), RuleForm::kNumber);
}

}  // namespace
}  // namespace coroscope::wire
