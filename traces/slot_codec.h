// Event slots as columns: the payload of an events chunk.
//
//   count | stamps (differences, for EXT its 48 payload bits, as varints) | types | low words | high words
//
// The lap byte is not kept: it follows from the position. What is decoded equals what was encoded in every other bit.
//
// Thread: any. Tested in tests/unit/traces/slot_codec_test.cpp (round trips of generated slots), fuzzed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/event.h"

namespace coroscope::traces {

std::vector<std::uint8_t> encode_slots(std::span<const wire::EventSlot> slots);
// Lap bytes are 0. Errors: kCorrupt.
base::Result<std::vector<wire::EventSlot>> decode_slots(std::span<const std::uint8_t> bytes);

}  // namespace coroscope::traces
