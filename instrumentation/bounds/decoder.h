// Machine code as steps that say what each instruction does to the stack and to registers that may hold stack addresses.
//
// One step an instruction, 48 bytes, so that a function is decoded once and then walked along each of its paths (frame.h). What a step does
// not say is covered by `clobbers`: registers whose value is not followed any further. Registers have their DWARF numbers.
//
// Thread: one decoder a thread. Tested in tests/unit/bounds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "instrumentation/inspect/code.h"

namespace coroscope::bounds {

inline constexpr std::uint8_t kRegistersCount = 16;
inline constexpr std::uint8_t kRbp = 6, kRsp = 7;
inline constexpr std::uint8_t kNoRegister = 16;
// One bit a register: those that a call need not preserve, System V x86-64: rax rdx rcx rsi rdi r8 .. r11.
inline constexpr std::uint16_t kScratchRegisters = 0x0f37;

enum class Effect : std::uint8_t {
    kOther,        // nothing that is followed
    kBad,          // no instruction that the disassembler knows
    kPush,         // rsp -= amount; the word there = from (kNoRegister: something else)
    kPop,          // to = the word at rsp; rsp += amount
    kSum,          // to = from + amount
    kSubRegister,  // to -= from
    kAddRegister,  // to += from, which is not followed
    kMaskBits,     // to &= amount
    kMaybe,        // to = from, or stays as it is
    kProduct,      // to = from * amount
    kQuotient,     // to (rax) and rdx above it, divided by from: to = quotient, rdx = rest
    kConstant,     // to = amount
    kLeave,        // rsp = rbp; pop rbp
    kLoad,         // to = the word in memory
    kStore,        // the word in memory = from
    kCompare,      // of two registers, to and from
};

struct Step {
    std::uint64_t address = 0;
    std::uint64_t target = 0;  // of a call or jump: where it goes; 0 = its operand says
    std::uint64_t slot = 0;  // the word with a known address that it calls or jumps through, or that it loads or takes the address of
    std::int32_t amount = 0;
    std::int32_t displacement = 0;  // of the memory operand
    std::uint16_t clobbers = 0;
    std::uint8_t bytes = 0;
    Effect effect = Effect::kOther;
    inspect::Flow flow = inspect::Flow::kNext;
    std::uint8_t to = kNoRegister, from = kNoRegister;
    std::uint8_t base = kNoRegister;  // of the memory operand; kNoRegister = there is none, or it has no base
    std::uint8_t index = kNoRegister;    // likewise
    std::uint8_t scale = 0;              // of the index
    std::uint8_t through = kNoRegister;  // the register that it calls or jumps through
    std::uint8_t memory_bytes = 0;
    bool writes_memory = false;
    bool if_not_equal = false;     // a branch: jne
    bool takes_arguments = false;  // ret n
    bool locked = false;  // begins with a lock prefix, over which code may jump where there is one thread only

    // Whether to run from `at` is to run this step.
    bool runs_from(std::uint64_t at) const { return at == address || (locked && at == address + 1); }
};

// The DWARF number of one of Capstone's registers, whichever part of it is named; kNoRegister = it has none here.
std::uint8_t register_number(unsigned name);
// The step of code in order that runs from an address; steps.size(): none does.
std::size_t step_at(const std::vector<Step>& steps, std::uint64_t address);

class Decoder {
public:
    Decoder();
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    // All of `code`, which lies at `address`. Bytes that are no instruction are steps of one byte, kBad.
    std::vector<Step> decode(std::basic_string_view<std::uint8_t> code, std::uint64_t address);

private:
    std::size_t handle_ = 0;
};

}  // namespace coroscope::bounds
