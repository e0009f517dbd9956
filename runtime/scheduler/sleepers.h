// The hook of WaitReason::kSleep.
#pragma once

#include "runtime/scheduler/parking.h"

namespace cprime::detail {

bool unlink_sleeper(Worker* worker, std::uint32_t index, std::uint32_t object, std::uint32_t sequence,
                    wire::WakeCause cause);

}  // namespace cprime::detail
