// What a keyframe says about signals: the last part of an image, behind that of ring_heads_codec, which files of before do not have. Those told how
// many became coroutines, by number, in the image's header.
//
// Thread: pure functions. Tested in tests/unit/traces/signal_codec_test.cpp, fuzzed with the trace file.
#pragma once

#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "traces/bytes.h"

namespace coroscope::traces {

void put_signals(ByteWriter& out, const std::vector<inspect::SignalImage>& signals);
// Leaves `signals` as it is where the file ends before; fails `in` on what cannot be.
void get_signals(ByteReader& in, std::vector<inspect::SignalImage>& signals);

}  // namespace coroscope::traces
