// What the compiler wrote down about the stack of one function: for each piece of its code, where its canonical frame address lies.
//
// inspect's CfiRows answers the same for single program counters of a process that runs; here a whole function of a file is asked, in order.
// Only the rule of the CFA is read: the canonical frame address is what rsp was before the call, so the height of the stack follows from it.
//
// Thread: one at a time. Blocks: reads .eh_frame at the first question. Tested in tests/unit/bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/bounds/binary.h"

extern "C" {
struct Dwarf_CFI_s;
}

namespace coroscope::bounds {

// The CFA in [low, high) is register + offset, or the word that lies there. Registers have their DWARF numbers: rsp is 7, rbp is 6.
struct CfaRow {
    enum class Kind : std::uint8_t { kSum, kWord, kOther };
    std::uint64_t low = 0, high = 0;
    std::int32_t offset = 0;
    std::uint8_t from = 0;
    Kind kind = Kind::kOther;
};

class CfaRows {
public:
    explicit CfaRows(Binary& binary) : binary_(binary) {}

    // Ascending; gaps where nothing is said. More than kRowsMax are cut off, which leaves a gap.
    static constexpr std::size_t kRowsMax = 8192;
    std::vector<CfaRow> rows(std::uint64_t low, std::uint64_t high);

private:
    void open();

    Binary& binary_;
    bool opened_ = false;
    Dwarf_CFI_s* cfi_ = nullptr;  // libdw's, as long as its Elf lives
    struct End {
        void operator()(Dwarf_CFI_s* cfi) const;
    };
    std::unique_ptr<Dwarf_CFI_s, End> owned_;
};

}  // namespace coroscope::bounds
