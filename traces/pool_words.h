// How pools are named in reports.
//
// Thread: pure. Implemented in stat.cpp; tested with what prints it in tests/e2e/stack_pools_test.py.
#pragma once

#include "instrumentation/wire/pool.h"

namespace coroscope::traces {

const char* purpose_name(wire::PoolPurpose purpose);  // "ordinary" "wide" ...

}  // namespace coroscope::traces
