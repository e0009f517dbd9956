// What a Moment says about the stacks of spawn sites: class and why, high water, how they grew; and how pools are guarded.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"

namespace coroscope::traces {
namespace {

using nlohmann::json;

// Of the code that wanted the room; "" where its name is not known yet.
std::string function_at(Session& session, std::uint64_t address) {
    if (address == 0) return {};
    const std::vector<inspect::Frame>* frames = session.frames({address});
    return frames != nullptr && !frames->empty() ? frames->front().function : std::string();
}

void add_growth(Session& session, const inspect::SiteMigrationsImage& grown, SiteStat& to) {
    to.grown = grown;
    to.last_function = function_at(session, grown.last_address);
}

}  // namespace

std::string guards_text(const inspect::PoolImage& pool) {
    if (pool.slots() == 0) return "";
    if (pool.guard_bytes == 0) return pool.canary_bytes != 0 ? "canaries" : "";
    if (!pool.guards_known) return "";
    const std::uint64_t guarded = pool.guarded_slots(), slots = pool.slots();
    if (pool.size_class == wire::SizeClass::kLarge && guarded < slots && guarded >= pool.used())
        return fmt::format("{} guarded, each at its first use", guarded);
    return guarded >= slots ? "all guarded" : fmt::format("{} of {} guarded", guarded, slots);
}

std::vector<SiteStat> site_stats(Session& session, const inspect::StateImage& state) {
    std::vector<SiteStat> rows;
    for (const inspect::SiteImage& site : state.sites) {
        const inspect::SiteMigrationsImage* grown = state.migrations_of(site.index);
        const bool has_pattern = site.pattern != wire::ChannelPattern::kUnknown;
        if (site.high_water_bytes == 0 && grown == nullptr && !has_pattern) continue;
        SiteStat row;
        row.site = state.site_text(site.index);
        row.name = std::string(state.text(site.name));
        row.size_class = inspect::size_class_name(site.size_class);
        row.evidence = inspect::evidence_name(site.evidence);
        row.pattern = inspect::pattern_name(site.pattern);
        row.high_water_bytes = site.high_water_bytes;
        if (grown != nullptr) add_growth(session, *grown, row);
        rows.push_back(std::move(row));
    }
    if (const auto* rest = state.migrations_of(wire::kNone); rest != nullptr) {
        SiteStat row;
        row.site = "?";
        row.size_class = row.evidence = "?";
        add_growth(session, *rest, row);
        rows.push_back(std::move(row));
    }
    return rows;
}

json to_json(const std::vector<SiteStat>& sites) {
    json rows = json::array();
    for (const SiteStat& site : sites) {
        const inspect::SiteMigrationsImage& grown = site.grown;
        json row = {{"site", site.site},
                    {"name", site.name},
                    {"class", site.size_class},
                    {"evidence", site.evidence},
                    {"pattern", nullptr},
                    {"high_water_bytes", nullptr},
                    {"migrations",
                     {{"in_place", grown.in_place}, {"segments", grown.segments}, {"wishes", grown.wishes}}},
                    {"last", nullptr}};
        if (!site.pattern.empty()) row["pattern"] = site.pattern;
        if (site.high_water_bytes != 0) row["high_water_bytes"] = site.high_water_bytes;
        if (grown.count() != 0) {
            row["last"] = {{"form", inspect::migration_form_name(grown.last_form)},
                           {"from", inspect::size_class_name(grown.last_from)},
                           {"to", inspect::size_class_name(grown.last_to)},
                           {"bytes", grown.last_bytes},
                           {"ticks", grown.last_cost_ticks},
                           {"pc", grown.last_address},
                           {"function", site.last_function}};
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string last_migration_text(const SiteStat& site) {
    const inspect::SiteMigrationsImage& grown = site.grown;
    if (grown.count() == 0) return {};
    std::string text = grown.last_form == wire::MigrationForm::kInPlace
                           ? fmt::format("{} in place", inspect::size_class_name(grown.last_from))
                           : fmt::format("{} to {}", inspect::size_class_name(grown.last_from),
                                         inspect::size_class_name(grown.last_to));
    text += fmt::format(", {} bytes", grown.last_bytes);
    if (!site.last_function.empty()) text += " for " + site.last_function;
    if (grown.last_cost_ticks != 0) text += fmt::format(", {} ticks", grown.last_cost_ticks);
    return text;
}

}  // namespace coroscope::traces
