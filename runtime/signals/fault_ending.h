// The end of a coroutine that is abandoned after a fault.
//
//   end_faulted()      on the worker's own stack: the stack it died on is put in quarantine, the coroutine gets a fresh one from the signal pools
//   on the fresh stack: what it has deferred runs, the handler is spawned, application signals that waited for it to end are handled, and Fault is
//                       thrown, which ends it as any exception does
//   its exit            gives the fresh stack back, and leaves the record for ever, with the old one's place, as exited and abandoned
//
// The old slot keeps its bit in the pool's bitmap: nobody is given it, nobody trims it, and the heatmap finds the abandoned record on it.
// A second fault, in what was deferred, does the same once more without that; a third ends the program.
//
// Thread: the worker's. Tested in tests/unit/runtime/fault_test.cpp.
#pragma once

#include <cstdint>

#include "cprime/detail/park.h"
#include "instrumentation/wire/coroutine.h"

namespace cprime::detail {

// The runtime call that a worker finds itself in after a fault; argument: FaultSeen. Answers with the same coroutine.
ResumePoint end_faulted(Worker* worker, std::uint32_t index, void* seen) noexcept;

// A frame that ends the walk of whoever looks at a worker in end_faulted().
const coroscope::wire::SavedFrame* end_of_stack();

// By the exit of an abandoned coroutine, under its lock in Joiners, before its last sequence is stored.
void leave_in_grave(std::uint32_t index);

extern "C" void cprime_fault_landing();  // park_x86_64.S; an address only

}  // namespace cprime::detail
