// The histogram of switch costs: one switch in N is stamped by the assembly, from its entry into the runtime to the next
// coroutine's first instruction, and counted here less the calibrated cost of the stamps.
//
//   resume n     countdown over: sampling = 1
//   call n+1     entry stamps (sampling = 2); resume n+1 finds 2: pending; exit stamps (sampling = 0)
//   resume n+2   pending: the pair is counted, the countdown starts anew
// A call that returns to the same coroutine passes no resume, so it is never pending; one that idles is spoiled.
//
// Thread: the worker's own. Nothing while nobody listens to kProfileSwitches: one load and one branch a switch.
// Tested in tests/unit/runtime/switch_histogram_test.cpp.
#pragma once

#include "instrumentation/emit/probes.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// At the worker's start, on its thread: measures what the stamps cost.
void calibrate_stamps(Worker& worker);

void note_measured_switch(Worker& worker);

// At every resume. Most only count down.
inline void note_switch(Worker& worker) {
    if (__builtin_expect(!emit::listening(wire::kProfileSwitches), 1)) return;
    const bool counts_down = worker.sampling == 0 && !worker.sample_pending && worker.sample_countdown > 1;
    if (__builtin_expect(counts_down, 1)) {
        --worker.sample_countdown;
    } else {
        note_measured_switch(worker);
    }
}

// The present call idles: what it takes is no switch.
inline void spoil_sample(Worker& worker) {
    worker.sampling = 0;
}

}  // namespace cprime::detail
