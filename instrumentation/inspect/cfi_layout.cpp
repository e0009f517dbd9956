// Which word of a stack holds what, by the same rows that walk it: CfiRows::layout(). Tested in tests/unit/inspect/raw_stack_test.cpp.
#include <cstring>

#include "instrumentation/inspect/cfi_rows.h"

namespace coroscope::inspect {

UnwindEnd CfiRows::layout(const CopiedStack& stack, const UnwindStart& start,
                          std::vector<FrameLayout>& frames) {
    std::uint64_t registers[kSavedRegistersCount];
    std::memcpy(registers, start.registers, sizeof registers);
    std::uint64_t pc = start.pc;
    bool exact = false;  // as in walk()
    while (frames.size() < kFramesMax) {
        frames.push_back({});
        FrameLayout& frame = frames.back();
        frame.pc = pc;
        if (pc <= 1) return UnwindEnd::kNoRule;
        const Row& row = this->row(exact ? pc : pc - 1);
        if (row.kind == Row::kNone) return UnwindEnd::kNoRule;
        if (row.return_address.kind == Rule::kUndefined) return UnwindEnd::kEntry;
        if (row.kind == Row::kUnsupported || row.return_address.kind != Rule::kWordAtCfa)
            return UnwindEnd::kNoRule;
        std::uint64_t cfa = registers[row.cfa_base] + static_cast<std::uint64_t>(std::int64_t{row.cfa_offset});
        if (row.kind == Row::kCfaIsWord && !stack.word(cfa, &cfa)) return UnwindEnd::kBadMemory;
        if (!stack.goes_up(registers[kRsp], cfa)) return UnwindEnd::kBadMemory;
        const auto sum = [](std::uint64_t base, std::int32_t offset) {
            return base + static_cast<std::uint64_t>(std::int64_t{offset});
        };
        if (!stack.word(sum(cfa, row.return_address.offset), &pc)) return UnwindEnd::kBadMemory;
        frame.cfa = cfa;
        frame.return_at = sum(cfa, row.return_address.offset);
        std::uint64_t callers[kSavedRegistersCount];
        for (std::uint8_t i = 0; i < kRsp; ++i) {
            const Rule& rule = row.saved[i];
            callers[i] = rule.kind == Rule::kSumWithCfa ? sum(cfa, rule.offset) : registers[i];
            if (rule.kind == Rule::kWordAtCfa) frame.saved_at[i] = sum(cfa, rule.offset);
            if (rule.kind == Rule::kWordAtRegister)
                frame.saved_at[i] = sum(registers[rule.base], rule.offset);
            if (frame.saved_at[i] != 0 && !stack.word(frame.saved_at[i], &callers[i]))
                return UnwindEnd::kBadMemory;
        }
        callers[kRsp] = cfa;
        std::memcpy(registers, callers, sizeof registers);
        exact = row.signal_frame;
    }
    return UnwindEnd::kTooDeep;
}

}  // namespace coroscope::inspect
