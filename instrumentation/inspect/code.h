// Disassembly (Capstone) and source text of one function, as rows for the code view.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/symbols.h"

namespace coroscope::inspect {

struct Instruction {
    std::uint64_t address = 0;
    std::string bytes;     // "48 89 e5"
    std::string mnemonic;  // "mov"
    std::string operands;  // "rbp, rsp"
    std::string target;    // function name of a call or jump target; "" otherwise
    std::string file;      // source position of the innermost function; "" = unknown
    std::uint32_t line = 0;
};

// The function around `pc` (a return address: pc - 1 counts), at most 4096 instructions.
base::Result<std::vector<Instruction>> disassemble_function(Symbolizer& symbols, std::uint64_t pc);

// Lines of a source file; kUnreadable with one sentence when it is not there.
base::Result<std::vector<std::string>> read_source(const std::string& path);

}  // namespace coroscope::inspect
