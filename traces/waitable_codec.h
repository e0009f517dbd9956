// What a keyframe says about mutexes and their kin: after growth, the last part of an image; files without any, and files of before, do not have it.
//
// Thread: pure functions. Tested in tests/unit/traces/waitable_codec_test.cpp, fuzzed with the trace file.
#pragma once

#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "traces/bytes.h"

namespace coroscope::traces {

void put_waitables(ByteWriter& out, const std::vector<inspect::WaitableImage>& waitables);
// Reads nothing where the file ends before; fails `in` on what cannot be.
void get_waitables(ByteReader& in, std::vector<inspect::WaitableImage>& waitables);

}  // namespace coroscope::traces
