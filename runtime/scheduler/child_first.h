// Child first: a spawn that runs the child at once; the spawner is ready and goes on when the child waits or ends, or where somebody stole it.
//
// The spawner gives way as if it had yielded; its worker touches nothing of it once it stands in the queue. Where the newest comes first
// (RuntimeOptions::child_first) it stands in the deque, so that it is the next here and thieves take the oldest spawner; else it stands where
// whom the running coroutine woke stands, and follows if that place was free.
//
// Thread: the worker's, on its own stack. Private to this folder. Tested in tests/unit/runtime/child_first_test.cpp.
#pragma once

#include "cprime/detail/park.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// `parent` runs on the worker and has just made `child`, which is published but stands in no queue yet. A parent that does not stand in workers'
// queues (of another priority, bound) goes on, and the child stands in line.
ResumePoint run_child_first(Worker& worker, std::uint32_t parent, std::uint32_t child);

}  // namespace cprime::detail
