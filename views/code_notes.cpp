// See code_notes.h.
#include "views/code_notes.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "instrumentation/wire/coroutine_offsets.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::Flow;
using inspect::Instruction;

bool in_switch_range(std::uint64_t address, const CodeContext& context) {
    return address >= context.switch_low && address < context.switch_high;
}

// By the name of the function that is called.
constexpr std::pair<std::string_view, const char*> kCalls[] = {
    {"cprime_park", "context switch: parks, and the worker goes on with another coroutine"},
    {"cprime_yield", "context switch: to the end of the queue, if somebody else is ready"},
    {"cprime_switch", "context switch: to the other stack, by hand"},
    {"cprime_enter", "context switch: the worker's thread gives its stack up to coroutines"},
    {"cprime_send", "may park: a context switch, unless the message goes at once"},
    {"cprime_send_shortly", "may park: a context switch, unless the message goes at once"},
    {"cprime_receive", "may park: a context switch, unless a message is there"},
    {"cprime_receive_shortly", "may park: a context switch, unless a message is there"},
    {"cprime_join_shortly", "may park: a context switch, unless it has ended"},
    {"cprime_call_on_bigger_stack", "goes on with a larger stack segment, and comes back"},
    {"__morestack", "grows: goes on with the next stack segment"},
    {"__morestack_non_split", "grows: goes on with the next stack segment"},
};

constexpr std::string_view kSwitchesElsewhere[] = {"cprime_switch", "__morestack"};

bool saved_by_calls(std::string_view reg) {
    return reg == "rbx" || reg == "rbp" || reg == "r12" || reg == "r13" || reg == "r14" || reg == "r15";
}

bool is_register(std::string_view text) {
    return text.find_first_of("[, ") == std::string_view::npos && text.starts_with("r");
}

// Whether an operand is the word at `offset` of what some register points at.
bool is_field(std::string_view operand, int offset) {
    const std::string tail = offset < 10 ? fmt::format(" + {}]", offset) : fmt::format(" + {:#x}]", offset);
    return operand.find('[') != std::string_view::npos && operand.ends_with(tail);
}

std::pair<std::string_view, std::string_view> operands_of(const Instruction& instruction) {
    const std::string_view text = instruction.operands;
    const std::size_t comma = text.find(", ");
    if (comma == std::string_view::npos) return {text, {}};
    return {text.substr(0, comma), text.substr(comma + 2)};
}

bool is_limit(std::string_view operand) {
    return operand.find("fs:[0x70]") != std::string_view::npos;
}

std::string move_note(std::string_view to, std::string_view from) {
    if (is_limit(to))
        return from == "0" ? "what runs on the worker's own stack never grows"
                           : "the stack limit becomes that of the stack it goes on with";
    if (from == "rsp" && is_field(to, COROSCOPE_COROUTINE_RSP))
        return "leaves: its stack pointer goes into its control block";
    if (is_field(to, COROSCOPE_COROUTINE_RIP) && to.starts_with("qword") && is_register(from))
        return "and where it goes on";
    if (to == "rsp" && is_field(from, COROSCOPE_COROUTINE_RSP))
        return "switches stacks: to that of the coroutine that goes on";
    if (to == "rsp" && from.find('[') != std::string_view::npos)
        return "switches stacks: to the worker's own";
    if (to == "rsp") return "switches stacks";
    if (from == "rsp" && to.find('[') != std::string_view::npos)
        return "leaves: its stack pointer is kept here";
    return {};
}

}  // namespace

std::string called_name(std::string_view function) {
    std::string name = short_function(function);
    const std::size_t colons = name.rfind("::");
    if (colons != std::string::npos && name.compare(colons + 2, 7, "cprime_") == 0) name.erase(0, colons + 2);
    return name;
}

bool is_switch_code(const std::vector<Instruction>& code, const CodeContext& context) {
    if (code.empty()) return false;
    const std::string name = called_name(context.function);
    return in_switch_range(code.front().address, context) ||
           std::find(std::begin(kSwitchesElsewhere), std::end(kSwitchesElsewhere), name) !=
               std::end(kSwitchesElsewhere);
}

std::string switch_call_note(const Instruction& instruction, const CodeContext& context) {
    if (instruction.flow != Flow::kCall && instruction.flow != Flow::kJump) return {};
    const std::string name = called_name(instruction.target);
    for (const auto& [called, note] : kCalls) {
        if (name == called) return note;
    }
    if (instruction.target_address != 0 && in_switch_range(instruction.target_address, context) &&
        !in_switch_range(instruction.address, context))
        return "context switch";
    return {};
}

std::string switch_step_note(const std::vector<Instruction>& code, std::size_t i, const CodeContext&) {
    const Instruction& instruction = code[i];
    const auto [first, second] = operands_of(instruction);
    if (instruction.mnemonic == "push") {
        if (is_limit(first)) return "saves the stack limit";
        if (saved_by_calls(first)) return fmt::format("saves {}", first);
    }
    if (instruction.mnemonic == "pop") {
        if (saved_by_calls(first)) return fmt::format("restores {}", first);
        const bool limit_follows = i + 1 < code.size() && code[i + 1].mnemonic == "mov" &&
                                   is_limit(operands_of(code[i + 1]).first);
        if (first == "rcx")
            return limit_follows ? "takes the stack limit" : "takes the address at which it goes on";
    }
    if (instruction.mnemonic == "mov") return move_note(first, second);
    if (instruction.mnemonic == "rdtsc") return "time stamp of a measured switch";
    if (instruction.flow == Flow::kJump && first == "rcx")
        return "goes on, with these registers (a jump: a return would be mispredicted)";
    if (instruction.flow == Flow::kCall && is_register(first))
        return "calls what was asked for, on the worker's own stack";
    return {};
}

}  // namespace coroscope::views
