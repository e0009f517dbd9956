// Unwinding a copied stack with libunwind: the fallback where a row cache cannot follow, and the oracle of
// its tests.
//
// libunwind's ptrace helpers keep one image and map it anew at every other module; here its own questions are
// answered instead: find_proc_info from the binary search table of each module's .eh_frame_hdr, memory from
// the copy, then from the ELF files, then from the target. 3.6-7 us for a warm stack of 9 frames.
//
// libunwind is linked for remote use only (third_party/cmake): its own _Unwind_* must never shadow libgcc's.
//
// Thread: one at a time. Blocks: reads files on first use of a module. Tested in tests/unit/inspect.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/module_set.h"

namespace coroscope::inspect {

class Target;

class LibunwindWalker {
public:
    // `modules` must outlive this; `target` may be null.
    LibunwindWalker(ModuleSet& modules, const Target* target);
    ~LibunwindWalker();

    // What to make of frames that libunwind finds by rbp where there is no rule: they are no stack, which takes a question a frame and
    // four times as long; or as libunwind's users mostly do, and the bench, where it is the peer.
    enum class Guesses : std::uint8_t { kRefused, kTaken };
    // Appends program counters, the start's first.
    UnwindEnd walk(const CopiedStack& stack, const UnwindStart& start, std::vector<std::uint64_t>& pcs,
                   Guesses guesses = Guesses::kRefused);
    // From one frame to its caller; nothing when it has been made, else how the walk ends there.
    std::optional<UnwindEnd> step(const CopiedStack& stack, UnwindStart& at);

    struct Impl;  // known to the accessors

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace coroscope::inspect
