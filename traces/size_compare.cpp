#include "traces/size_compare.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/size_join.h"
#include "traces/size_match.h"
#include "traces/size_words.h"

namespace coroscope::traces {
namespace {

using nlohmann::json;
using RowsBySite = std::map<std::pair<std::string, std::string>, SizeRow>;  // by site; set apart: and function

RowsBySite rows_of(const SizeRows& side, const JoinedSizes& joined) {
    RowsBySite rows;
    for (const auto& [build, of_build] : side.builds()) {
        for (const auto& [key, row] : of_build.measured) {
            const auto place = joined.row_of.find({build, key.first});
            const auto name = place == joined.row_of.end() ? std::make_pair(key.first, row.symbol)
                                                           : std::make_pair(place->second, std::string());
            const auto [found, fresh] = rows.try_emplace(name, row);
            if (!fresh) found->second.merge(row);
        }
    }
    return rows;
}

SizeSide side_of(const SizeRow& row, const ClassBytes& bytes) {
    return {.ran = true,
            .class_used = row.class_used,
            .coroutines = row.coroutines,
            .peak_coroutines = row.peak_coroutines,
            .p50_bytes = row.quantile(0.5),
            .max_bytes = row.deepest_bytes(),
            .resident_bytes = row.resident_bytes(bytes),
            .migrations = row.migrations};
}

void add(SizeSide& sum, const SizeSide& one) {
    sum.ran = sum.ran || one.ran;
    sum.coroutines += one.coroutines;
    sum.peak_coroutines += one.peak_coroutines;
    sum.p50_bytes = std::max(sum.p50_bytes, one.p50_bytes);
    sum.max_bytes = std::max(sum.max_bytes, one.max_bytes);
    sum.resident_bytes += one.resident_bytes;
    sum.migrations += one.migrations;
}

json side_json(const SizeSide& side, bool with_class) {
    if (!side.ran) return nullptr;
    json made = {{"coroutines", side.coroutines},         {"peak_coroutines", side.peak_coroutines},
                 {"p50_bytes", side.p50_bytes},           {"max_bytes", side.max_bytes},
                 {"resident_bytes", side.resident_bytes}, {"migrations", side.migrations}};
    if (with_class) made["class_used"] = inspect::size_class_name(side.class_used);
    return made;
}

std::string pair_text(const SizeChange& change, std::string (*text)(const SizeSide&)) {
    const auto one = [&](const SizeSide& side) { return side.ran ? text(side) : std::string("-"); };
    return fmt::format("{:>8} → {:<8}", one(change.before), one(change.after));
}

std::string row_text(const SizeChange& change, const std::string& name) {
    const auto of_class = [](const SizeSide& side) { return std::string(inspect::size_class_name(side.class_used)); };
    const auto peak = [](const SizeSide& side) { return brief_count(side.peak_coroutines); };
    const auto deepest = [](const SizeSide& side) { return brief_count(side.max_bytes); };
    const auto grew = [](const SizeSide& side) { return brief_count(side.migrations); };
    const auto holds = [](const SizeSide& side) { return brief_bytes(static_cast<std::int64_t>(side.resident_bytes)); };
    return fmt::format("{:<25}{}{}{}{}{}", end_of(name, 25), pair_text(change, of_class), pair_text(change, peak),
                       pair_text(change, deepest), pair_text(change, grew), pair_text(change, holds));
}

// Sites of one side alone that are the same become one.
void match_lonely(std::vector<SizeChange>& changes) {
    std::vector<std::size_t> places[2];
    std::vector<SizeSiteName> names[2];
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (changes[i].before.ran == changes[i].after.ran) continue;
        const std::size_t side = changes[i].after.ran ? 1 : 0;
        places[side].push_back(i);
        names[side].push_back({changes[i].site, changes[i].symbol});
    }
    const std::vector<std::size_t> matches = match_sites(names[0], names[1]);
    std::vector<bool> gone(changes.size());
    for (std::size_t i = 0; i < matches.size(); ++i) {
        if (matches[i] == kNoMatch) continue;
        const std::size_t before = places[0][matches[i]];
        SizeChange& change = changes[places[1][i]];
        change.before = changes[before].before;
        if (changes[before].site != change.site) change.site_before = changes[before].site;
        gone[before] = true;
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (gone[i]) continue;
        if (kept != i) changes[kept] = std::move(changes[i]);
        ++kept;
    }
    changes.resize(kept);
}

}  // namespace

SizeComparison compare_sizes(const SizeRows& before, const SizeRows& after) {
    SizeRows both = before;
    both.merge(after);
    const JoinedSizes joined = both.joined();
    std::map<std::pair<std::string, std::string>, SizeChange> changes;
    const auto take = [&](const SizeRows& side, SizeSide SizeChange::*of) {
        for (const auto& [name, row] : rows_of(side, joined)) {
            SizeChange& change = changes[name];
            change.site = name.first;
            const auto whole = joined.rows.find(name.first);
            change.symbol = name.second.empty() && whole != joined.rows.end() ? whole->second.symbol : row.symbol;
            change.*of = side_of(row, side.bytes());
        }
    };
    take(before, &SizeChange::before);
    take(after, &SizeChange::after);
    SizeComparison comparison;
    for (auto& [name, change] : changes) {
        add(comparison.before, change.before);
        add(comparison.after, change.after);
        comparison.sites.push_back(std::move(change));
    }
    match_lonely(comparison.sites);
    std::stable_sort(comparison.sites.begin(), comparison.sites.end(), [](const SizeChange& a, const SizeChange& b) {
        return std::max(a.before.resident_bytes, a.after.resident_bytes) > std::max(b.before.resident_bytes, b.after.resident_bytes);
    });
    return comparison;
}

json to_json(const SizeComparison& comparison) {
    json sites = json::array();
    for (const SizeChange& change : comparison.sites) {
        sites.push_back({{"site", change.site},
                         {"symbol", change.symbol},
                         {"moved_from", change.site_before.empty() ? json(nullptr) : json(change.site_before)},
                         {"before", side_json(change.before, true)},
                         {"after", side_json(change.after, true)}});
    }
    json made = {{"sites", std::move(sites)},
                 {"before", side_json(comparison.before, false)},
                 {"after", side_json(comparison.after, false)},
                 {"shrunk", nullptr}};
    if (comparison.shrunk() != 0) made["shrunk"] = comparison.shrunk();
    return made;
}

std::string to_text(const SizeComparison& comparison) {
    std::vector<std::string> names;
    for (const SizeChange& change : comparison.sites)
        names.push_back(change.site);
    const std::string folder = common_folder(names);
    std::string text = folder.empty() ? std::string() : "sites are in " + folder + "\n\n";
    text += fmt::format("{:<25}{:^19}{:^19}{:^19}{:^19}{:>16}\n", "before → after", "class", "alive at most", "deepest, bytes", "stacks grew",
                        "stacks hold");
    for (const SizeChange& change : comparison.sites) {
        text += row_text(change, change.site.substr(folder.size()));
        text.resize(text.find_last_not_of(' ') + 1);
        text += "\n";
    }
    const auto held = [](const SizeSide& side) { return brief_bytes(static_cast<std::int64_t>(side.resident_bytes)); };
    text += fmt::format("\nthe stacks of all sites at their most held {} before and {} after", held(comparison.before), held(comparison.after));
    if (comparison.before.resident_bytes == comparison.after.resident_bytes) {
        text += ", the same";
    } else if (const double shrunk = comparison.shrunk(); shrunk != 0) {
        text += shrunk >= 1 ? fmt::format(": {:.3g} times less", shrunk) : fmt::format(": {:.3g} times more", 1 / shrunk);
    }
    return text + fmt::format("\n{} stacks grew before and {} after\n", comparison.before.migrations, comparison.after.migrations);
}

}  // namespace coroscope::traces
