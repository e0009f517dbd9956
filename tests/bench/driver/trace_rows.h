// Rows about trace files: a recording of the demo, made when the first of them is asked for, is written, scanned and opened again.
//
//   kTraceLog     the same, through all that a recorder's log thread does with what was drained: counts, tally, chunks; as columns (ours), verbatim,
//                 and counted alone, as of a session that does not record
//   kTraceWrite   nanoseconds of processor time an event through TraceWriter into a file in memory: as lz4 columns (ours), as slots (a program that
//                 emits faster than that), as zstd columns (compact). Details: bytes an event, and of the recording with all its keyframes and
//                 tables
//   kTraceScan    nanoseconds of processor time an event: types and stamps (ours), whole rows, both again of the compacted file. Details: million
//                 events a second
//   kTraceOpen    milliseconds to open a file of `count` events, the recording's chunks again and again with stamps and positions moved on: by its
//                 footer (ours), by walking where there is none, and up to the first picture (a Moment in the midst of it). Details: its bytes
//
// Thread: the driver's only one, beside the recorder's. Blocks: for the whole row; a file of 10^9 events takes half a minute and 2 GB in TMPDIR.
#pragma once

#include "driver/measure.h"

namespace coroscope::bench {

base::Result<RowResult> measure_trace_write(const Row& row, const Effort& effort);
base::Result<RowResult> measure_trace_log(const Row& row, const Effort& effort);
base::Result<RowResult> measure_trace_scan(const Row& row, const Effort& effort);
base::Result<RowResult> measure_trace_open(const Row& row, const Effort& effort);

}  // namespace coroscope::bench
