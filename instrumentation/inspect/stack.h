// Unwound stacks as values: program counters first, names later.
//
// Thousands of parked coroutines share a few stacks, so a StackTable keeps each distinct list of program
// counters once and names it by a number; frames are symbolised only when somebody looks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "instrumentation/inspect/state_image.h"

namespace coroscope::inspect {

inline constexpr std::uint32_t kFramesMax = 512;  // deeper stacks are cut and say so

// One level of a stack as shown: several share a pc when functions were inlined (innermost first, `inlined`
// on all but the last).
struct Frame {
    std::uint64_t pc = 0;
    std::string function;  // demangled; "" = unknown
    std::string file;      // "" = unknown
    std::uint32_t line = 0;
    std::string module;  // path of the ELF file; "" = unknown
    bool inlined = false;
    std::uint64_t module_offset = 0;  // pc, counted from where the module is mapped; 0 = not known
};
// "libfoo.so+0x1a2b" for a frame without a name; "" when it lies in no module.
std::string module_place(const Frame& frame);

enum class UnwindEnd : std::uint8_t {
    kEntry = 0,       // reached the coroutine's trampoline: the whole stack
    kNoRule = 1,      // no unwind information for a pc
    kBadMemory = 2,   // a needed word lies outside the copy
    kTooDeep = 3,     // kFramesMax
    kNotUnwound = 4,  // running, torn, or refused
};
const char* unwind_end_name(UnwindEnd end);

// A copied piece of the target's stack: `bytes` bytes that lay at `address`.
struct StackBytes {
    std::uint64_t address = 0;
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;

    // Reads the word at an address of the target; false when it does not lie inside.
    bool word(std::uint64_t at, std::uint64_t* to) const;
};

// A copied stack: the piece of the innermost frames, then those on the stacks before it, if it goes over segments.
class CopiedStack {
public:
    CopiedStack(const StackBytes& innermost, const StackBytes* older, std::size_t older_count)
        : innermost_(innermost), older_(older), older_count_(older_count) {}

    // Reads the word at an address of the target; false when it was not copied.
    bool word(std::uint64_t at, std::uint64_t* to) const;
    // Whether a frame whose caller's frame begins at `cfa` can follow one at `rsp`: further up, or on an older stack.
    bool goes_up(std::uint64_t rsp, std::uint64_t cfa) const;

private:
    std::size_t piece_of(std::uint64_t at) const;  // older_count_ + 1: none

    StackBytes innermost_;
    const StackBytes* older_;
    std::size_t older_count_;
};

// The stack of one coroutine at one moment.
struct StackRef {
    std::uint64_t identity = 0;
    std::uint32_t sequence = 0;  // CoroutineRecord::sequence it belongs to
    Consistency consistency = Consistency::kRunning;
    UnwindEnd end = UnwindEnd::kNotUnwound;
    std::uint32_t stack = wire::kNone;  // in the StackTable
    std::uint32_t used_bytes = 0;       // high end - (rsp after the saved frame)

    bool operator==(const StackRef&) const = default;
};

// Distinct stacks by number. Not thread-safe while adding.
class StackTable {
public:
    // Number of this list of pcs (innermost first), adding it when new.
    std::uint32_t add(const std::vector<std::uint64_t>& pcs);
    // Its pcs; none for a number that is not (yet) in the table, such as StackRef::stack of a stack that was
    // not unwound.
    const std::vector<std::uint64_t>& pcs(std::uint32_t stack) const {
        return stack < stacks_.size() ? stacks_[stack] : empty_;
    }
    std::size_t size() const { return stacks_.size(); }

private:
    std::vector<std::vector<std::uint64_t>> stacks_;
    std::vector<std::uint64_t> empty_;
    std::unordered_multimap<std::uint64_t, std::uint32_t> by_hash_;
};

// Every stack of a target at one moment.
struct StackSnapshot {
    std::uint64_t taken_ticks = 0;
    std::vector<StackRef> stacks;  // ascending identity
    std::uint64_t torn = 0, running = 0, failed = 0;

    const StackRef* find(std::uint64_t identity) const;  // binary search
};

// An ELF file mapped in the target.
struct Module {
    std::string path;
    std::uint64_t low = 0, high = 0;  // address range in the target
    std::string build_id;             // hex; "" = none
    // Of one that is no file: the vdso. nullptr: the file at `path`.
    std::shared_ptr<const std::vector<std::uint8_t>> image = nullptr;
};

}  // namespace coroscope::inspect
