// Signals as the events of a trace tell them: what a keyframe said of them, brought forward.
//
// Thread: a pure function. Tested in tests/unit/traces/signal_codec_test.cpp.
#pragma once

#include <vector>

#include "instrumentation/inspect/signal_image.h"
#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {

// Counts an event of a signal that came after what `signals` (ascending by index) tells; others leave it as it is.
void count_signal(const wire::DecodedEvent& event, std::vector<inspect::SignalImage>& signals);

}  // namespace coroscope::traces
