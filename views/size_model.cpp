// See size_model.h.
#include "views/size_model.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/size_match.h"
#include "views/coroutine_model.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using nlohmann::json;
using wire::SizeClass;

// Nothing of a table is trusted: it may have come from a file.
std::uint64_t count_in(const json& row, const char* key) {
    const auto found = row.find(key);
    if (found == row.end() || !found->is_number() || found->get<double>() < 0) return 0;
    return found->is_number_float() ? static_cast<std::uint64_t>(std::min(found->get<double>(), 1e18))
                                    : found->get<std::uint64_t>();
}

std::string text_in(const json& row, const char* key) {
    const auto found = row.find(key);
    return found != row.end() && found->is_string() ? found->get<std::string>() : std::string();
}

SizeClass class_in(const json& row, const char* key) {
    const std::string name = text_in(row, key);
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (name == inspect::size_class_name(static_cast<SizeClass>(i))) return static_cast<SizeClass>(i);
    }
    return SizeClass::kMedium;
}

SizeSite site_in(const json& row) {
    SizeSite site;
    site.site = text_in(row, "site");
    site.symbol = text_in(row, "symbol");
    site.evidence = text_in(row, "evidence");
    site.used = class_in(row, "class_used");
    site.advised = class_in(row, "class_advised");
    site.predicted_bytes = count_in(row, "predicted_bytes");
    site.bound_bytes = count_in(row, "bound_bytes");
    site.samples = count_in(row, "samples");
    site.seen_bytes = count_in(row, "seen_bytes");
    site.peak_coroutines = count_in(row, "peak_coroutines");
    site.growths = count_in(row, "migrations");
    if (const auto water = row.find("high_water_bytes"); water != row.end() && water->is_object()) {
        site.p50_bytes = count_in(*water, "p50");
        site.p99_bytes = count_in(*water, "p99");
        site.max_bytes = count_in(*water, "max");
    } else {
        site.samples = 0;
    }
    const auto contradicted = row.find("contradicted");
    site.contradicted = contradicted != row.end() && contradicted->is_boolean() && contradicted->get<bool>();
    const auto saved = row.find("saved_bytes");
    if (saved != row.end() && saved->is_number_integer()) site.saved_bytes = saved->get<std::int64_t>();
    return site;
}

// Sites of `now` in their order, then those that only the run before had.
std::vector<SizeLine> joined(const SizeTable& now, const SizeTable* before) {
    std::vector<SizeLine> lines(now.sites.size());
    for (std::uint32_t i = 0; i < now.sites.size(); ++i)
        lines[i].now = i;
    if (before == nullptr) return lines;
    std::vector<traces::SizeSiteName> names[2];
    for (const SizeSite& site : before->sites)
        names[0].push_back({site.site, site.symbol});
    for (const SizeSite& site : now.sites)
        names[1].push_back({site.site, site.symbol});
    const std::vector<std::size_t> matches = traces::match_sites(names[0], names[1]);
    std::vector<bool> matched(before->sites.size());
    for (std::uint32_t i = 0; i < now.sites.size(); ++i) {
        if (matches[i] == traces::kNoMatch) continue;
        lines[i].before = static_cast<std::uint32_t>(matches[i]);
        matched[matches[i]] = true;
    }
    for (std::uint32_t i = 0; i < before->sites.size(); ++i) {
        if (!matched[i]) lines.emplace_back().before = i;
    }
    return lines;
}

void complete(const SizeModel& model, const SizeWishes& wishes, SizeLine& line) {
    const SizeSite& site = model.site(line);
    const SizeSite* now = model.site_now(line);
    line.advised = site.advised;
    if (const SizeSite* before = model.site_before(line); before != nullptr)
        line.resident_before_bytes = model.before->resident_bytes(*before, before->used);
    if (now == nullptr) return;
    line.resident_bytes = model.now->resident_bytes(*now, now->used);
    line.saved_bytes = now->saved_bytes;
    if (const auto wish = wishes.find(site.site); wish != wishes.end() && wish->second != now->advised) {
        line.wished = true;
        line.advised = wish->second;
        line.saved_bytes = static_cast<std::int64_t>(line.resident_bytes) -
                           static_cast<std::int64_t>(model.now->resident_bytes(*now, line.advised));
    }
    line.fits = now->deepest_bytes() <= model.now->usable(line.advised);
}

bool passes(const SizeModel& model, const SizeLine& line, const std::vector<std::string>& words) {
    if (words.empty()) return true;
    const SizeSite& site = model.site(line);
    const std::string row = fmt::format("{} {} {} {} {}", site.site, site.symbol,
                                        inspect::size_class_name(site.used),
                                        inspect::size_class_name(line.advised), size_evidence(model, line));
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return contains_folded(row, word); });
}

// How full the slot is, of what can be used of it; beyond 1 it had to grow.
double fullness(const SizeModel& model, const SizeLine& line) {
    const SizeTable& table = line.now != SizeLine::kNone ? *model.now : *model.before;
    const SizeSite& site = model.site(line);
    const std::uint64_t usable = table.usable(site.used);
    return usable != 0 ? static_cast<double>(site.deepest_bytes()) / static_cast<double>(usable) : 0;
}

// Below 0, 0 or above 0, as `a` comes before, beside or after `b`.
int compared(const SizeModel& model, const SizeLine& a, const SizeLine& b, SizeColumn column) {
    const auto three_way = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
    const SizeSite &left = model.site(a), &right = model.site(b);
    switch (column) {
        case SizeColumn::kSite:
            return 0;  // what ties are broken by
        case SizeColumn::kSymbol:
            return left.symbol.compare(right.symbol);
        case SizeColumn::kPredicted:
            return three_way(left.predicted_bytes, right.predicted_bytes);
        case SizeColumn::kSeen:
            return three_way(fullness(model, a), fullness(model, b));
        case SizeColumn::kDeepest:
            return three_way(left.deepest_bytes(), right.deepest_bytes());
        case SizeColumn::kClass:
            return three_way(std::pair(left.used, a.advised), std::pair(right.used, b.advised));
        case SizeColumn::kEvidence:
            return size_evidence(model, a).compare(size_evidence(model, b));
        case SizeColumn::kCoroutines:
            return three_way(left.samples, right.samples);
        case SizeColumn::kGrowths:
            return three_way(left.growths, right.growths);
        case SizeColumn::kSaved:
            return three_way(a.saved_bytes, b.saved_bytes);
    }
    return 0;
}

// "file:line" by file, then by number.
bool site_before_other(std::string_view a, std::string_view b) {
    const auto split = [](std::string_view text) {
        const std::size_t colon = text.rfind(':');
        const std::string_view number = colon == std::string_view::npos ? "" : text.substr(colon + 1);
        return std::tuple(text.substr(0, colon), number.size(), number);
    };
    return split(a) < split(b);
}

json side_json(const SizeTable& table, const SizeSite* site, std::uint64_t resident_bytes) {
    if (site == nullptr) return nullptr;
    json side = {{"site", site->site},
                 {"class_used", inspect::size_class_name(site->used)},
                 {"usable_bytes", table.usable(site->used)},
                 {"samples", site->samples},
                 {"seen_bytes", site->seen_bytes},
                 {"peak_coroutines", site->peak_coroutines},
                 {"migrations", site->growths},
                 {"resident_bytes", resident_bytes},
                 {"predicted_bytes", nullptr},
                 {"bound_bytes", nullptr},
                 {"high_water_bytes", nullptr}};
    if (site->predicted_bytes != 0) side["predicted_bytes"] = site->predicted_bytes;
    if (site->bound_bytes != 0) side["bound_bytes"] = site->bound_bytes;
    if (site->samples != 0)
        side["high_water_bytes"] = {
            {"p50", site->p50_bytes}, {"p99", site->p99_bytes}, {"max", site->max_bytes}};
    return side;
}

std::string growths_text(std::uint64_t growths) {
    return growths == 0 ? "none" : format_count(growths);
}

}  // namespace

std::uint64_t SizeTable::usable(SizeClass size_class) const {
    return bytes.usable[static_cast<std::size_t>(size_class)];
}

std::uint64_t SizeTable::resident_bytes(const SizeSite& site, SizeClass size_class) const {
    return site.peak_coroutines * bytes.resident(size_class, site.usual_bytes());
}

SizeTable read_size_table(json table, const traces::ClassBytes& bytes, std::string name) {
    SizeTable made;
    made.name = std::move(name);
    made.bytes = bytes;
    if (const auto sites = table.find("sites"); sites != table.end() && sites->is_array()) {
        for (const json& row : *sites) {
            if (row.is_object() && !text_in(row, "site").empty()) made.sites.push_back(site_in(row));
        }
    }
    made.json = std::make_shared<const json>(std::move(table));
    return made;
}

const SizeSite* SizeModel::site_now(const SizeLine& line) const {
    return line.now != SizeLine::kNone ? &now->sites[line.now] : nullptr;
}

const SizeSite* SizeModel::site_before(const SizeLine& line) const {
    return line.before != SizeLine::kNone ? &before->sites[line.before] : nullptr;
}

const SizeSite& SizeModel::site(const SizeLine& line) const {
    return line.now != SizeLine::kNone ? now->sites[line.now] : before->sites[line.before];
}

SizeModel compute_size_model(std::shared_ptr<const SizeTable> now, std::shared_ptr<const SizeTable> before,
                             const SizeWishes& wishes, const SizeQuery& query) {
    SizeModel model;
    model.now = std::move(now);
    model.before = std::move(before);
    model.query = query;
    std::vector<SizeLine> lines = joined(*model.now, model.before.get());
    model.sites = lines.size();
    for (SizeLine& line : lines) {
        complete(model, wishes, line);
        model.wishes += line.wished ? 1 : 0;
        model.saved_bytes += line.saved_bytes;
        model.resident_bytes += line.resident_bytes;
        model.resident_before_bytes += line.resident_before_bytes;
        if (const SizeSite* site = model.site_now(line); site != nullptr) {
            model.growths += site->growths;
            model.measured += site->samples;
        }
        if (const SizeSite* site = model.site_before(line); site != nullptr)
            model.growths_before += site->growths;
    }
    std::vector<std::string> words;
    std::istringstream typed(query.filter);
    for (std::string word; typed >> word;)
        words.push_back(word);
    std::copy_if(lines.begin(), lines.end(), std::back_inserter(model.lines),
                 [&](const SizeLine& line) {
                     return query.sites.contains(model.site(line).site) || (!query.is_rule && passes(model, line, words));
                 });
    std::sort(model.lines.begin(), model.lines.end(), [&](const SizeLine& a, const SizeLine& b) {
        const int order = compared(model, a, b, query.column);
        if (order != 0) return query.descending ? order > 0 : order < 0;
        const bool turned = query.column == SizeColumn::kSite && query.descending;
        return site_before_other(model.site(turned ? b : a).site, model.site(turned ? a : b).site);
    });
    return model;
}

std::string size_evidence(const SizeModel& model, const SizeLine& line) {
    return line.wished ? "wished" : model.site(line).evidence;
}

std::string signed_bytes(std::int64_t bytes) {
    if (bytes == 0) return "0";
    const auto size = static_cast<std::uint64_t>(std::abs(bytes));
    return (bytes > 0 ? "+" : "-") + format_bytes(size);
}

std::string saving_text(std::int64_t bytes) {
    if (bytes == 0) return "saves nothing";
    const std::string size = format_bytes(static_cast<std::uint64_t>(std::abs(bytes)));
    return bytes > 0 ? "saves " + size : fmt::format("takes {} more", size);
}

std::string saving_sentence(const SizeModel& model) {
    if (model.measured == 0)
        return "no stack was measured yet: that happens when coroutines end while somebody listens to events";
    if (model.saved_bytes == 0) return "the classes advised would save nothing";
    const std::string size = format_bytes(static_cast<std::uint64_t>(std::abs(model.saved_bytes)));
    if (model.saved_bytes < 0) return fmt::format("the classes advised would take {} more", size);
    return fmt::format("the classes advised would save {} of {}", size, format_bytes(model.resident_bytes));
}

std::string comparison_sentence(const SizeModel& model) {
    if (model.before == nullptr) return {};
    std::string text = fmt::format("{} before, {} now", format_bytes(model.resident_before_bytes),
                                   format_bytes(model.resident_bytes));
    const auto [less, more] = std::minmax(model.resident_bytes, model.resident_before_bytes);
    if (less != 0 && less != more)
        text += fmt::format(": {:.1f} times {}", static_cast<double>(more) / static_cast<double>(less),
                            model.resident_bytes < model.resident_before_bytes ? "less" : "more");
    return text + fmt::format("; growths: {} before, {} now", growths_text(model.growths_before),
                              growths_text(model.growths));
}

std::string size_line_text(const SizeModel& model, const SizeLine& line) {
    const SizeSite& site = model.site(line);
    const SizeTable& table = line.now != SizeLine::kNone ? *model.now : *model.before;
    std::string text = fmt::format("{} in {}: ", site.site, site.symbol.empty() ? "?" : site.symbol);
    if (line.now == SizeLine::kNone) text += "not spawned in this run; before: ";
    if (site.samples != 0) {
        text += fmt::format("{} {} used p50 {}, p99 {}, max {} of {} bytes ({})", site.samples,
                            site.samples == 1 ? "coroutine" : "coroutines", site.p50_bytes, site.p99_bytes,
                            site.max_bytes, table.usable(site.used), inspect::size_class_name(site.used));
    } else {
        text += fmt::format("at least {} of {} bytes used ({})", site.seen_bytes, table.usable(site.used),
                            inspect::size_class_name(site.used));
    }
    text += fmt::format("; {}: {}", line.wished ? "wished" : "advised",
                        inspect::size_class_name(line.advised));
    if (!line.fits) text += ", into which that does not fit";
    if (site.predicted_bytes != 0) text += fmt::format("; predicted {}", site.predicted_bytes);
    if (site.bound_bytes != 0) text += fmt::format("; proven {}", site.bound_bytes);
    text += fmt::format("; {} alive at once, {} growths", site.peak_coroutines, site.growths);
    if (const SizeSite* before = model.site_before(line); before != nullptr && line.now != SizeLine::kNone)
        text += fmt::format("; before{}: {}, max {}, {} growths", before->site != site.site ? " (" + before->site + ")" : "",
                            inspect::size_class_name(before->used), before->deepest_bytes(), before->growths);
    return text;
}

json with_wishes(const SizeTable& table, const SizeWishes& wishes, std::uint64_t unix_ns) {
    json out = *table.json;
    if (!out.contains("wishes") || !out["wishes"].is_array()) out["wishes"] = json::array();
    json under = json::array(), over = json::array();
    std::map<std::string_view, const SizeSite*> known;
    for (const SizeSite& site : table.sites)
        known.emplace(site.site, &site);
    for (json& row : out["sites"]) {
        const auto found = row.is_object() ? known.find(text_in(row, "site")) : known.end();
        if (found == known.end()) continue;
        const SizeSite& site = *found->second;
        SizeClass advised = site.advised;
        if (const auto wish = wishes.find(site.site); wish != wishes.end() && wish->second != advised) {
            advised = wish->second;
            row["class_computed"] = row["class_advised"];
            row["class_advised"] = inspect::size_class_name(advised);
            row["evidence"] = "wished";
            out["wishes"].push_back(
                {{"site", site.site}, {"symbol", site.symbol}, {"class", inspect::size_class_name(advised)}, {"unix_ns", unix_ns}});
            row["saved_bytes"] = static_cast<std::int64_t>(table.resident_bytes(site, site.used)) -
                                 static_cast<std::int64_t>(table.resident_bytes(site, advised));
        }
        if (advised > site.used) under.push_back(site.site);
        if (advised < site.used) over.push_back(site.site);
    }
    out["underestimated"] = std::move(under);
    out["overestimated"] = std::move(over);
    return out;
}

json to_json(const SizeModel& model) {
    json rows = json::array();
    for (const SizeLine& line : model.lines) {
        const SizeSite& site = model.site(line);
        rows.push_back({{"site", site.site},
                        {"symbol", site.symbol},
                        {"class_advised", inspect::size_class_name(line.advised)},
                        {"class_computed", inspect::size_class_name(site.advised)},
                        {"evidence", size_evidence(model, line)},
                        {"wished", line.wished},
                        {"fits", line.fits},
                        {"saved_bytes", line.saved_bytes},
                        {"now", side_json(*model.now, model.site_now(line), line.resident_bytes)},
                        {"before", model.before == nullptr ? json(nullptr)
                                                           : side_json(*model.before, model.site_before(line),
                                                                       line.resident_before_bytes)}});
    }
    return {{"of", model.now->name},
            {"before", model.before == nullptr ? json(nullptr) : json(model.before->name)},
            {"sites", model.sites},
            {"wishes", model.wishes},
            {"measured", model.measured},
            {"saved_bytes", model.saved_bytes},
            {"resident_bytes", model.resident_bytes},
            {"resident_before_bytes", model.resident_before_bytes},
            {"migrations", model.growths},
            {"migrations_before", model.growths_before},
            {"saying", saving_sentence(model)},
            {"comparison", comparison_sentence(model)},
            {"filter", model.query.filter},
            {"rows", std::move(rows)}};
}

}  // namespace coroscope::views
