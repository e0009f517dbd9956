// Unwinding by a cache of call frame rows: one row a program counter, read once from .eh_frame through libdw.
//
//   row(pc - 1):  CFA = register + offset            (or the word there, for realigned frames)
//                 each saved register, the return address = word at CFA + offset   (or a sum, or unchanged)
//
// Parked stacks of one program stand at a few hundred places, so nearly every step is a look-up: 0.1-0.3 us a
// stack against 3.6-7 us with libunwind. At a frame that a row cannot express (general DWARF expressions) walk()
// stops, and the caller asks libunwind, the oracle of the tests, for that one step.
//
// Thread: one at a time. Blocks: reads the module's file on the first pc in it. Tested in tests/unit/inspect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "instrumentation/inspect/cfi_bounds.h"
#include "instrumentation/inspect/dwfl_modules.h"
#include "instrumentation/inspect/stack.h"

namespace coroscope::inspect {

// The registers a call preserves, as the walk carries them.
enum SavedRegister : std::uint8_t { kRbx, kRbp, kR12, kR13, kR14, kR15, kRsp, kSavedRegistersCount };

// Where a walk begins, or has come to.
struct UnwindStart {
    std::uint64_t pc = 0;
    bool exact = false;  // pc is where execution stands; else a return address, to be looked up at pc - 1
    std::uint64_t registers[kSavedRegistersCount] = {};
};

// One level of a walked stack as it lies in memory: its words are those between the CFA of the level inside it (of the innermost: the stack
// pointer it was left with) and its own.
struct FrameLayout {
    std::uint64_t pc = 0;         // as walk() lists it
    std::uint64_t cfa = 0;        // where its caller's words begin; 0 = not known (the outermost)
    std::uint64_t return_at = 0;  // address of the word that holds its return address; 0 = it has none
    std::uint64_t saved_at[kRsp] =
        {};  // address of the word in which it keeps its caller's rbx .. r15; 0 = it does not
};

class CfiRows {
public:
    explicit CfiRows(DwflModules& modules) : modules_(modules), entries_(1024) {}

    // Appends program counters, the start's first. Nothing when a row is beyond this class: `at` is then the frame
    // whose caller it could not find, and the last of `pcs`. `exact_pcs` (may be null) gets those at which execution stood: the start's, if so,
    // and what signals interrupted.
    std::optional<UnwindEnd> walk(const CopiedStack& stack, UnwindStart& at, std::vector<std::uint64_t>& pcs,
                                  std::vector<std::uint64_t>* exact_pcs = nullptr);

    // The same walk, saying where each level's words lie and which of them hold saved registers: for one stack that somebody looks at. What
    // a row cannot express ends it with kNoRule; `frames` then holds the levels inside of it. (cfi_layout.cpp)
    UnwindEnd layout(const CopiedStack& stack, const UnwindStart& start, std::vector<FrameLayout>& frames);

private:
    struct Rule {
        enum Kind : std::uint8_t {
            kSame,
            kUndefined,
            kWordAtCfa,
            kSumWithCfa,
            kWordAtRegister,
            kUnsupported
        };
        Kind kind = kSame;
        std::uint8_t base = 0;  // SavedRegister, for kWordAtRegister
        std::int32_t offset = 0;
    };
    struct Row {
        enum Kind : std::uint8_t { kNone, kCfaIsSum, kCfaIsWord, kUnsupported };
        Kind kind = kNone;  // kNone: no rule for this pc
        std::uint8_t cfa_base = 0;
        bool signal_frame = false;
        std::int32_t cfa_offset = 0;
        Rule saved[kRsp];  // rbx..r15; rsp becomes the CFA
        Rule return_address;
    };
    struct Entry {
        std::uint64_t pc = 0;  // 0 = empty
        Row row;
    };

    bool trusts(Dwfl_Module* module, CfiSection section);
    const Row& row(std::uint64_t pc);
    Row build(std::uint64_t pc);
    static void set_cfa(Dwarf_Frame* frame, Row& row);
    static Rule rule(Dwarf_Frame* frame, int dwarf_register);
    void grow();

    DwflModules& modules_;
    std::vector<Entry> entries_;  // open addressing, a power of two many
    std::size_t used_ = 0;
    std::map<std::pair<Dwfl_Module*, CfiSection>, std::optional<bool>> trusted_;
};

}  // namespace coroscope::inspect
