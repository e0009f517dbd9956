// See lint_model.h.
#include "views/lint_model.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

using analyses::LintReport;
using analyses::LintSeverity;

std::string group_title(const LintGroup& group) {
    const std::size_t count = group.lines.size();
    if (group.muted) return fmt::format("{} muted", count);
    return fmt::format("{} {}{}", count, analyses::severity_name(group.severity), count == 1 ? "" : "s");
}

}  // namespace

std::vector<LintGroup> lint_groups(const LintReport& report, const analyses::Mutes& mutes) {
    std::vector<LintGroup> groups(4);
    groups[1].severity = LintSeverity::kWarning;
    groups[2].severity = LintSeverity::kHint;
    groups[3].muted = true;
    for (std::size_t i = 0; i < report.lints.size(); ++i) {
        const bool muted = is_muted(report.lints[i], mutes);
        const std::size_t at = muted ? 3 : static_cast<std::size_t>(report.lints[i].says().severity);
        groups[at].lines.push_back({i, muted});
    }
    std::erase_if(groups, [](const LintGroup& group) { return group.lines.empty(); });
    for (LintGroup& group : groups)
        group.title = group_title(group);
    return groups;
}

std::string key_beside(const std::vector<LintGroup>& groups, const LintReport& report, const std::string& key,
                       int by) {
    std::vector<std::string> keys;
    for (const LintGroup& group : groups) {
        for (const LintLine& line : group.lines)
            keys.push_back(report.lints[line.lint].key());
    }
    if (keys.empty()) return {};
    const auto found = std::find(keys.begin(), keys.end(), key);
    if (found == keys.end()) return by < 0 ? keys.back() : keys.front();
    return keys[static_cast<std::size_t>(
        std::clamp<std::ptrdiff_t>(found - keys.begin() + by, 0, std::ssize(keys) - 1))];
}

nlohmann::json to_json(const LintReport& report, const std::vector<LintGroup>& groups) {
    LintReport shown = report, muted = report;
    shown.lints.clear();
    muted.lints.clear();
    for (const LintGroup& group : groups) {
        for (const LintLine& line : group.lines)
            (line.muted ? muted : shown).lints.push_back(report.lints[line.lint]);
    }
    nlohmann::json json = analyses::to_json(shown, muted.lints.size());
    json["muted_lints"] = analyses::to_json(muted)["lints"];
    return json;
}

}  // namespace coroscope::views
