// A comparison of two runs as JSON and as text.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "traces/analyses/run_compare.h"
#include "traces/size_words.h"

namespace coroscope::analyses {
namespace {

using nlohmann::json;

constexpr std::size_t kComparedSitesShown = 20;

json ratio_json(double before, double after) {
    const double ratio = ratio_of(before, after);
    return ratio == 0 ? json(nullptr) : json(ratio);
}

json measured(double ns) {
    return ns < 0 ? json(nullptr) : json(ns);
}

json side_json(const DistributionSide& side) {
    return {{"samples", side.samples},
            {"p50_ns", measured(side.p50_ns)},
            {"p90_ns", measured(side.p90_ns)},
            {"p99_ns", measured(side.p99_ns)},
            {"p999_ns", measured(side.p999_ns)}};
}

json side_json(const SiteSide& side) {
    if (!side.ran) return nullptr;
    return {{"coroutines", side.coroutines},
            {"peak_coroutines", side.peak_coroutines},
            {"running_ns", side.running_ns},
            {"blocked_ns", side.blocked_ns},
            {"resident_bytes", side.resident_bytes}};
}

// "1.23" "12.3" "12345".
std::string three_digits(double value) {
    return value < 1000 ? fmt::format("{:.3g}", value) : fmt::format("{:.0f}", value);
}

// "12.3 ms", three digits.
std::string compared_time(double ns) {
    if (ns < 0) return "-";
    constexpr std::pair<double, const char*> kScales[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    for (const auto& [scale, unit] : kScales)
        if (ns >= scale) return fmt::format("{} {}", three_digits(ns / scale), unit);
    return fmt::format("{:.3g} ns", ns);
}

std::string compared_value(const TotalChange& total, double value) {
    if (total.unit == "ns") return compared_time(value);
    if (total.unit == "share") return fmt::format("{:.1f} %", 100 * value);
    if (total.unit == "1/s") return three_digits(value) + " /s";
    return fmt::format("{:.0f}", value);
}

std::string ratio_text(double before, double after) {
    const double ratio = ratio_of(before, after);
    return ratio == 0 ? "" : fmt::format("x {:.3g}", ratio);
}

std::string arrow(const std::string& before, const std::string& after) {
    return fmt::format("{:>11} → {:<11}", before, after);
}

std::string sites_text(const RunComparison& comparison) {
    std::string text = fmt::format("\n{:<26}{:^25}{:^25}{:^25}{:^25}\n", "sites, most changed first", "coroutines", "running",
                                   "blocked", "stacks hold");
    std::vector<std::string> names;
    for (const SiteChange& site : comparison.sites)
        names.push_back(site.site);
    const std::string folder = traces::common_folder(names);
    std::size_t shown = 0;
    for (const SiteChange& site : comparison.sites) {
        if (shown++ == kComparedSitesShown) break;
        const auto pair = [&](auto&& of) {
            return arrow(site.before.ran ? of(site.before) : "-", site.after.ran ? of(site.after) : "-");
        };
        std::string line = fmt::format(
            "{:<26}{}{}{}{}", traces::end_of(site.site.substr(folder.size()), 25),
            pair([](const SiteSide& side) { return fmt::format("{}", side.coroutines); }),
            pair([](const SiteSide& side) { return compared_time(static_cast<double>(side.running_ns)); }),
            pair([](const SiteSide& side) { return compared_time(static_cast<double>(side.blocked_ns)); }),
            pair([](const SiteSide& side) { return traces::brief_bytes(static_cast<std::int64_t>(side.resident_bytes)); }));
        line.resize(line.find_last_not_of(' ') + 1);
        text += line + (site.moved_from.empty() ? "" : "  was " + site.moved_from.substr(site.moved_from.rfind('/') + 1)) + "\n";
    }
    if (comparison.sites.size() > kComparedSitesShown)
        text += fmt::format("... and {} more: --json has all\n", comparison.sites.size() - kComparedSitesShown);
    return text;
}

}  // namespace

json to_json(const RunComparison& comparison) {
    json totals = json::array(), distributions = json::object(), sites = json::array(), pools = json::array();
    for (const TotalChange& total : comparison.totals)
        totals.push_back({{"name", total.name},
                          {"unit", total.unit},
                          {"before", total.before},
                          {"after", total.after},
                          {"ratio", ratio_json(total.before, total.after)}});
    for (const DistributionChange& change : comparison.distributions) {
        json bars = json::array();
        for (const DistributionBar& bar : change.bars)
            bars.push_back({{"low_ns", bar.low_ns}, {"high_ns", bar.high_ns}, {"before", bar.before}, {"after", bar.after}});
        distributions[kDistributionNames[static_cast<std::size_t>(change.of)]] = {
            {"before", side_json(change.before)},
            {"after", side_json(change.after)},
            {"p50_ratio", ratio_json(change.before.p50_ns, change.after.p50_ns)},
            {"p99_ratio", ratio_json(change.before.p99_ns, change.after.p99_ns)},
            {"bars", std::move(bars)}};
    }
    for (const SiteChange& site : comparison.sites) {
        sites.push_back({{"site", site.site},
                         {"name", site.name},
                         {"moved_from", site.moved_from},
                         {"before", side_json(site.before)},
                         {"after", side_json(site.after)},
                         {"changed", site.moved}});
    }
    for (const PoolChange& pool : comparison.pools) {
        pools.push_back(
            {{"class", pool.size_class},
             {"purpose", pool.purpose},
             {"before", {{"slots", pool.slots_before}, {"high_water_slots", pool.high_water_before}, {"bytes", pool.bytes_before}}},
             {"after", {{"slots", pool.slots_after}, {"high_water_slots", pool.high_water_after}, {"bytes", pool.bytes_after}}}});
    }
    return {{"before", comparison.before},
            {"after", comparison.after},
            {"notes", comparison.notes},
            {"totals", std::move(totals)},
            {"distributions", std::move(distributions)},
            {"sites", std::move(sites)},
            {"pools", std::move(pools)}};
}

std::string to_text(const RunComparison& comparison) {
    std::string text = fmt::format("before {}\nafter  {}\n", comparison.before, comparison.after);
    for (const std::string& note : comparison.notes)
        text += "note: " + note + "\n";
    text += "\n";
    for (const TotalChange& total : comparison.totals) {
        text += fmt::format("{:<18}{}  {}\n", total.name,
                            arrow(compared_value(total, total.before), compared_value(total, total.after)),
                            ratio_text(total.before, total.after));
    }
    text += fmt::format("\n{:<18}{:^25}{:^33}{:^33}\n", "", "samples", "p50", "p99");
    for (const DistributionChange& change : comparison.distributions) {
        const auto quantile = [](double before, double after) {
            return fmt::format("{} {:<8}", arrow(compared_time(before), compared_time(after)), ratio_text(before, after));
        };
        text += fmt::format("{:<18}{}{}{}\n", kDistributionNames[static_cast<std::size_t>(change.of)],
                            arrow(fmt::format("{}", change.before.samples), fmt::format("{}", change.after.samples)),
                            quantile(change.before.p50_ns, change.after.p50_ns),
                            quantile(change.before.p99_ns, change.after.p99_ns));
    }
    text += sites_text(comparison);
    text += fmt::format("\n{:<26}{:^25}{:^25}\n", "pools", "slots used at most", "of");
    for (const PoolChange& pool : comparison.pools) {
        text += fmt::format("{:<26}{}{}\n", pool.size_class + (pool.purpose == "ordinary" ? "" : " " + pool.purpose),
                            arrow(fmt::format("{}", pool.high_water_before), fmt::format("{}", pool.high_water_after)),
                            arrow(fmt::format("{}", pool.slots_before), fmt::format("{}", pool.slots_after)));
    }
    return text;
}

}  // namespace coroscope::analyses
