// The hook of WaitReason::kSuspended.
//
// Who suspended itself stands in no list: whoever changes its state under its lock in Joiners has the right to wake it. That lock is
// taken because resume() and is_complete() must know, too, whether the index still is the coroutine that the handle names.
#pragma once

#include "runtime/scheduler/parking.h"

namespace cprime::detail {

bool unlink_suspended(Worker* worker, std::uint32_t index, std::uint32_t object, std::uint32_t sequence,
                      wire::WakeCause cause);

}  // namespace cprime::detail
