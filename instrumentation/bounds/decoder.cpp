// From Capstone's instructions to steps.
//
// Capstone does not list rsp among the registers that `sub rsp, n` writes, and its access flags are not exact: so whatever is not known by its
// number here clobbers its first operand and each register operand that is said to be written.
#include "instrumentation/bounds/decoder.h"

#include <capstone/capstone.h>

#include <algorithm>
#include <memory>

#include "instrumentation/base/check.h"
#include "instrumentation/bounds/avx512.h"

namespace coroscope::bounds {
namespace {

using inspect::Flow;

constexpr std::uint8_t kWordBytes = 8;

struct Numbered {
    x86_reg names[5];  // of 64, 32, 16 and 8 bits
};
constexpr Numbered kRegisters[kRegistersCount] = {
    {{X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH}},
    {{X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH}},
    {{X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH}},
    {{X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH}},
    {{X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, X86_REG_INVALID}},
    {{X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, X86_REG_INVALID}},
    {{X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, X86_REG_INVALID}},
    {{X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, X86_REG_INVALID}},
    {{X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, X86_REG_INVALID}},
    {{X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, X86_REG_INVALID}},
    {{X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, X86_REG_INVALID}},
    {{X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, X86_REG_INVALID}},
    {{X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, X86_REG_INVALID}},
    {{X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, X86_REG_INVALID}},
    {{X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, X86_REG_INVALID}},
    {{X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, X86_REG_INVALID}},
};

// DWARF numbers by Capstone's, made once.
const std::uint8_t* register_numbers() {
    static const auto numbers = [] {
        std::vector<std::uint8_t> made(X86_REG_ENDING, kNoRegister);
        for (std::uint8_t i = 0; i < kRegistersCount; ++i) {
            for (const x86_reg name : kRegisters[i].names) {
                if (name != X86_REG_INVALID) made[name] = i;
            }
        }
        return made;
    }();
    return numbers.data();
}
std::uint8_t number_of(unsigned name) {
    return name < X86_REG_ENDING ? register_numbers()[name] : kNoRegister;
}
bool fits(std::int64_t value) {
    return value == static_cast<std::int32_t>(value);
}
bool is_word(const cs_x86_op& operand) {
    return operand.type == X86_OP_REG && operand.size == kWordBytes && number_of(operand.reg) != kNoRegister;
}

bool is_conditional_move(unsigned id) {
    switch (id) {
        case X86_INS_CMOVA:
        case X86_INS_CMOVAE:
        case X86_INS_CMOVB:
        case X86_INS_CMOVBE:
        case X86_INS_CMOVE:
        case X86_INS_CMOVG:
        case X86_INS_CMOVGE:
        case X86_INS_CMOVL:
        case X86_INS_CMOVLE:
        case X86_INS_CMOVNE:
        case X86_INS_CMOVNO:
        case X86_INS_CMOVNP:
        case X86_INS_CMOVNS:
        case X86_INS_CMOVO:
        case X86_INS_CMOVP:
        case X86_INS_CMOVS:
            return true;
        default:
            return false;
    }
}

Flow flow_of(csh handle, const cs_insn& one) {
    if (cs_insn_group(handle, &one, CS_GRP_CALL)) return Flow::kCall;
    if (cs_insn_group(handle, &one, CS_GRP_RET) || cs_insn_group(handle, &one, CS_GRP_IRET))
        return Flow::kReturn;
    if (one.id == X86_INS_UD2 || one.id == X86_INS_UD0 || one.id == X86_INS_UD2B || one.id == X86_INS_HLT ||
        one.id == X86_INS_INT3)
        return Flow::kTrap;
    if (!cs_insn_group(handle, &one, CS_GRP_JUMP)) return Flow::kNext;
    return one.id == X86_INS_JMP || one.id == X86_INS_LJMP ? Flow::kJump : Flow::kBranch;
}

// The memory operand, if it can be the stack's: what goes by fs and gs is elsewhere.
void read_memory(const cs_insn& one, const cs_x86& details, Step& step) {
    for (std::uint8_t i = 0; i < details.op_count; ++i) {
        const cs_x86_op& operand = details.operands[i];
        if (operand.type != X86_OP_MEM) continue;
        if (operand.mem.segment == X86_REG_FS || operand.mem.segment == X86_REG_GS) continue;
        if (operand.mem.base == X86_REG_RIP) {
            step.slot = one.address + one.size + static_cast<std::uint64_t>(operand.mem.disp);
            continue;
        }
        step.base = number_of(operand.mem.base);
        step.index = number_of(operand.mem.index);
        step.scale = static_cast<std::uint8_t>(operand.mem.scale);
        if (step.base != kNoRegister && operand.mem.index != X86_REG_INVALID && step.index == kNoRegister)
            step.index = kRbp;  // a vector register (gather): any index will do
        if (step.base == kNoRegister && step.index == kNoRegister)
            step.slot = static_cast<std::uint64_t>(operand.mem.disp);
        step.displacement = static_cast<std::int32_t>(operand.mem.disp);
        if (!fits(operand.mem.disp)) step.index = step.base;
        step.memory_bytes = operand.size;
        // What is not surely a reader writes.
        step.writes_memory = i == 0 ? one.id != X86_INS_CMP && one.id != X86_INS_TEST && one.id != X86_INS_PUSH
                                    : (operand.access & CS_AC_WRITE) != 0;
    }
}

void clobber_operands(const cs_insn& one, const cs_x86& details, Step& step) {
    const bool exchanges = one.id == X86_INS_XCHG || one.id == X86_INS_XADD || one.id == X86_INS_CMPXCHG;
    const bool reads = one.id == X86_INS_CMP || one.id == X86_INS_TEST || one.id == X86_INS_BT ||
                       one.id == X86_INS_NOP;
    for (std::uint8_t i = 0; i < details.op_count; ++i) {
        const cs_x86_op& operand = details.operands[i];
        if (operand.type != X86_OP_REG) continue;
        const std::uint8_t number = number_of(operand.reg);
        if (number == kNoRegister) continue;
        if (exchanges || (i == 0 && !reads) || (!reads && (operand.access & CS_AC_WRITE) != 0))
            step.clobbers |= static_cast<std::uint16_t>(1U << number);
    }
    for (std::uint8_t i = 0; i < one.detail->regs_write_count; ++i) {
        const std::uint8_t number = number_of(one.detail->regs_write[i]);
        if (number != kNoRegister && number != kRsp)
            step.clobbers |= static_cast<std::uint16_t>(1U << number);
    }
    if (one.id == X86_INS_ENTER || one.id == X86_INS_PUSHF || one.id == X86_INS_POPF)
        step.clobbers |= 1U << kRsp;
}

bool read_push_or_pop(const cs_insn& one, const cs_x86& details, Step& step) {
    switch (one.id) {
        case X86_INS_PUSH:
            step.effect = Effect::kPush;
            // An immediate is pushed as a word, but for the rare 16-bit form, whose operand says 2.
            step.amount = details.operands[0].size == 2 ? 2 : kWordBytes;
            if (is_word(details.operands[0])) step.from = number_of(details.operands[0].reg);
            return true;
        case X86_INS_PUSHFQ:
            step.effect = Effect::kPush;
            step.amount = kWordBytes;
            return true;
        case X86_INS_POP:
            step.effect = Effect::kPop;
            step.amount = details.operands[0].size == 2 ? 2 : kWordBytes;
            if (details.operands[0].type == X86_OP_REG) step.to = number_of(details.operands[0].reg);
            return true;
        case X86_INS_POPFQ:
            step.effect = Effect::kPop;
            step.amount = kWordBytes;
            return true;
        case X86_INS_LEAVE:
            step.effect = Effect::kLeave;
            return true;
        default:
            return false;
    }
}

// With which unoptimised code rounds the size of an alloca.
bool read_product_or_quotient(const cs_insn& one, const cs_x86& details, Step& step) {
    constexpr std::uint8_t kRax = 0, kRdx = 1;
    if (one.id == X86_INS_IMUL && details.op_count == 3 && is_word(details.operands[0]) &&
        is_word(details.operands[1]) && details.operands[2].type == X86_OP_IMM &&
        fits(details.operands[2].imm)) {
        step.effect = Effect::kProduct;
        step.to = number_of(details.operands[0].reg);
        step.from = number_of(details.operands[1].reg);
        step.amount = static_cast<std::int32_t>(details.operands[2].imm);
        return true;
    }
    if (one.id != X86_INS_DIV || details.op_count != 1 || !is_word(details.operands[0])) return false;
    step.effect = Effect::kQuotient;
    step.to = kRax;
    step.from = number_of(details.operands[0].reg);
    step.clobbers = 1U << kRdx;
    return true;
}

// Two operands, the first of them a 64-bit register (or, of a move, memory).
bool read_arithmetic(const cs_insn& one, const cs_x86& details, Step& step) {
    if (details.op_count != 2) return false;
    const cs_x86_op& first = details.operands[0];
    const cs_x86_op& second = details.operands[1];
    if (one.id == X86_INS_MOV && first.type == X86_OP_MEM && is_word(second)) {
        step.effect = Effect::kStore;
        step.from = number_of(second.reg);
        return true;
    }
    const bool half = first.type == X86_OP_REG && first.size == 4 && number_of(first.reg) != kNoRegister;
    if (!is_word(first) && !half) return false;
    step.to = number_of(first.reg);
    // What is written to 32 bits is extended by zeros.
    if (one.id == X86_INS_MOV && second.type == X86_OP_IMM && fits(second.imm) && (!half || second.imm >= 0)) {
        step.effect = Effect::kConstant;
        step.amount = static_cast<std::int32_t>(second.imm);
        return true;
    }
    if (half) return false;
    const bool sum = one.id == X86_INS_ADD || one.id == X86_INS_SUB;
    if (sum && second.type == X86_OP_IMM && fits(second.imm) && second.imm != INT32_MIN) {
        step.effect = Effect::kSum;
        step.from = step.to;
        step.amount = static_cast<std::int32_t>(one.id == X86_INS_ADD ? second.imm : -second.imm);
    } else if (one.id == X86_INS_SUB && is_word(second)) {
        step.effect = Effect::kSubRegister;
        step.from = number_of(second.reg);
    } else if (one.id == X86_INS_ADD && is_word(second)) {
        step.effect = Effect::kAddRegister;
        step.from = number_of(second.reg);
    } else if (one.id == X86_INS_AND && second.type == X86_OP_IMM && fits(second.imm)) {
        step.effect = Effect::kMaskBits;
        step.amount = static_cast<std::int32_t>(second.imm);
    } else if (one.id == X86_INS_MOV && is_word(second)) {
        step.effect = Effect::kSum;
        step.from = number_of(second.reg);
    } else if (is_conditional_move(one.id) && is_word(second)) {
        step.effect = Effect::kMaybe;
        step.from = number_of(second.reg);
    } else if (one.id == X86_INS_MOV && second.type == X86_OP_MEM && step.memory_bytes == kWordBytes) {
        step.effect = Effect::kLoad;
    } else if (one.id == X86_INS_LEA && step.base != kNoRegister && step.index == kNoRegister) {
        step.effect = Effect::kSum;
        step.from = step.base;
        step.amount = step.displacement;
    } else if (one.id == X86_INS_CMP && is_word(second)) {
        step.effect = Effect::kCompare;
        step.from = number_of(second.reg);
    } else {
        return false;
    }
    return true;
}

Step read_step(csh handle, const cs_insn& one) {
    const cs_x86& details = one.detail->x86;
    Step step;
    step.address = one.address;
    step.bytes = static_cast<std::uint8_t>(one.size);
    step.flow = flow_of(handle, one);
    step.locked = one.bytes[0] == X86_PREFIX_LOCK;
    if (one.id != X86_INS_NOP) read_memory(one, details, step);
    if (step.flow != Flow::kNext) {
        step.if_not_equal = one.id == X86_INS_JNE;
        step.takes_arguments = step.flow == Flow::kReturn && details.op_count != 0;
        if (details.op_count == 1) {
            const cs_x86_op& operand = details.operands[0];
            if (operand.type == X86_OP_IMM) step.target = static_cast<std::uint64_t>(operand.imm);
            if (operand.type == X86_OP_REG) step.through = number_of(operand.reg);
        }
        if (step.flow == Flow::kBranch) clobber_operands(one, details, step);  // loop
        return step;
    }
    if (read_push_or_pop(one, details, step) || read_product_or_quotient(one, details, step)) return step;
    if (!read_arithmetic(one, details, step)) {
        step.to = kNoRegister;
        clobber_operands(one, details, step);
    }
    // An address is no access. What is computed from one with an index is not followed, and may lie anywhere in the frame: frame.cpp asks.
    if (one.id == X86_INS_LEA) {
        step.memory_bytes = 0;
        step.writes_memory = false;
    }
    return step;
}

}  // namespace

std::uint8_t register_number(unsigned name) {
    return number_of(name);
}

Decoder::Decoder() {
    CHECK(cs_open(CS_ARCH_X86, CS_MODE_64, &handle_) == CS_ERR_OK);
    cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
}

Decoder::~Decoder() {
    cs_close(&handle_);
}

std::vector<Step> Decoder::decode(std::basic_string_view<std::uint8_t> code, std::uint64_t address) {
    std::vector<Step> steps;
    steps.reserve(code.size() / 4 + 1);
    const std::unique_ptr<cs_insn, void (*)(cs_insn*)> one(cs_malloc(handle_),
                                                           [](cs_insn* made) { cs_free(made, 1); });
    const std::uint8_t* at = code.data();
    std::size_t left = code.size();
    while (left > 0) {
        if (cs_disasm_iter(handle_, &at, &left, &address, one.get())) {
            steps.push_back(read_step(handle_, *one));
            continue;
        }
        Step unknown;
        unknown.address = address;
        if (!read_avx512(at, left, unknown)) {
            unknown.bytes = 1;
            unknown.effect = Effect::kBad;
            unknown.flow = Flow::kTrap;
        }
        steps.push_back(unknown);
        at += unknown.bytes;
        left -= unknown.bytes;
        address += unknown.bytes;
    }
    return steps;
}

std::size_t step_at(const std::vector<Step>& steps, std::uint64_t address) {
    const auto after = std::upper_bound(steps.begin(), steps.end(), address,
                                        [](std::uint64_t at, const Step& step) { return at < step.address; });
    const bool runs = after != steps.begin() && std::prev(after)->runs_from(address);
    return runs ? static_cast<std::size_t>(std::prev(after) - steps.begin()) : steps.size();
}

}  // namespace coroscope::bounds
