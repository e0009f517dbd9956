// The memory of one parked coroutine's stacks, word by word, with what is known of each part: frames, saved registers, what is free, what the
// kernel never gave. For a person who wants to see what is really there.
//
//   one stack, high addresses first                          RawStackPiece
//     colour     tops of equal strides are set apart             high .. top
//     frames     in use                                          used_low .. high
//     free       of frames that are gone, or never used          low .. used_low      (the coroutine's high water lies in here)
//     canary, header of a segment                                at low
//     guard      unreadable; opened when the stack grows         below
//
// Read while the program runs: the coroutine's sequence before and after says whether all of it is of one moment [coroutine.sequence]. Pages
// that the program never touched are not read: a look would give them to it, and its own measure of depth would count them.
//
// Thread: one at a time for one Target. Blocks: some system calls, at most some MiB of copies.
// Tested in tests/unit/inspect/raw_stack_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/target.h"
#include "instrumentation/inspect/unwinder.h"

namespace coroscope::inspect {

// Neighbouring words with one answer.
struct RawStackRun {
    enum class Kind : std::uint8_t {
        kRead,       // its words are in RawStackPiece::words, from first_word
        kUntouched,  // pages that the kernel never gave: zero, if they were read
        kGuarded,    // cannot be read: a guard, or a reserve that has not been opened
        kNotRead,    // too much, or not permitted here
    };
    Kind kind = Kind::kRead;
    std::uint64_t low = 0, high = 0;
    std::size_t first_word = 0;
};

struct RawStackPiece {
    enum class Kind : std::uint8_t {
        kOwn,
        kSegment,
        kElsewhere
    };  // elsewhere: a coroutine that it resumes by hand
    Kind kind = Kind::kOwn;
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    std::uint64_t low = 0, high = 0;   // usable addresses
    std::uint64_t top = 0;             // with the colour
    std::uint64_t used_low = 0;        // in use from here up
    std::uint64_t limit = 0;           // stack limit (wire/stack_segment.h); 0 = it never grows by segment
    std::uint64_t canary_low = 0;      // where its canary lies; 0 = it has a guard instead
    std::uint64_t high_water_low = 0;  // deepest address that was seen in use; 0 = not measured
    std::vector<RawStackRun> runs;     // ascending, from low to top, without gaps
    std::vector<std::uint64_t> words;

    // The word at an address; false when it was not read.
    bool word(std::uint64_t address, std::uint64_t* to) const;
};

struct RawStack {
    std::uint64_t identity = 0;
    std::uint32_t sequence = 0;
    Consistency consistency = Consistency::kRunning;
    std::uint64_t rsp = 0, rip = 0;          // of the saved registers; 0 while it runs
    std::vector<RawStackPiece> pieces;       // innermost first
    std::vector<FrameLayout> frames;         // innermost first; what could be laid out
    UnwindEnd end = UnwindEnd::kNotUnwound;  // why `frames` ends
};

// Reads the stack of the coroutine with this identity as it is now; `state` says where slots lie. Errors: kGone (it has ended), kUnreadable.
base::Result<RawStack> read_raw_stack(Target& target, Unwinder& unwinder, const StateImage& state,
                                      std::uint64_t identity);

}  // namespace coroscope::inspect
