// The workers' threads: started with every signal blocked but faults and, where there is a signal thread, SIGPIPE, an alternate stack, and a
// warmed-up allocator and unwinder.
//
// Thread: the one that makes and destroys the Runtime.
#pragma once

#include <pthread.h>

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {

// A thread as workers have them: its stack, and its signal mask. False: the system gives none. Any thread.
bool make_worker_thread(pthread_t* thread, void* (*main)(void*), void* argument);
// The calling thread, made so, takes the place of the worker's own, which has ended by a fault (spare_workers.h); returns when the worker ends.
void take_over_worker(Worker& worker);

// Starts one thread a worker and waits until each is ready to run coroutines.
void start_workers(RuntimeState& state);
// After Scheduler::stop().
void join_workers(RuntimeState& state);

}  // namespace cprime::detail
