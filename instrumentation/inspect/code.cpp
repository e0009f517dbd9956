// One function's machine code as rows, with names and lines; and source files as lines. Tested in
// tests/unit/inspect.
#include "instrumentation/inspect/code.h"

#include <capstone/capstone.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "instrumentation/base/file_descriptor.h"

namespace coroscope::inspect {
namespace {

constexpr std::size_t kInstructionsMax = 4096;
constexpr std::size_t kCodeBytesMax = kInstructionsMax * 15;  // the longest instruction has 15 bytes
constexpr std::size_t kSourceBytesMax = 16U << 20;

// A Capstone session for x86-64 with operand details; closes itself.
class Disassembler {
public:
    Disassembler() {
        open_ = cs_open(CS_ARCH_X86, CS_MODE_64, &handle_) == CS_ERR_OK;
        if (open_) cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    }
    ~Disassembler() {
        if (open_) cs_close(&handle_);
    }
    Disassembler(const Disassembler&) = delete;
    Disassembler& operator=(const Disassembler&) = delete;
    bool open() const { return open_; }
    csh handle() const { return handle_; }

private:
    csh handle_ = 0;
    bool open_ = false;
};

std::string hex_bytes(const std::uint8_t* bytes, std::size_t count) {
    std::string text;
    char one[4];
    for (std::size_t i = 0; i < count; ++i) {
        std::snprintf(one, sizeof one, i == 0 ? "%02x" : " %02x", bytes[i]);
        text += one;
    }
    return text;
}

bool goes_elsewhere(csh handle, const cs_insn& instruction) {
    return cs_insn_group(handle, &instruction, CS_GRP_CALL) ||
           cs_insn_group(handle, &instruction, CS_GRP_JUMP);
}

Flow flow_of(csh handle, const cs_insn& instruction) {
    if (cs_insn_group(handle, &instruction, CS_GRP_CALL)) return Flow::kCall;
    if (cs_insn_group(handle, &instruction, CS_GRP_RET)) return Flow::kReturn;
    if (instruction.id == X86_INS_UD2 || instruction.id == X86_INS_HLT || instruction.id == X86_INS_INT3)
        return Flow::kTrap;
    if (!cs_insn_group(handle, &instruction, CS_GRP_JUMP)) return Flow::kNext;
    return instruction.id == X86_INS_JMP ? Flow::kJump : Flow::kBranch;
}

// Where a direct call or jump goes; 0 when it is neither.
std::uint64_t direct_target(csh handle, const cs_insn& instruction) {
    const cs_x86& details = instruction.detail->x86;
    if (!goes_elsewhere(handle, instruction) || details.op_count != 1) return 0;
    return details.operands[0].type == X86_OP_IMM ? static_cast<std::uint64_t>(details.operands[0].imm) : 0;
}

// The address of the word through which `call [rip + n]` or `jmp [rip + n]` goes; 0 when it is neither.
std::uint64_t slot_of_target(csh handle, const cs_insn& instruction) {
    const cs_x86& details = instruction.detail->x86;
    if (!goes_elsewhere(handle, instruction) || details.op_count != 1) return 0;
    const cs_x86_op& operand = details.operands[0];
    if (operand.type != X86_OP_MEM || operand.mem.base != X86_REG_RIP) return 0;
    return instruction.address + instruction.size + static_cast<std::uint64_t>(operand.mem.disp);
}

// The import that a stub of the procedure linkage table jumps to: the first or second instruction there
// (after an endbr64).
std::string name_of_stub(csh handle, Symbolizer& symbols, std::uint64_t address) {
    std::uint8_t code[16];
    const std::size_t bytes = symbols.read_code(address, code, sizeof code);
    cs_insn* instructions = nullptr;
    const std::size_t count = cs_disasm(handle, code, bytes, address, 2, &instructions);
    std::string name;
    for (std::size_t i = 0; i < count && name.empty(); ++i) {
        const std::uint64_t slot = slot_of_target(handle, instructions[i]);
        if (slot != 0) name = symbols.import_at(slot);
    }
    if (count != 0) cs_free(instructions, count);
    return name;
}

// The name of what an instruction of the function [low, high) calls or jumps to outside of it; "" when it
// does not, or into the unknown.
std::string target_name(csh handle, Symbolizer& symbols, const cs_insn& instruction, std::uint64_t low,
                        std::uint64_t high) {
    if (const std::uint64_t slot = slot_of_target(handle, instruction); slot != 0)
        return symbols.import_at(slot);
    const std::uint64_t target = direct_target(handle, instruction);
    if (target == 0 || (target >= low && target < high)) return "";
    std::uint64_t target_low = 0;
    std::uint64_t target_high = 0;
    std::string name;
    if (symbols.function_range(target + 1, &target_low, &target_high, &name)) return name;
    return name_of_stub(handle, symbols, target);
}

}  // namespace

base::Result<std::vector<Instruction>> disassemble_function(Symbolizer& symbols, std::uint64_t pc) {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::string name;
    char address_text[32];
    std::snprintf(address_text, sizeof address_text, "0x%llx", static_cast<unsigned long long>(pc));
    if (!symbols.function_range(pc, &low, &high, &name)) {
        return base::error(
            base::ErrorCode::kUnreadable,
            std::string("no function is known at ") + address_text + ": the module has no symbols there");
    }
    std::vector<std::uint8_t> code(std::min<std::uint64_t>(high - low, kCodeBytesMax));
    code.resize(symbols.read_code(low, code.data(), code.size()));
    const Disassembler disassembler;
    if (code.empty() || !disassembler.open()) {
        return base::error(base::ErrorCode::kUnreadable,
                           "the code of " + name +
                               " cannot be read: its file is gone or was rebuilt since the program started");
    }
    std::vector<Instruction> rows;
    const std::unique_ptr<cs_insn, void (*)(cs_insn*)> instruction(cs_malloc(disassembler.handle()),
                                                                   [](cs_insn* one) { cs_free(one, 1); });
    const std::uint8_t* at = code.data();
    std::size_t left = code.size();
    std::uint64_t address = low;
    while (left > 0 && rows.size() < kInstructionsMax) {
        Instruction row;
        row.address = address;
        if (cs_disasm_iter(disassembler.handle(), &at, &left, &address, instruction.get())) {
            row.bytes = hex_bytes(instruction->bytes, instruction->size);
            row.mnemonic = instruction->mnemonic;
            row.operands = instruction->op_str;
            row.flow = flow_of(disassembler.handle(), *instruction);
            row.target_address = direct_target(disassembler.handle(), *instruction);
            row.target = target_name(disassembler.handle(), symbols, *instruction, low, high);
        } else {  // data in the code, or an instruction that Capstone does not know: one byte, and go on
            row.bytes = hex_bytes(at, 1);
            row.mnemonic = "(bad)";
            ++at;
            --left;
            ++address;
        }
        Symbolizer::Position position = symbols.position(row.address);
        row.file = std::move(position.file);
        row.line = position.line;
        rows.push_back(std::move(row));
    }
    return rows;
}

base::Result<std::vector<std::string>> read_source(const std::string& path) {
    struct stat status {};
    const auto unreadable = [&](const std::string& why) {
        return base::error(base::ErrorCode::kUnreadable,
                           "the source file " + path + " cannot be shown: " + why);
    };
    if (stat(path.c_str(), &status) != 0) return unreadable(base::errno_text(errno));
    if (!S_ISREG(status.st_mode)) return unreadable("it is no ordinary file");
    if (static_cast<std::uint64_t>(status.st_size) > kSourceBytesMax)
        return unreadable("it is larger than 16 MiB");
    std::ifstream file(path);
    if (!file) return unreadable(base::errno_text(errno));
    std::vector<std::string> lines;
    std::string line;
    while (std::getline(file, line)) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        lines.push_back(line);
    }
    return lines;
}

}  // namespace coroscope::inspect
