// Nests: the heads of the lists of cprime/detail/nest.h, one word a coroutine, and what is done with them from outside.
//
// Heads lie in a table of their own, by coroutine index, so that coroutines that put up nothing pay nothing: 8 bytes each, in chunks that are
// mapped at the first use and kept; zeroes are empty lists. Threads that are no workers have one each. A coroutine that is resumed by hand takes
// its list with it: by_hand_enter() and by_hand_leave() change it with that of whoever resumes it.
//
// Every node is sealed: a word that follows from what it says and where it lies. Who walks a list of a coroutine that ended by a fault copies each
// node through the kernel, which answers with an error where the fault would be, and believes no word of one whose seal is not whole.
//
// Thread: a head belongs to who runs the coroutine; the scheduler's queues order them. Tested in tests/unit/runtime/defer_test.cpp.
#pragma once

#include <cstdint>

#include "cprime/detail/nest.h"

namespace cprime::detail {

struct ByHand;

// The list of whoever calls: the coroutine that runs on this thread, or the thread. Not kept over a switch.
Nest*& running_nests();

// Makes sure that no coroutine spawned in the near future is the first of its chunk, which would take memory.
void map_nests();

// How many defers ran, and whether the list was whole to its end.
struct RanDefers {
    std::uint32_t ran = 0;
    std::uint32_t failed = 0;  // of these: threw, and said so
    bool whole = true;         // false: a node was damaged; those further out did not run
};
// Runs what the coroutine deferred, newest first, those of coroutines by hand that it was resuming before its own, counts what it was recovering
// from as failed, and leaves it none. For one that will never run again and whose stack still stands. On any stack that has room for what users
// defer (Medium), not from a signal handler. Blocks for them.
RanDefers run_defers(std::uint32_t coroutine);

}  // namespace cprime::detail
