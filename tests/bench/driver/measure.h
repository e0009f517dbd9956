// Measures one row: all its series side by side, round by round in one run.
//
// A machine that is shared drifts; a figure from one minute says nothing about one from another. So a round asks
// every series once, one after the other, starting with another one each round, and a row is compared only within its
// own rounds. Processes are started anew a few times (a *generation*): where the loader and the kernel happened to
// put code and stacks is part of the noise. Minima are the result (what is added by others is never negative), medians stand
// beside them to show how noisy it was.
//
// Thread: the driver's only one. Blocks: for the whole row, some seconds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "driver/rows.h"
#include "instrumentation/base/result.h"

namespace coroscope::bench {

struct Effort {
    unsigned generations = 4;    // process starts a series
    unsigned rounds = 40;        // measurements a generation
    double batch_ns = 4e6;       // wanted length of one measurement: a scheduler slice or less
    double bytes_scale = 1.0;    // of Row::count
    unsigned memory_rounds = 3;  // of kBytes and kCold rows
    unsigned whole_rounds = 2;   // of kWhole rows: each takes some seconds
};

struct Figures {
    double minimum = 0;
    double median = 0;
    std::map<std::string, double> extra;  // of the best round
    std::string version;                  // of the system measured
};

struct RowResult {
    const Row* row = nullptr;
    std::vector<Figures> series;  // as Row::series
};

base::Result<RowResult> measure_row(const Row& row, const Effort& effort);

// Middle value (the mean of the two middle ones when even). `values` is not empty.
double median_of(std::vector<double> values);

}  // namespace coroscope::bench
