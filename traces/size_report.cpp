// A size table as text, 120 columns wide: what holds most first, then what it comes to, and what is wrong or in doubt.
#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/size_words.h"

namespace coroscope::traces {
namespace {

using nlohmann::json;

constexpr std::size_t kSiteWidth = 26;
constexpr const char* kExplained =
    "\np50, p99, max: bytes of stack seen · bound: proven · table, hit: what the last run's table expected, and how true it was\n"
    "grows: times a coroutine · holds, saves: memory of the most that were alive at once, as used and as advised\n";
constexpr char kColumns[] =
    "{:<26} {:>6} {:>5} {:>5} {:>5} {:>5} {:>5} {:>4} {:>5}  {:>6} → {:<6} {:<8} {:>8} {:>8}\n";
constexpr std::size_t kTextWidth = 118;

std::uint64_t count_of(const json& row, const char* key) {
    return row[key].get<std::uint64_t>();
}

std::string number_text(const json& number) {
    return number.is_number() ? brief_count(number.get<std::uint64_t>()) : "-";
}

std::string heading(const json& sizes, const std::string& folder) {
    std::string text;
    for (const json& build : sizes["builds"]) {
        const auto program = build["program"].get<std::string>();
        const auto id = build["build_id"].get<std::string>();
        const std::uint64_t runs = count_of(build, "runs");
        std::size_t proven = 0;
        for (const json& proof : build["proofs"])
            proven += proof["proven"].get<bool>() ? 1 : 0;
        text += fmt::format("{}{}: {} run{}", program.empty() ? "a program that is not named" : program,
                            id.empty() ? "" : " (build " + short_build_id(id) + ")", runs, runs == 1 ? "" : "s");
        if (!build["proofs"].empty())
            text += fmt::format("; {} of {} sites proven, --json says why the others are not", proven, build["proofs"].size());
        text += "\n";
    }
    if (!folder.empty()) text += "sites are in " + folder + "\n";
    return text + "\n";
}

// What the columns of a row say.
std::string row_text(const json& row, const std::string& folder) {
    const json& water = row["high_water_bytes"];
    const auto seen = [&](const char* key) { return water.is_object() ? number_text(water[key]) : std::string("-"); };
    const std::uint64_t coroutines = count_of(row, "coroutines");
    const auto grown = row["migrations_per_coroutine"].get<double>();
    const std::int64_t saved = row["saved_bytes"].get<std::int64_t>();
    return fmt::format(kColumns,
                       end_of(row["site"].get<std::string>().substr(folder.size()), kSiteWidth),
                       brief_count(coroutines), seen("p50"), seen("p99"), seen("max"), number_text(row["bound_bytes"]),
                       number_text(row["predicted_bytes"]),
                       row["accuracy"].is_number() ? fmt::format("{:.0f}%", 100 * row["accuracy"].get<double>()) : "-",
                       grown == 0 ? "-" : fmt::format("{:.2g}", grown), row["class_used"].get<std::string>(),
                       row["class_advised"].get<std::string>(), row["evidence"].get<std::string>(),
                       count_of(row, "resident_bytes") == 0 ? "-" : brief_bytes(row["resident_bytes"].get<std::int64_t>()),
                       saved == 0 ? "-" : brief_bytes(saved));
}

std::string list_text(const char* what, const json& sites, const std::string& folder) {
    if (sites.empty()) return {};
    std::string text = fmt::format("{} {}: ", sites.size(), what);
    for (std::size_t i = 0; i < sites.size(); ++i) {
        const std::string name = end_of(sites[i].get<std::string>().substr(folder.size()), kSiteWidth);
        if (text.size() + name.size() + 5 > kTextWidth) return text + ", …\n";
        text += (i == 0 ? "" : ", ") + name;
    }
    return text + "\n";
}

// Those with a hundredth of it at least.
std::string hot_text(const json& sizes, std::int64_t resident, const std::string& folder) {
    std::string text;
    for (const json& hot : sizes["hot_spots"]) {
        const auto bytes = hot["resident_bytes"].get<std::int64_t>();
        if (bytes < resident / 100) break;
        const std::string one = fmt::format("{} {} ({:.0f}%)", end_of(hot["site"].get<std::string>().substr(folder.size()), kSiteWidth),
                                            brief_bytes(bytes), 100.0 * static_cast<double>(bytes) / static_cast<double>(resident));
        if (text.size() + one.size() > kTextWidth) break;
        text += (text.empty() ? "most is held at " : ", ") + one;
    }
    return text.empty() ? text : text + "\n";
}

std::string sums_text(const json& sizes, const std::string& folder) {
    std::int64_t resident = 0, saved = 0;
    std::uint64_t predicted = 0, coroutines = 0, migrations = 0;
    double accuracy = 0;
    for (const json& row : sizes["sites"]) {
        resident += row["resident_bytes"].get<std::int64_t>();
        saved += row["saved_bytes"].get<std::int64_t>();
        coroutines += count_of(row, "coroutines");
        migrations += count_of(row, "migrations");
        if (!row["accuracy"].is_number()) continue;
        ++predicted;
        accuracy += row["accuracy"].get<double>();
    }
    std::string text = fmt::format("{}\nstacks hold {} where each site has the most that it had alive at once; the classes advised would save {}\n",
                                   kExplained, brief_bytes(resident), brief_bytes(saved));
    text += hot_text(sizes, resident, folder);
    if (predicted != 0)
        text += fmt::format("{} site{} ran by a table, which was {:.0f}% true on the average (the smaller of expected and seen / the larger)\n",
                            predicted, predicted == 1 ? "" : "s", 100 * accuracy / static_cast<double>(predicted));
    if (migrations != 0)
        text += fmt::format("{} stacks grew, {:.3g} a coroutine\n", migrations,
                            static_cast<double>(migrations) / static_cast<double>(std::max<std::uint64_t>(coroutines, 1)));
    json wrong = json::array();
    for (const json& row : sizes["sites"]) {
        if (row.contains("wrong_class")) wrong.push_back(row["site"]);
    }
    text += list_text("did not fit the class of a table", wrong, folder);
    text += list_text("in too small a class", sizes["underestimated"], folder);
    return text + list_text("in too large a class", sizes["overestimated"], folder);
}

}  // namespace

std::string sizes_text(const json& sizes) {
    std::vector<const json*> rows;
    std::vector<std::string> sites;
    for (const json& row : sizes["sites"]) {
        rows.push_back(&row);
        sites.push_back(row["site"].get<std::string>());
    }
    std::stable_sort(rows.begin(), rows.end(), [](const json* a, const json* b) {
        return count_of(*a, "resident_bytes") > count_of(*b, "resident_bytes");
    });
    const std::string folder = common_folder(sites);
    std::string text = heading(sizes, folder);
    text += fmt::format(kColumns, "site", "number",
                        "p50", "p99", "max", "bound", "table", "hit", "grows", "used", "advice", "evidence", "holds", "saves");
    for (const json* row : rows)
        text += row_text(*row, folder);
    text += sums_text(sizes, folder);
    for (const json& note : sizes["notes"])
        text += note.get<std::string>() + "\n";
    for (const json& contradiction : sizes["contradictions"])
        text += "CONTRADICTION: " + contradiction.get<std::string>() + "\n";
    return text;
}

}  // namespace coroscope::traces
