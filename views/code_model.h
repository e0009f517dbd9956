// Row model of the code view: a function's instructions with their jump arrows laid into lanes, what of it is a context switch, and where the
// frame stands.
//
//   lane 1 0
//        │ ┌─  je   +0x12          arrows of one direction and target share a lane; inner ones lie next to the text
//        │ │   mov  …
//        │ └▶  test …
//        └──▶  call cprime_receive     may park: a context switch
//
// A frame's pc is the address at which it goes on; it stands in the call before that. Both rows are marked. What a call or jump into the
// runtime's switch code does is told from the address range that the state plane names (StateImage::park_address), and from the
// symbols of the stubs; in the switch code itself each instruction that makes the switch says what it does.
//
// Pure functions; any thread. Tested in tests/unit/views/code_model_test.cpp.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/code.h"

namespace coroscope::views {

inline constexpr std::size_t kNoRow = std::numeric_limits<std::size_t>::max();
inline constexpr int kJumpLanesMax = 10;  // arrows beyond are drawn as stubs at both ends

// What is known of the frame whose code is shown.
struct CodeContext {
    std::uint64_t pc = 0;    // where it goes on; 0 = nobody stands here
    bool innermost = false;  // the frame that parked, not one that called it
    bool runs = false;       // its coroutine is not parked: the pc is of the last park
    std::string waits;       // "channel-receive on channel:jobs": for the innermost frame
    std::string callee;      // function of the frame inside it
    std::string function;    // that is shown
    std::string file;        // whose lines stand beside the instructions
    std::uint64_t switch_low = 0, switch_high = 0;  // the runtime's switch code
    // Nobody stands here, but this instruction is what is looked for, and why; 0 = there is none.
    std::uint64_t marked = 0;
    std::string mark;
    bool operator==(const CodeContext&) const = default;
};

struct CodeRow {
    std::uint32_t line = 0;  // of CodeContext::file; 0 = another file's, or unknown
    bool here = false;       // the frame stands in this call
    bool resumes = false;    // and goes on here
    bool switches = false;   // the note is about a context switch
    std::string target;      // of a call or jump to another function: its short name
    std::string note;        // what it does, where that is worth saying
};

struct CodeJump {
    std::size_t from = 0;
    std::size_t to = kNoRow;  // kNoRow: out of the function; its row says where to
    int lane = -1;            // 0 = next to the text; -1: none was free, or it leaves the function
    bool conditional = false;
    bool up() const { return to <= from; }
};

struct CodeModel {
    std::vector<CodeRow> rows;    // one an instruction
    std::vector<CodeJump> jumps;  // by `from`
    int lanes = 0;
    std::size_t here = kNoRow;
    // First row of a line of the file; kNoRow when no instruction belongs to it.
    std::size_t row_of_line(std::uint32_t line) const;
    // The next line after `line` (or before, by = -1) that has instructions; 0 when there is none.
    std::uint32_t next_line(std::uint32_t line, int by) const;
};

CodeModel make_code_model(const std::vector<inspect::Instruction>& code, const CodeContext& context);

// "call 0x1200", with the name of its target in place of the number where there is one.
std::string instruction_text(const inspect::Instruction& instruction, const CodeRow& row);
// A line an instruction, as people paste it.
std::string code_text(const std::vector<inspect::Instruction>& code, const CodeModel& model);
nlohmann::json code_json(const std::vector<inspect::Instruction>& code, const CodeModel& model);

}  // namespace coroscope::views
