// What a keyframe says about how far the event rings were when it was read: the part of an image behind that of scheduling_codec, which files
// of before do not have.
//
// Thread: pure functions. Tested in tests/unit/traces/replay_test.cpp, fuzzed with the trace file.
#pragma once

#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "traces/bytes.h"

namespace coroscope::traces {

void put_ring_heads(ByteWriter& out, const std::vector<inspect::RingHead>& heads);
// Reads nothing where the file ends before; fails `in` on what cannot be.
void get_ring_heads(ByteReader& in, std::vector<inspect::RingHead>& heads);

}  // namespace coroscope::traces
