// Rows of .eh_frame through libdw, which caches each entry it has parsed.
#include "instrumentation/bounds/cfa_rows.h"

#include <dwarf.h>
#include <elfutils/libdw.h>

#include <algorithm>
#include <cstdlib>

#include "instrumentation/inspect/cfi_bounds.h"

namespace coroscope::bounds {
namespace {

constexpr std::uint64_t kRegistersCount = 16;

void read_rule(Dwarf_Frame* frame, CfaRow& row) {
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (dwarf_frame_cfa(frame, &ops, &count) != 0 || count == 0 || count > 2) return;
    std::uint64_t from = 0;
    std::int64_t offset = 0;
    if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
        from = ops[0].atom - DW_OP_breg0;
        offset = static_cast<std::int64_t>(ops[0].number);
    } else if (ops[0].atom == DW_OP_bregx) {
        from = ops[0].number;
        offset = static_cast<std::int64_t>(ops[0].number2);
    } else {
        return;
    }
    if (from >= kRegistersCount || offset != static_cast<std::int32_t>(offset)) return;
    row.from = static_cast<std::uint8_t>(from);
    row.offset = static_cast<std::int32_t>(offset);
    if (count == 1) row.kind = CfaRow::Kind::kSum;
    if (count == 2 && ops[1].atom == DW_OP_deref) row.kind = CfaRow::Kind::kWord;
}

}  // namespace

void CfaRows::End::operator()(Dwarf_CFI_s* cfi) const {
    dwarf_cfi_end(cfi);
}

void CfaRows::open() {
    opened_ = true;
    if (!inspect::registers_exist(binary_.elf(), inspect::CfiSection::kEhFrame)) return;
    owned_.reset(dwarf_getcfi_elf(binary_.elf()));
    cfi_ = owned_.get();
}

std::vector<CfaRow> CfaRows::rows(std::uint64_t low, std::uint64_t high) {
    if (!opened_) open();
    std::vector<CfaRow> rows;
    if (cfi_ == nullptr) return rows;
    for (std::uint64_t at = low; at < high && rows.size() < kRowsMax;) {
        Dwarf_Frame* frame = nullptr;
        if (dwarf_cfi_addrframe(cfi_, at, &frame) != 0) break;
        Dwarf_Addr from = 0;
        Dwarf_Addr to = 0;
        bool signal = false;
        dwarf_frame_info(frame, &from, &to, &signal);
        CfaRow row;
        row.low = at;
        row.high = std::min<std::uint64_t>(to, high);
        if (!signal) read_rule(frame, row);
        std::free(frame);
        if (row.high <= at) break;
        at = row.high;
        rows.push_back(row);
    }
    return rows;
}

}  // namespace coroscope::bounds
