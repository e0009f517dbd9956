// Prints results: a table for people, or the one JSON object that others rely on.
//
//   {"machine": TEXT, "versions": {PEER: TEXT}, "rows": [{"name", "unit", "ours", "peers": {PEER: value},
//    "ratio": {PEER: ours/peer}, "ours_median", "peers_median": {PEER: value}, "details": {SERIES: {KEY: value}}}]}
//
// `ours` and `peers` are minima. A ratio is absent where the peer's value is 0.
#pragma once

#include <string>
#include <vector>

#include "driver/measure.h"

namespace coroscope::bench {

std::string as_json(const std::vector<RowResult>& results);
std::string as_table(const RowResult& result);
// Processor, how many, kernel, as one line.
std::string machine_text();

}  // namespace coroscope::bench
