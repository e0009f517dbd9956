// Where size classes are larger than documented, and the sentences that say so: each once a process, on stderr, unless
// CPRIME_QUIET=1.
//
// Sanitizer builds have larger slots (pools.cpp). In code compiled without optimisation a class that was hinted at, declared or
// measured, and is Micro or Small, becomes the next one (sites.h). Under valgrind nothing is larger: its frames are the program's own.
//
// Thread: any. Tested in tests/unit/runtime/class_raising_test.cpp.
#pragma once

#include "cprime/place.h"

namespace cprime::detail {

// At the start of the runtime, when its pools stand.
void say_classes_of_this_build(bool quiet);
// A class was raised because the code at `place` was compiled without optimisation.
void say_unoptimised(const Place& place);

}  // namespace cprime::detail
