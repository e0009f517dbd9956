// What a keyframe says about who woke whom, selects and the workers' queues: the part of an image behind that of pending_codec, which files
// of before do not have.
//
// Columns for the workers and coroutines that image_codec wrote before; then the arms of waiting selects, and the selects in the code.
//
// Thread: pure functions. Tested in tests/unit/traces/scheduling_codec_test.cpp, fuzzed with the trace file.
#pragma once

#include "instrumentation/inspect/state_image.h"
#include "traces/bytes.h"

namespace coroscope::traces {

// False: there is nothing to write, and the image is written as it was before.
// `coroutines`: whose wakers are written.
bool has_scheduling(const inspect::StateImage& image, const std::vector<inspect::CoroutineImage>& coroutines);
void put_scheduling(ByteWriter& out, const inspect::StateImage& image,
                    const std::vector<inspect::CoroutineImage>& coroutines);
// The workers and coroutines of `image` are there already. Reads nothing where the file ends before; fails `in` on what cannot be.
void get_scheduling(ByteReader& in, inspect::StateImage& image);

}  // namespace coroscope::traces
