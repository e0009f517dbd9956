// What a keyframe says about armed timers and the side pool of blocking calls: the part of an image behind that of growth_codec, which
// files of before do not have.
//
// Thread: pure functions. Tested in tests/unit/traces/pending_codec_test.cpp, fuzzed with the trace file.
#pragma once

#include "instrumentation/inspect/state_image.h"
#include "traces/bytes.h"

namespace coroscope::traces {

// False: no timer is armed and there never was a blocking call; the image is written as it was before.
bool has_pending(const inspect::StateImage& image);
void put_pending(ByteWriter& out, const inspect::StateImage& image);
// The workers of `image` are there already. Reads nothing where the file ends before; fails `in` on what cannot be.
void get_pending(ByteReader& in, inspect::StateImage& image);

}  // namespace coroscope::traces
