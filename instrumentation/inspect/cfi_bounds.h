// Whether the call frame information of a module keeps to registers that exist.
//
// libdw makes room for every register that an instruction names, up to gigabytes for a number that no machine has: so whoever hands it a file
// that is not trusted looks at the instructions first. Of each section once, some milliseconds for the largest libraries.
//
// Thread: one at a time. Blocks: reads the section. Tested in tests/unit/inspect/cfi_bounds_test.cpp; what it lets through is fuzzed by
// tests/fuzz/cfi_fuzz.cpp.
#pragma once

#include <gelf.h>

#include <cstdint>

namespace coroscope::inspect {

enum class CfiSection : std::uint8_t { kEhFrame, kDebugFrame };

inline constexpr std::uint64_t kCfiRegistersMax = 256;  // x86-64 has 17 that matter; DWARF numbers go up to 125

// False when some entry of the section names another register, or when its instructions end in the middle of one; also for .eh_frame in a file
// without sections.
bool registers_exist(Elf* elf, CfiSection section);

}  // namespace coroscope::inspect
