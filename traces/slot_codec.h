// Event slots that are not columns: as they lay in the ring, and as files of version 1 hold them.
//
//   slots       16 bytes each, lap bytes and all
//   version 1   count | stamps (differences, for EXT its 48 payload bits, as varints) | types | low words | high words
//
// Thread: any. Tested in tests/unit/traces/event_columns_test.cpp and, by a file of version 1, in golden_test.cpp; fuzzed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/event.h"

namespace coroscope::traces {

// Into `slots`, lap bytes 0. Errors: kCorrupt.
base::Status decode_slots(std::span<const std::uint8_t> bytes, std::vector<wire::EventSlot>& slots);
base::Status copy_slots(std::span<const std::uint8_t> bytes, std::vector<wire::EventSlot>& slots);

}  // namespace coroscope::traces
