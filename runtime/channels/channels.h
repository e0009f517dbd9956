// Channels as the rest of the runtime sees them: they start and stop with it.
//
// Place: called by the runtime's entry only. What coroutines call is in cprime/detail/channel_calls.h; what channels do is in
// operations.cpp, handles.cpp and channel_tables.cpp.
//
// Thread: the one that makes and destroys the Runtime.
#pragma once

#include "instrumentation/emit/state_segment.h"

namespace cprime::detail {

// Before the first worker starts, after the segment stands. Installs the unlink hooks of both channel wait reasons.
void start_channels(coroscope::emit::StateSegment& segment);

// At shutdown, when no coroutine is left: threads that are no workers and still wait on a channel are woken with `cancelled`, and
// later calls of theirs answer `cancelled` at once instead of waiting.
void cancel_channel_threads();

// After the last worker ended and before the segment goes. Items that are left are destroyed here; handles that outlive the
// runtime (in static variables, say) know it and do nothing.
void stop_channels();

}  // namespace cprime::detail
