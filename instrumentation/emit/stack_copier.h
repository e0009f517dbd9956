// Copies the stack of a parked coroutine into a file, from inside the target.
//
// For viewers that may not read the target's memory themselves (containers, seccomp, Yama): the agent copies on their
// request. The kernel does the reading (pwrite), so a stack that goes away meanwhile costs an EFAULT and not the target's
// life; the coroutine's sequence, read before and after, says whether the copy is of one moment (wire/coroutine.h).
//
// Thread: any, in practice the agent's. Blocks: as a write into memory does. Tested in
// tests/unit/emit/stack_copier_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/handshake.h"

namespace coroscope::emit {

// Copies coroutine `index` to `offset` of `fd`, at most `room_bytes`. The result's bytes are 0 when there is nothing to be
// had: it runs, changed meanwhile (after a few attempts), names no stack of ours, or there is no room.
wire::StackCopied copy_stack(StateSegment& state, std::uint32_t index, int fd, std::uint32_t offset,
                             std::uint64_t room_bytes);

}  // namespace coroscope::emit
