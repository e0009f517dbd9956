// A coroutine that was made ready on a worker gets its place in that worker's queue.
//
// Thread: the worker's, on its own stack. Private to this folder.
#pragma once

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// `follows`: it runs as soon as the running coroutine parks; else it stands in line. Tells somebody who sleeps.
[[gnu::always_inline]] inline void enqueue(Worker& worker, std::uint32_t index, bool follows) {
    const bool stands = follows ? worker.queue.push_next(index) : worker.queue.push(index);
    if (__builtin_expect(!stands, 0)) g_runtime->scheduler.inject(index);
    if (worker.several_workers) g_runtime->scheduler.notify();
}

}  // namespace cprime::detail
