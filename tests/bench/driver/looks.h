// Rows about looking into a program: how fast, against libunwind in the same run, and what it costs the program.
//
//   kUnwind    the copies of `count` parked stacks lie in memory; our walk and libunwind's over all of them in turn (minimum and median)
//   kStacks    a look as a viewer takes it, at a program that goes on: read the state plane, copy, unwind, merge, name. Warm: rules and names
//              have been asked for once. Nothing is reused from the look before. With libunwind in place of our walk: the peer
//   kWatched   work of the target by its own processor time, one worker, in pairs: a session that refreshes at 10 Hz, nobody, and a session that
//              also listens to all events and stamps switches. Which comes first changes from pair to pair; the *median* of the pairs' ratios is the
//              figure that counts ("loss_percent"), and the order in which they come does not favour one
//
// libunwind is set up as in inspect/libunwind_walker.h: own find_proc_info, accessors over the copy, a global cache of 2048.
//
// Thread: the driver's only one. Blocks: for the whole row.
#pragma once

#include "driver/measure.h"

namespace coroscope::bench {

base::Result<RowResult> measure_unwind(const Row& row, const Effort& effort);
base::Result<RowResult> measure_stacks(const Row& row, const Effort& effort);
base::Result<RowResult> measure_watched(const Row& row, const Effort& effort);

}  // namespace coroscope::bench
