// Row model of the Compare view: how two sides are said beside each other, which sites pass the filter.
//
// Pure functions; any thread. Tested in tests/unit/views/compare_model_test.cpp; what is compared: traces/analyses/run_compare.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "traces/analyses/run_compare.h"

namespace coroscope::views {

// Which way a change is good. For most figures of a run less is better; for rates more; for the rest nobody can say.
enum class Verdict : std::uint8_t { kNone, kSame, kBetter, kWorse };

// "1.20 s", "12 345", "3.4 K /s", "56.0 %" by the unit of a total.
std::string compared_text(std::string_view unit, double value);
// "×1.25", "×0.80"; "" where there is no ratio; "new" and "gone" where only one side has something.
std::string compared_ratio_text(double before, double after);
// As much as 5 % apart is the same.
Verdict verdict_of(double before, double after, bool more_is_better);
// `same_length`: of runs that lasted as long, so that sums say something.
Verdict verdict_of(const analyses::TotalChange& total, bool same_length);

const char* distribution_title(analyses::Distribution of);  // "Switch", "Time running" ...

// Positions in comparison.sites; all words of the filter must occur in site or name.
std::vector<std::uint32_t> filter_compared(const analyses::RunComparison& comparison, const std::string& filter);
// One line about a site, for the status line.
std::string compared_line(const analyses::SiteChange& site);

}  // namespace coroscope::views
