// The state plane of a program that has ended, out of its core.
//
// The segment is found by its magic at the beginning of a writable mapping, so it makes no difference whether it was shared memory or (without
// a state plane) private. What the core holds of it is copied to where it lay in the segment, and StateReader decodes that as it
// does a living program's.
//
// Thread: any. Blocks: reads the core. Tested in tests/unit/inspect/core_file_test.cpp and tests/e2e/core_test.py; fuzzed.
#pragma once

#include <cstdint>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/core_file.h"
#include "instrumentation/inspect/state_reader.h"

namespace coroscope::inspect {

struct CoreState {
    StateReader reader;
    std::uint64_t missing_bytes = 0;  // of live chunks, that the core does not hold: their records are missing from images
};

// Errors: kUnreadable (no runtime in it, or its state plane was not dumped), kCorrupt, kVersion (which side to upgrade).
base::Result<CoreState> open_core_state(const CoreFile& core);

}  // namespace coroscope::inspect
