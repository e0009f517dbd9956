// The row that checks an instrument: the p50 of the runtime's own switch histogram, read from the segment as any viewer reads
// it, against the same switches timed by the bench from outside.
//
// Conditions, the same for both at the same time: one process in which two coroutines yield to each other, while a watcher
// listens to nothing but switch profiling, with every switch stamped by the runtime. In *stamped* yields the bench's
// own fenced stamps stand around the call: last thing before yield() in one coroutine, first thing after it in the other; their
// calibrated cost is subtracted as the runtime subtracts its own. What the bench sees more than the runtime is the way from the caller
// into the stub and out again, and the runtime's two stamps, which are measured (same yields, period 1
// against no stamps) and subtracted too.
//
// The two agree when they differ by no more than `resolution`: that of the histogram (its resolution_ticks, half a bucket) and
// that of the bench's own stamps.
#pragma once

#include "driver/measure.h"

namespace coroscope::bench {

base::Result<RowResult> measure_switch_histogram(const Row& row, const Effort& effort);

}  // namespace coroscope::bench
