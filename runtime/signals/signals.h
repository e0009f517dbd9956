// Signals as the rest of the runtime sees them: a thread that turns each into a coroutine.
//
//   start_signals   runtime's start: blocks the handled signals in the calling thread (and in every thread made later), starts
//                   the signal thread
//   stop_signals    runtime's end, before the last workers stop: no further coroutine is made; joins the thread, gives the
//                   calling thread its old mask back
//
// What users call is in cprime/signal.h.
//
// Thread: the one that makes and destroys the Runtime.
#pragma once

namespace cprime::detail {

// After pools and scheduler stand, before workers run. False, with nothing changed, when there is no thread to be had.
bool start_signals();

void stop_signals();

// Whether the program has handlers of its own, which may wake coroutines. Any thread.
bool signals_are_handled();

}  // namespace cprime::detail
