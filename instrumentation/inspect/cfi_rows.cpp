// Building rows from libdw's call frame information, and walking a copied stack by them.
#include "instrumentation/inspect/cfi_rows.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

namespace coroscope::inspect {
namespace {

constexpr int kDwarfNumbers[] = {3, 6, 12, 13, 14, 15, 7};  // of SavedRegister, System V x86-64
constexpr int kDwarfReturnAddress = 16;

// SavedRegister of a DWARF number; kSavedRegistersCount when it is none that a call preserves.
std::uint8_t saved_register(std::uint64_t dwarf_number) {
    for (std::uint8_t i = 0; i < kSavedRegistersCount; ++i) {
        if (static_cast<std::uint64_t>(kDwarfNumbers[i]) == dwarf_number) return i;
    }
    return kSavedRegistersCount;
}

// "register + offset", in either of its two spellings.
bool is_register_sum(const Dwarf_Op& op, std::uint8_t* base, std::int64_t* offset) {
    if (op.atom >= DW_OP_breg0 && op.atom <= DW_OP_breg31) {
        *base = saved_register(op.atom - DW_OP_breg0);
        *offset = static_cast<std::int64_t>(op.number);
    } else if (op.atom == DW_OP_bregx) {
        *base = saved_register(op.number);
        *offset = static_cast<std::int64_t>(op.number2);
    } else {
        return false;
    }
    return *base != kSavedRegistersCount && *offset == static_cast<std::int32_t>(*offset);
}

}  // namespace

void CfiRows::set_cfa(Dwarf_Frame* frame, Row& row) {
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    std::int64_t offset = 0;
    row.kind = Row::kUnsupported;
    if (dwarf_frame_cfa(frame, &ops, &count) != 0 || count == 0) return;
    if (!is_register_sum(ops[0], &row.cfa_base, &offset)) return;
    row.cfa_offset = static_cast<std::int32_t>(offset);
    if (count == 1) row.kind = Row::kCfaIsSum;
    if (count == 2 && ops[1].atom == DW_OP_deref) row.kind = Row::kCfaIsWord;
}

CfiRows::Rule CfiRows::rule(Dwarf_Frame* frame, int dwarf_register) {
    Dwarf_Op memory[3];
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (dwarf_frame_register(frame, dwarf_register, memory, &ops, &count) != 0)
        return {Rule::kUnsupported, 0, 0};
    // libdw says "same value" and "unspecified" with no operations and no pointer, "undefined" with a
    // pointer.
    if (count == 0) return {ops == nullptr ? Rule::kSame : Rule::kUndefined, 0, 0};
    Rule rule;
    std::int64_t offset = 0;
    std::size_t next = 1;
    if (ops[0].atom == DW_OP_call_frame_cfa) {
        rule.kind = Rule::kWordAtCfa;
        if (next < count && ops[next].atom == DW_OP_plus_uconst)
            offset = static_cast<std::int64_t>(ops[next++].number);
        if (next < count && ops[next].atom == DW_OP_stack_value) {
            rule.kind = Rule::kSumWithCfa;
            ++next;
        }
    } else if (is_register_sum(ops[0], &rule.base, &offset)) {
        rule.kind = Rule::kWordAtRegister;
    }
    // libdw begins expressions with the CFA, which DWARF has on their stack; those that name a register do not use it.
    if (ops[0].atom == DW_OP_call_frame_cfa && count == 2 && is_register_sum(ops[1], &rule.base, &offset)) {
        rule.kind = Rule::kWordAtRegister;
        next = 2;
    }
    if (rule.kind == Rule::kSame || next != count || offset != static_cast<std::int32_t>(offset)) {
        return {Rule::kUnsupported, 0, 0};
    }
    rule.offset = static_cast<std::int32_t>(offset);
    return rule;
}

// Of each module once: that its sections name no register for which libdw would want gigabytes.
bool CfiRows::trusts(Dwfl_Module* module, CfiSection section) {
    std::optional<bool>& known = trusted_[{module, section}];
    if (known.has_value()) return *known;
    Dwarf_Addr bias = 0;
    Elf* elf = nullptr;
    if (section == CfiSection::kEhFrame) {
        elf = dwfl_module_getelf(module, &bias);
    } else if (Dwarf* dwarf = dwfl_module_getdwarf(module, &bias)) {
        elf = dwarf_getelf(dwarf);  // opening it has made compressed sections plain
    }
    known = elf != nullptr && registers_exist(elf, section);
    return *known;
}

CfiRows::Row CfiRows::build(std::uint64_t pc) {
    Row row;
    Dwfl_Module* module = modules_.find(pc);
    if (module == nullptr) return row;
    Dwarf_Frame* raw = nullptr;
    Dwarf_Addr bias = 0;
    Dwarf_CFI* cfi = trusts(module, CfiSection::kEhFrame) ? dwfl_module_eh_cfi(module, &bias) : nullptr;
    if (cfi == nullptr || dwarf_cfi_addrframe(cfi, pc - bias, &raw) != 0) {
        // Code built without exception tables has .debug_frame at most.
        cfi = trusts(module, CfiSection::kDebugFrame) ? dwfl_module_dwarf_cfi(module, &bias) : nullptr;
        if (cfi == nullptr || dwarf_cfi_addrframe(cfi, pc - bias, &raw) != 0) return row;
    }
    const std::unique_ptr<Dwarf_Frame, void (*)(void*)> frame(raw, std::free);
    dwarf_frame_info(frame.get(), nullptr, nullptr, &row.signal_frame);
    set_cfa(frame.get(), row);
    row.return_address = rule(frame.get(), kDwarfReturnAddress);
    bool supported = row.return_address.kind != Rule::kUnsupported;
    for (std::uint8_t i = 0; i < kRsp; ++i) {
        row.saved[i] = rule(frame.get(), kDwarfNumbers[i]);
        supported = supported && row.saved[i].kind != Rule::kUnsupported;
    }
    // At the entry trampoline nothing but "there is no caller" counts.
    if (!supported && row.return_address.kind != Rule::kUndefined) row.kind = Row::kUnsupported;
    return row;
}

void CfiRows::grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    used_ = 0;
    for (Entry& entry : old) {
        if (entry.pc == 0) continue;
        std::size_t slot = (entry.pc * 0x9e3779b97f4a7c15ULL >> 32) & (entries_.size() - 1);
        while (entries_[slot].pc != 0)
            slot = (slot + 1) & (entries_.size() - 1);
        entries_[slot] = entry;
        ++used_;
    }
}

const CfiRows::Row& CfiRows::row(std::uint64_t pc) {
    const std::size_t mask = entries_.size() - 1;
    std::size_t slot = (pc * 0x9e3779b97f4a7c15ULL >> 32) & mask;
    while (entries_[slot].pc != 0 && entries_[slot].pc != pc)
        slot = (slot + 1) & mask;
    if (entries_[slot].pc == pc) return entries_[slot].row;
    if (used_ * 2 >= entries_.size()) {
        grow();
        return row(pc);
    }
    ++used_;
    entries_[slot] = {pc, build(pc)};
    return entries_[slot].row;
}

std::optional<UnwindEnd> CfiRows::walk(const CopiedStack& stack, UnwindStart& at,
                                       std::vector<std::uint64_t>& pcs, std::vector<std::uint64_t>* exact_pcs) {
    std::uint64_t& pc = at.pc;
    std::uint64_t(&registers)[kSavedRegistersCount] = at.registers;
    for (;;) {
        if (pcs.size() == kFramesMax) return UnwindEnd::kTooDeep;
        pcs.push_back(pc);
        if (at.exact && exact_pcs != nullptr) exact_pcs->push_back(pc);
        if (pc <= 1) return UnwindEnd::kNoRule;
        const Row& row = this->row(at.exact ? pc : pc - 1);
        if (row.kind == Row::kNone) return UnwindEnd::kNoRule;
        if (row.return_address.kind == Rule::kUndefined) return UnwindEnd::kEntry;
        const Rule& back = row.return_address;
        const bool readable = back.kind == Rule::kWordAtCfa || back.kind == Rule::kWordAtRegister;
        if (row.kind == Row::kUnsupported || !readable) return std::nullopt;

        std::uint64_t cfa = registers[row.cfa_base] + static_cast<std::uint64_t>(std::int64_t{row.cfa_offset});
        if (row.kind == Row::kCfaIsWord && !stack.word(cfa, &cfa)) return UnwindEnd::kBadMemory;
        // The caller's frame lies above: anything else is a broken stack, and could go round for ever.
        if (!stack.goes_up(registers[kRsp], cfa)) return UnwindEnd::kBadMemory;
        const auto beside_cfa = [&](const Rule& rule) {
            return cfa + static_cast<std::uint64_t>(std::int64_t{rule.offset});
        };
        const auto at_register = [&](const Rule& rule) {
            return registers[rule.base] + static_cast<std::uint64_t>(std::int64_t{rule.offset});
        };
        // By a register: the frame of a signal, whose registers all lie above the stack pointer.
        if (!stack.word(back.kind == Rule::kWordAtCfa ? beside_cfa(back) : at_register(back), &pc))
            return UnwindEnd::kBadMemory;
        std::uint64_t callers[kSavedRegistersCount];
        for (std::uint8_t i = 0; i < kRsp; ++i) {
            const Rule& rule = row.saved[i];
            callers[i] = registers[i];
            bool found = true;
            if (rule.kind == Rule::kWordAtCfa) found = stack.word(beside_cfa(rule), &callers[i]);
            if (rule.kind == Rule::kSumWithCfa) callers[i] = beside_cfa(rule);
            if (rule.kind == Rule::kWordAtRegister) found = stack.word(at_register(rule), &callers[i]);
            if (!found) return UnwindEnd::kBadMemory;
        }
        callers[kRsp] = cfa;
        std::memcpy(registers, callers, sizeof registers);
        at.exact = row.signal_frame;
    }
}

}  // namespace coroscope::inspect
