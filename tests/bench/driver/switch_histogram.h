// The row that checks an instrument: the p50 of the runtime's own switch histogram, read from the segment as any viewer reads
// it, against the same switches timed by the bench from outside.
//
// One process, two coroutines that yield to each other, three measurements in turn each round:
//   ours          a viewer listens to switch profiling alone, every switch stamped by the runtime; p50 of what the histogram gained
//   bench_stamps  nobody listens; the bench's own fenced stamps stand around yield(), last thing before it in one coroutine,
//                 first thing after it in the other; p50 (mean of the middle half) less the calibrated cost of two stamps
//   details       the histogram at the default period; and the bare throughput of the same yields, which is not the
//                 same thing: without fences neighbouring switches overlap in the processor
//
// The bench sees a little more than the runtime does: the call into the stub and six pushes. The two agree when they
// differ by no more than the resolution: the histogram's own (resolution_ticks, or half a bucket where that is more) plus
// that of the bench's stamps.
#pragma once

#include "driver/measure.h"

namespace coroscope::bench {

base::Result<RowResult> measure_switch_histogram(const Row& row, const Effort& effort);

}  // namespace coroscope::bench
