// Two runs held against each other, site by site: what their stacks held, how deep they went, how often they grew. Before and after a table, or
// before and after a change of the program.
//
// A side is rows of one run or of many, of a trace or of a table. Sites are matched as in a table (size_join.h), so that one that moved between two
// builds is one row; and what is left by file and function (size_match.h), so that a program of another name, or from another folder, is,
// too. What a side holds is counted as in a table: the most that each site had alive at once, in the class that it got; the sum is
// what they would hold together, and at least what the run held.
//
// Thread: pure. Tested in tests/unit/traces/size_compare_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/size_rows.h"

namespace coroscope::traces {

struct SizeSide {
    bool ran = false;  // the site was in this run
    wire::SizeClass class_used = wire::SizeClass::kMedium;
    std::uint64_t coroutines = 0, peak_coroutines = 0;
    std::uint64_t p50_bytes = 0, max_bytes = 0;
    std::uint64_t resident_bytes = 0;  // touched
    std::uint64_t migrations = 0;
};

struct SizeChange {
    std::string site;    // as the newer build has it
    std::string symbol;
    std::string site_before;  // where it moved from; "" = it did not
    SizeSide before, after;
};

struct SizeComparison {
    std::vector<SizeChange> sites;  // by what they held on the side that held more, most first
    SizeSide before, after;         // sums; the class says nothing, and the depths are the deepest of all
    // How many times less the stacks hold; 0 = nothing was held on a side.
    double shrunk() const {
        return before.resident_bytes == 0 || after.resident_bytes == 0
                   ? 0
                   : static_cast<double>(before.resident_bytes) / static_cast<double>(after.resident_bytes);
    }
};

SizeComparison compare_sizes(const SizeRows& before, const SizeRows& after);
nlohmann::json to_json(const SizeComparison& comparison);
std::string to_text(const SizeComparison& comparison);

}  // namespace coroscope::traces
