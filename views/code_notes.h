// What instructions have to do with context switches, in words: calls into the runtime that switch or may, and the steps of the switch itself.
//
// The code view (code_model.h) puts these beside the instructions. They are told from addresses and names alone: which function is called, and in
// the switch code which registers and which words of the control block (wire/coroutine_offsets.h) an instruction moves.
//
// Pure functions; any thread. Tested in tests/unit/views/code_model_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "views/code_model.h"

namespace coroscope::views {

// A function's name for a row: without arguments, and the runtime's C functions without the namespace that declares them.
std::string called_name(std::string_view function);
// Whether this is the code of a switch: within the range that the context names, or one of the switches outside of it.
bool is_switch_code(const std::vector<inspect::Instruction>& code, const CodeContext& context);
// What a call or jump of other code does to the running coroutine; "" when nothing.
std::string switch_call_note(const inspect::Instruction& instruction, const CodeContext& context);
// What instruction `i` of switch code does; "" for what needs no words.
std::string switch_step_note(const std::vector<inspect::Instruction>& code, std::size_t i,
                             const CodeContext& context);

}  // namespace coroscope::views
