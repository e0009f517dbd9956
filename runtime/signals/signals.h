// Signals as the rest of the runtime sees them: a thread that turns each into a coroutine.
//
//   start_signals   runtime's start: blocks the handled signals in the calling thread (and in every thread made later), starts
//                   the signal thread
//   stop_signals    runtime's end, before the last workers stop: no further coroutine is made; joins the thread, gives the
//                   calling thread its old mask back
//   end_signals     when no worker is left that could tell the signal thread anything
//
// What users call is in cprime/signal.h.
//
// Thread: the one that makes and destroys the Runtime, but for what is marked.
#pragma once

#include "cprime/runtime.h"

namespace cprime::detail {

// After pools and scheduler stand, before workers run. False, with nothing changed, when there is no thread to be had. What cannot be handled, or
// is said twice, ends the process with a sentence.
bool start_signals(const RuntimeOptions& options);

void stop_signals();
void end_signals();

// Whether the program has handlers of its own, which may wake coroutines. Any thread.
bool signals_are_handled();

// Whether threads that run coroutines are to let SIGPIPE through. The kernel sends it to the very thread that wrote to a closed pipe, where nobody
// else can take it: the forwarder does, when the program handles it; until then, and while the last coroutines end, it is ignored. False: there is
// no signal thread, and what SIGPIPE does is the program's affair. Who makes such threads.
bool workers_let_broken_pipes_through();

// The handler of a signal that the system sent has had its first turn. Workers.
void signal_handler_has_begun();
// A slot for handlers has been given back. Workers, under no lock of the pools.
void signal_slot_is_back();

}  // namespace cprime::detail
