// Row model of the Lints view: findings under their severity, what is muted at the end.
//
// Pure functions; any thread. Tested in tests/unit/views/lint_model_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/analyses/lints.h"

namespace coroscope::views {

struct LintLine {
    std::size_t lint = 0;  // place in the report
    bool muted = false;
};
struct LintGroup {
    std::string title;                                                 // "2 errors", "1 muted"
    analyses::LintSeverity severity = analyses::LintSeverity::kError;  // of its lines, unless they are muted
    bool muted = false;
    std::vector<LintLine> lines;
};
// Groups that have lines, in rising order of how little they matter.
std::vector<LintGroup> lint_groups(const analyses::LintReport& report, const analyses::Mutes& mutes);
// The finding so many lines after the one with this key, or the first (last) one where there is none such; "" when there are no lines.
std::string key_beside(const std::vector<LintGroup>& groups, const analyses::LintReport& report,
                       const std::string& key, int by);

// As `coroscope lint --json` says it of what is not muted, with what is in "muted_lints".
nlohmann::json to_json(const analyses::LintReport& report, const std::vector<LintGroup>& groups);

}  // namespace coroscope::views
