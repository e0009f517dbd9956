// The row `ring_to_memory`: a ring that is emptied while it is written.
#pragma once

#include "instrumentation/emit/ring_writer.h"
#include "runner/runner.h"

namespace coroscope::bench {

// `count` events, whose stamp is there already, that one thread writes while another empties the ring as a recorder's drain thread does:
// what there is, into memory of its own, then a pause. "dropped" are those that found the ring full, "wrong" slots that are not what was written.
// `million_per_s`: no faster than that; 0 = as fast as it goes.
Measured ring_to_memory(emit::RingSegment& segment, emit::RingWriter& writer, std::uint64_t count, std::uint64_t million_per_s);

}  // namespace coroscope::bench
