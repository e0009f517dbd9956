// Small programs for tests of rules.
#pragma once

#include "instrumentation/wire/rule_program.h"

namespace coroscope::emit {

// Every event of this type.
inline wire::RuleProgram every(wire::EventType type, wire::RuleAction action = wire::RuleAction::kTell) {
    wire::RuleProgram program;
    const auto number = static_cast<unsigned>(type);
    wire::RuleInstruction one{};
    one.op = wire::RuleOp::kWord;
    one.left = wire::RuleField::kEventType;
    one.left_object = wire::kRuleSubject;
    one.codes[number / 64] = std::uint64_t{1} << (number % 64);
    program.instructions = {one};
    program.head.types[number / 64] = std::uint64_t{1} << (number % 64);
    program.head.action = action;
    program.head.count = 1;
    return program;
}

// WAKEs after a wait of more than so many nanoseconds.
inline wire::RuleProgram wakes_after(double ns) {
    wire::RuleProgram program = every(wire::EventType::kWake);
    wire::RuleInstruction& one = program.instructions.front();
    one = {};
    one.op = wire::RuleOp::kCompare;
    one.compare = wire::RuleCompare::kGreater;
    one.left = wire::RuleField::kEventBlocked;
    one.left_object = wire::kRuleSubject;
    one.constant = ns;
    return program;
}

}  // namespace coroscope::emit
