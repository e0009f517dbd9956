// Synchronisation objects as the rest of the runtime sees them: they start and stop with it.
//
// Place: called by the runtime's entry only. What coroutines call is in cprime/detail/waitable_calls.h; records are in waitable_tables, how
// one waits in waiting, and each kind of object has a file.
//
// Thread: the one that makes and destroys the Runtime.
#pragma once

#include "instrumentation/emit/state_segment.h"

namespace cprime::detail {

// Before the first worker starts, after the segment stands. Installs the unlink hooks of the wait reasons from kMutex to kOnce.
void start_waitables(coroscope::emit::StateSegment& segment);

// At shutdown, when no coroutine is left: threads that are no workers and still wait are woken with `cancelled`, and later calls of theirs answer
// `cancelled` at once instead of waiting.
void cancel_waitable_threads();

// After the last worker ended and before the segment goes. Objects that live on take with them what they keep (waitable_calls.h).
void stop_waitables();

}  // namespace cprime::detail
