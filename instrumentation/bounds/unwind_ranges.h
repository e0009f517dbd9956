// Where functions begin and end according to the unwind tables: what is left of a binary's functions when it has been stripped.
//
// Each entry (FDE) of .eh_frame says the code that it is about: one function, or a part of one that lies elsewhere. The tables stay in stripped
// libraries, since exceptions need them. Called by Binary, which takes those that no symbol covers.
//
// The file may be anything: what cannot be read is left out. Thread: one at a time. Blocks: reads the section. Tested in
// tests/unit/bounds/library_test.cpp.
#pragma once

#include <gelf.h>

#include <cstdint>
#include <vector>

namespace coroscope::bounds {

struct CodeRange {
    std::uint64_t low = 0, high = 0;
};

// In the order of the section; without those in sections of stubs (.plt and its kin), whose entries are about many stubs at once.
std::vector<CodeRange> unwind_ranges(Elf* elf);

}  // namespace coroscope::bounds
