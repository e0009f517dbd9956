// Disassembly (Capstone) and source text of one function, as rows for the code view.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/symbols.h"

namespace coroscope::inspect {

// Where an instruction goes on.
enum class Flow : std::uint8_t {
    kNext,    // at the next one
    kCall,    // at its target, then at the next one
    kBranch,  // at its target or at the next one
    kJump,    // at its target
    kReturn,  // at whoever called
    kTrap,    // nowhere
};

struct Instruction {
    std::uint64_t address = 0;
    std::string bytes;     // "48 89 e5"
    std::string mnemonic;  // "mov"
    std::string operands;  // "rbp, rsp"
    std::string target;    // function name of a call or jump target; "" otherwise
    std::string file;      // source position of the innermost function; "" = unknown
    std::uint32_t line = 0;
    Flow flow = Flow::kNext;
    std::uint64_t target_address = 0;  // of a call or jump that says it; 0 = it goes through a register or memory
};

// The function around `pc` (a return address: pc - 1 counts), at most 4096 instructions.
base::Result<std::vector<Instruction>> disassemble_function(Symbolizer& symbols, std::uint64_t pc);

// Lines of a source file; kUnreadable with one sentence when it is not there. (Where to look for it: source_map.h.)
base::Result<std::vector<std::string>> read_source(const std::string& path);

}  // namespace coroscope::inspect
