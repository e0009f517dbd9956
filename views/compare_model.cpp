// See compare_model.h.
#include "views/compare_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "views/coroutine_model.h"
#include "views/format.h"

namespace coroscope::views {

constexpr double kComparedSame = 1.05;

std::string compared_text(std::string_view unit, double value) {
    if (value < 0) return "–";
    const auto whole = static_cast<std::uint64_t>(std::llround(value));
    if (unit == "ns") return format_duration(static_cast<std::int64_t>(whole));
    if (unit == "bytes") return format_bytes(whole);
    if (unit == "share") return format_share(value);
    return unit == "1/s" ? format_rate(value) : format_count(whole);
}

std::string compared_ratio_text(double before, double after) {
    const double ratio = analyses::ratio_of(before, after);
    if (ratio != 0) return ratio < 100 ? fmt::format("×{:.2f}", ratio) : fmt::format("×{:.0f}", ratio);
    if (before <= 0 && after > 0) return "new";
    return before > 0 && after == 0 ? "gone" : "";
}

Verdict verdict_of(double before, double after, bool more_is_better) {
    const double ratio = analyses::ratio_of(before, after);
    if (ratio == 0) return Verdict::kNone;
    if (ratio < kComparedSame && ratio > 1 / kComparedSame) return Verdict::kSame;
    return (ratio > 1) == more_is_better ? Verdict::kBetter : Verdict::kWorse;
}

// How much work a run was asked to do is neither good nor bad.
Verdict verdict_of(const analyses::TotalChange& total, bool same_length) {
    if (total.unit == "1/s") return verdict_of(total.before, total.after, true);
    return total.name == "ready" && same_length ? verdict_of(total.before, total.after, false) : Verdict::kNone;
}

const char* distribution_title(analyses::Distribution of) {
    constexpr const char* kTitles[] = {"Switch", "Time running at once", "From wake to run", "Time blocked at once"};
    return kTitles[static_cast<std::size_t>(of)];
}

std::vector<std::uint32_t> filter_compared(const analyses::RunComparison& comparison, const std::string& filter) {
    std::vector<std::string> words;
    std::istringstream typed(filter);
    for (std::string word; typed >> word;)
        words.push_back(word);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < comparison.sites.size(); ++i) {
        const analyses::SiteChange& site = comparison.sites[i];
        const bool passes = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
            return contains_folded(site.site, word) || contains_folded(site.name, word);
        });
        if (passes) order.push_back(i);
    }
    return order;
}

std::string compared_line(const analyses::SiteChange& site) {
    std::string line = site.site;
    if (!site.name.empty()) line += " " + site.name;
    if (!site.moved_from.empty()) line += " (was at " + site.moved_from + ")";
    const auto side = [](const char* word, const analyses::SiteSide& one) {
        if (!one.ran) return fmt::format("  {}: did not run", word);
        return fmt::format("  {}: {} coroutines, {} running, {} blocked, stacks {}", word, format_count(one.coroutines),
                           format_duration(one.running_ns), format_duration(one.blocked_ns), format_bytes(one.resident_bytes));
    };
    return line + side("before", site.before) + side("after", site.after);
}

}  // namespace coroscope::views
