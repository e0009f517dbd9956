// A row is read from its JSON, added to, and written back over it.
#include "runtime/learning/learned_table.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "instrumentation/wire/histogram.h"
#include "runtime/learning/size_advice.h"
#include "runtime/stacks/json_writer.h"
#include "runtime/stacks/pool_plan.h"

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::base::Status;
using coroscope::wire::SizeClass;

namespace {

// Of the table's JSON, as in traces. A table of version 1 has its measurements in "sites"; one of version 2 has them in "builds" by the build that
// was measured, and "sites" is what follows from them.
constexpr double kVersion = 1, kVersionWithBuilds = 2;
constexpr double kCountMax = 9007199254740992.0;  // beyond 2^53 a sum would not be exact

std::size_t number(SizeClass size_class) {
    return static_cast<std::size_t>(size_class);
}
JsonValue value_of(std::uint64_t count) {
    return {static_cast<double>(count)};
}
JsonValue value_of(const char* text) {
    return {std::string(text)};
}
JsonValue name_of(SizeClass size_class) {
    return value_of(kPoolPlans[number(size_class)].name);
}

std::uint64_t count_of(const JsonValue* value) {
    const double* count = value != nullptr ? value->number() : nullptr;
    return count != nullptr && *count > 0 && *count <= kCountMax ? static_cast<std::uint64_t>(*count) : 0;
}
std::uint64_t count_in(const JsonValue& object, const char* name) {
    return count_of(object.member(name));
}

std::optional<SizeClass> class_in(const JsonValue& object, const char* name) {
    const JsonValue* value = object.member(name);
    const std::string* text = value != nullptr ? value->string() : nullptr;
    for (std::uint8_t i = 0; text != nullptr && i < coroscope::wire::kSizeClassesCount; ++i) {
        if (*text == kPoolPlans[i].name) return static_cast<SizeClass>(i);
    }
    return std::nullopt;
}

bool says(const JsonValue& object, const char* name, const char* wanted) {
    const JsonValue* value = object.member(name);
    return value != nullptr && value->string() != nullptr && *value->string() == wanted;
}

using Histogram = std::map<std::uint32_t, std::uint64_t>;

Histogram histogram_of(const JsonValue& row) {
    Histogram histogram;
    const JsonValue* pairs = row.member("histogram");
    if (pairs == nullptr || pairs->array() == nullptr) return histogram;
    for (const JsonValue& pair : *pairs->array()) {
        if (const JsonArray* both = pair.array(); both != nullptr && both->size() == 2)
            histogram[coroscope::wire::histogram_bucket(count_of(&(*both)[0]))] += count_of(&(*both)[1]);
    }
    return histogram;
}

JsonValue json_of(const Histogram& histogram) {
    JsonArray pairs;
    for (const auto& [bucket, count] : histogram) {
        pairs.push_back({JsonArray{value_of(coroscope::wire::histogram_bucket_low(bucket)), value_of(count)}});
    }
    return {std::move(pairs)};
}

// Depths, and what follows from them.
struct Measured {
    std::uint64_t samples = 0, sum_bytes = 0, max_bytes = 0, peak_coroutines = 0;
    Histogram histogram;
    std::uint64_t seen_bytes = 0;  // what growths and parks said

    std::uint64_t deepest_bytes() const { return std::max(max_bytes, seen_bytes); }
};

void write_depths(JsonObject& row, const Measured& all, std::uint64_t predicted_bytes) {
    put(row, "samples", value_of(all.samples));
    put(row, "sum_bytes", value_of(all.sum_bytes));
    put(row, "peak_coroutines", value_of(all.peak_coroutines));
    put(row, "histogram", json_of(all.histogram));
    if (predicted_bytes != 0) put(row, "predicted_bytes", value_of(predicted_bytes));
    if (all.samples == 0) return;
    const auto at = [&](double q) {
        return value_of(size_quantile(all.histogram, all.samples, all.max_bytes, q));
    };
    const double mean = static_cast<double>(all.sum_bytes) / static_cast<double>(all.samples);
    put(row, "high_water_bytes",
        {JsonObject{{"max", value_of(all.max_bytes)},
                    {"mean", {mean}},
                    {"p50", at(0.5)},
                    {"p90", at(0.9)},
                    {"p99", at(0.99)}}});
    const std::uint64_t predicted = predicted_bytes;
    const auto [low, high] = std::minmax(predicted, all.max_bytes);
    if (predicted != 0 && high != 0)
        put(row, "accuracy", {static_cast<double>(low) / static_cast<double>(high)});
}

void write_growths(JsonObject& row, const JsonValue& before, const LearnedRow& learned) {
    const JsonValue* known = before.member("migrations_by_form");
    JsonObject forms = known != nullptr && known->object() != nullptr ? *known->object() : JsonObject{};
    const auto add = [&](const char* name, std::uint64_t more) {
        const std::uint64_t had = known != nullptr ? count_in(*known, name) : 0;
        put(forms, name, value_of(had + more));
    };
    add("in_place", learned.in_place);
    add("segments", learned.segments);
    add("wishes", learned.wishes);
    put(row, "migrations",
        value_of(count_in(before, "migrations") + learned.in_place + learned.segments + learned.wishes));
    put(row, "migrations_by_form", {std::move(forms)});
}

// The class that did not hold, of this run and of those before; SizeClass + 1, 0 = all did.
std::uint8_t write_wrong(JsonObject& row, const JsonValue& before, const LearnedRow& learned) {
    const auto known = class_in(before, "wrong_class");
    const auto known_plus_one = static_cast<std::uint8_t>(known ? number(*known) + 1 : 0);
    const std::uint8_t unheld = std::max(known_plus_one, learned.unheld);
    if (unheld == 0) return 0;
    put(row, "wrong", {true});
    put(row, "wrong_class", name_of(static_cast<SizeClass>(unheld - 1)));
    put(row, "wrong_bytes", value_of(std::max(count_in(before, "wrong_bytes"), learned.unheld_bytes)));
    return unheld;
}

// So does a wish.
bool wish_stands(const JsonValue& before, std::uint8_t unheld) {
    const auto wished = class_in(before, "class_advised");
    return says(before, "evidence", "wished") && wished && number(*wished) + 1 > unheld;
}

// A proof stands until something was seen that it excludes.
bool proof_stands(const JsonValue& before, const Measured& all, std::uint8_t unheld) {
    const std::uint64_t bound = count_in(before, "bound_bytes");
    return says(before, "evidence", "proven") && class_in(before, "class_advised") && unheld == 0 &&
           (bound == 0 || all.deepest_bytes() <= bound);
}

// `bytes` null: nothing was measured, and what there is of advice stays, but for what did not hold.
void write_advice(JsonObject& row, const JsonValue& before, const Measured& all, SizeClass used,
                  std::uint8_t unheld, const ClassBytes* bytes) {
    SizeClass advised = bytes != nullptr ? advised_class(used, all.samples, all.deepest_bytes(), bytes->usable)
                                         : class_in(before, "class_advised").value_or(used);
    const SizeClass computed = advised;
    if (proof_stands(before, all, unheld) || wish_stands(before, unheld)) {
        advised = *class_in(before, "class_advised");
    } else {
        put(row, "evidence", value_of(all.samples != 0 || unheld != 0 ? "profiled" : "unknown"));
    }
    // The next class up from the one that did not hold; `unheld` is that class, counted from 1.
    advised = std::max(advised,
                       static_cast<SizeClass>(std::min<std::size_t>(unheld, number(SizeClass::kLarge))));
    put(row, "class_used", name_of(used));
    put(row, "class_advised", name_of(advised));
    if (before.member("class_computed") != nullptr) put(row, "class_computed", name_of(computed));
    if (bytes == nullptr) return;
    const std::uint64_t typical = size_quantile(all.histogram, all.samples, all.max_bytes, 0.5);
    const auto resident = [&](SizeClass size_class) {
        return static_cast<double>(resident_stack_bytes(bytes->stride[number(size_class)], typical));
    };
    put(row, "saved_bytes", {static_cast<double>(all.peak_coroutines) * (resident(used) - resident(advised))});
}

// A row that says nothing yet, with every member that tables have.
JsonObject new_row(const LearnedRow& learned) {
    JsonObject row;
    for (const char* name :
         {"accuracy", "bound_bytes", "call_depth", "high_water_bytes", "predicted_bytes", "recursion"})
        put(row, name, {std::monostate{}});
    put(row, "saved_bytes", value_of(std::uint64_t{0}));
    put(row, "site", {learned.site});
    return row;
}

void learn_row(JsonValue& known, const LearnedRow& learned, const ClassBytes& bytes) {
    const JsonValue before = known;
    auto& row = std::get<JsonObject>(known.value);
    Measured all{count_in(before, "samples") + learned.samples,
                 count_in(before, "sum_bytes") + learned.sum_bytes, learned.max_bytes,
                 std::max(count_in(before, "peak_coroutines"), learned.peak_coroutines), histogram_of(before)};
    if (const JsonValue* water = before.member("high_water_bytes"))
        all.max_bytes = std::max(all.max_bytes, count_in(*water, "max"));
    for (const auto& [bucket, count] : learned.histogram)
        all.histogram[static_cast<std::uint32_t>(bucket)] += count;
    const bool ran = learned.samples != 0 || learned.peak_coroutines != 0;
    const SizeClass used = ran ? learned.class_used
                               : class_in(before, "class_used").value_or(learned.class_used);
    if (!learned.symbol.empty() || before.member("symbol") == nullptr) put(row, "symbol", {learned.symbol});
    write_depths(row, all, ran ? learned.predicted_bytes : count_in(before, "predicted_bytes"));
    write_growths(row, before, learned);
    put(row, "seen_bytes", value_of(all.seen_bytes));
    if (learned.run_unix_ns != 0) {
        put(row, "run_unix_ns", value_of(learned.run_unix_ns));
        put(row, "run_seen_bytes", value_of(std::max(learned.max_bytes, learned.seen_bytes)));
    }
    put(row, "expected_bytes", value_of(all.deepest_bytes()));
    const std::uint8_t unheld = write_wrong(row, before, learned);
    write_advice(row, before, all, used, unheld, ran ? &bytes : nullptr);
}

// Which rows ask for more than they were given, and which for less.
void write_lists(JsonObject& table, const JsonArray& sites) {
    JsonArray under, over;
    for (const JsonValue& row : sites) {
        const auto used = class_in(row, "class_used");
        const auto advised = class_in(row, "class_advised");
        if (used && advised && *advised > *used) under.push_back(*row.member("site"));
        if (used && advised && *advised < *used) over.push_back(*row.member("site"));
    }
    put(table, "underestimated", {std::move(under)});
    put(table, "overestimated", {std::move(over)});
}

// Adds the rows to a list of rows. False: a row of the list has no "site".
bool learn_rows(JsonArray& list, const std::vector<LearnedRow>& rows, const ClassBytes& bytes) {
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < list.size(); ++i) {
        const JsonValue* site = list[i].member("site");
        if (site == nullptr || site->string() == nullptr) return false;
        places.emplace(*site->string(), i);
    }
    for (const LearnedRow& learned : rows) {
        const auto [place, fresh] = places.try_emplace(learned.site, list.size());
        if (fresh) list.push_back({new_row(learned)});
        learn_row(list[place->second], learned, bytes);
    }
    std::stable_sort(list.begin(), list.end(), [](const JsonValue& one, const JsonValue& other) {
        return *one.member("site")->string() < *other.member("site")->string();
    });
    return true;
}

std::string text_in(const JsonValue& object, const char* name) {
    const JsonValue* value = object.member(name);
    return value != nullptr && value->string() != nullptr ? *value->string() : std::string();
}

const JsonArray* list_in(const JsonValue& object, const char* name) {
    const JsonValue* list = object.member(name);
    return list != nullptr ? list->array() : nullptr;
}

// The entry of a build; made where there is none.
JsonArray::iterator build_of(JsonArray& builds, const OwnBuild& build) {
    const auto known = std::find_if(builds.begin(), builds.end(), [&](const JsonValue& one) {
        return says(one, "program", build.program.c_str()) && says(one, "build_id", build.build_id.c_str());
    });
    if (known != builds.end()) return known;
    JsonObject made;
    for (const char* list : {"assumptions", "measured", "proofs"})
        put(made, list, {JsonArray{}});
    put(made, "program", {build.program});
    put(made, "build_id", {build.build_id});
    return builds.insert(builds.begin(), {std::move(made)});
}

bool learn_build(JsonArray& builds, const OwnBuild& build, const std::vector<LearnedRow>& rows, unsigned runs, const ClassBytes& bytes) {
    const auto own = build_of(builds, build);
    const JsonArray* measured = list_in(*own, "measured");
    if (measured == nullptr) return false;
    JsonArray list = *measured;
    if (!learn_rows(list, rows, bytes)) return false;
    std::uint64_t latest = 0;
    for (const LearnedRow& row : rows)
        latest = std::max(latest, row.run_unix_ns);
    auto& object = std::get<JsonObject>(own->value);
    put(object, "measured", {std::move(list)});
    put(object, "runs", value_of(count_in(*own, "runs") + runs));
    const JsonValue* known = own->member("latest_run_unix_ns");
    const double before = known != nullptr && known->number() != nullptr ? *known->number() : 0;
    if (static_cast<double>(latest) > before) put(object, "latest_run_unix_ns", value_of(latest));
    return true;
}

// A table without builds gets them: what it has measured is of a build that is not known.
JsonArray builds_of(const JsonValue& table, const JsonArray& sites) {
    JsonArray builds;
    if (sites.empty()) return builds;
    auto& unnamed = std::get<JsonObject>(build_of(builds, {})->value);
    put(unnamed, "measured", {sites});
    put(unnamed, "runs", value_of(count_in(table, "runs")));
    return builds;
}

std::string file_of(const std::string& site) {
    return site.substr(0, site.rfind(':'));
}

// The rows of all builds, made fit for what one build says now.
class Carried {
public:
    Carried(JsonArray& sites, const std::vector<LearnedRow>& rows, const JsonValue& own) : sites_(sites), rows_(rows) {
        for (const LearnedRow& row : rows)
            here_.insert(row.site);
        for (const JsonValue& row : list_in(own, "measured") != nullptr ? *list_in(own, "measured") : JsonArray{})
            here_.insert(text_in(row, "site"));
        for (const JsonValue& proof : list_in(own, "proofs") != nullptr ? *list_in(own, "proofs") : JsonArray{})
            proven_.insert(text_in(proof, "site"));
    }

    void carry() {
        std::map<std::string, std::string> moves;
        for (const LearnedRow& row : rows_) {
            JsonValue* known = row_at(row.site);
            if (known == nullptr || !same_function(*known, row)) {
                if (std::string from = moved_from(row); !from.empty()) moves[row.site] = std::move(from);
            }
        }
        for (const LearnedRow& row : rows_) {
            const auto move = moves.find(row.site);
            JsonValue* known = row_at(row.site);
            if (known != nullptr && !same_function(*known, row)) {  // its measurements stay in the build that they are of
                sites_.erase(sites_.begin() + (known - sites_.data()));
                known = nullptr;
            }
            if (known == nullptr && move != moves.end()) {
                known = row_at(move->second);
                auto& object = std::get<JsonObject>(known->value);
                put(object, "site", {row.site});
                JsonArray from = list_in(*known, "moved_from") != nullptr ? *list_in(*known, "moved_from") : JsonArray{};
                from.push_back({move->second});
                put(object, "moved_from", {std::move(from)});
            }
            if (known != nullptr && !proven_.contains(row.site)) forget_proof(*known);
        }
    }

private:
    JsonValue* row_at(const std::string& site) {
        const auto found = std::find_if(sites_.begin(), sites_.end(), [&](const JsonValue& row) { return text_in(row, "site") == site; });
        return found != sites_.end() ? &*found : nullptr;
    }
    static bool same_function(const JsonValue& known, const LearnedRow& row) {
        const std::string symbol = text_in(known, "symbol");
        return symbol.empty() || row.symbol.empty() || symbol == row.symbol;
    }
    static bool belongs(const LearnedRow& row, const std::string& site, const std::string& symbol) {
        return !symbol.empty() && symbol == row.symbol && file_of(site) == file_of(row.site);
    }
    // The one row of an older build that the site can have been; "" = none, or several.
    std::string moved_from(const LearnedRow& row) {
        std::vector<std::string> before;
        for (const JsonValue& known : sites_) {
            const std::string site = text_in(known, "site");
            if (!here_.contains(site) && belongs(row, site, text_in(known, "symbol"))) before.push_back(site);
        }
        const auto rivals = std::count_if(rows_.begin(), rows_.end(), [&](const LearnedRow& other) {
            const JsonValue* known = row_at(other.site);
            return (known == nullptr || !same_function(*known, other)) && belongs(row, other.site, other.symbol);
        });
        return before.size() == 1 && rivals == 1 ? before.front() : std::string();
    }
    // What was proven of another build says nothing of this one.
    static void forget_proof(JsonValue& known) {
        if (!says(known, "evidence", "proven")) return;
        auto& row = std::get<JsonObject>(known.value);
        for (const char* name : {"bound_bytes", "call_depth", "proof", "recursion"})
            put(row, name, {std::monostate{}});
        put(row, "evidence", value_of("profiled"));
    }

    JsonArray& sites_;
    const std::vector<LearnedRow>& rows_;
    std::set<std::string> here_;    // sites of the build that learns
    std::set<std::string> proven_;  // of them, those that the table has a proof of
};

// Rows by the build that they are of.
std::map<std::pair<std::string, std::string>, std::vector<LearnedRow>> by_build(const std::vector<LearnedRow>& rows, const OwnBuild& own) {
    std::map<std::pair<std::string, std::string>, std::vector<LearnedRow>> sorted;
    for (const LearnedRow& row : rows) {
        const OwnBuild& of = row.of ? *row.of : own;
        sorted[{of.program, of.build_id}].push_back(row);
    }
    return sorted;
}

}  // namespace

JsonValue empty_table() {
    return {JsonObject{{"overestimated", {JsonArray{}}},
                       {"runs", {0.0}},
                       {"sites", {JsonArray{}}},
                       {"underestimated", {JsonArray{}}},
                       {"version", {kVersion}}}};
}

Status learn(JsonValue& table, const std::vector<LearnedRow>& rows, unsigned runs, const ClassBytes& bytes, const OwnBuild& build) {
    const auto bad = [](const char* what) { return coroscope::base::error(ErrorCode::kCorrupt, what); };
    auto* whole = std::get_if<JsonObject>(&table.value);
    const JsonValue* list = table.member("sites");
    if (whole == nullptr || list == nullptr || list->array() == nullptr)
        return bad("it has no list \"sites\"");
    const double* version = table.member("version") != nullptr ? table.member("version")->number() : nullptr;
    if (version == nullptr || *version < kVersion || *version > kVersionWithBuilds)
        return bad("it is of a version that this runtime does not know");
    JsonArray sites = *list->array();
    const JsonValue* known = table.member("builds");
    if (known != nullptr && known->array() == nullptr) return bad("its \"builds\" are no list");
    const bool by_builds = known != nullptr || build != OwnBuild{};
    JsonArray builds = known != nullptr ? *known->array() : builds_of(table, sites);
    if (by_builds) {
        const JsonValue own = *build_of(builds, build);
        std::vector<LearnedRow> now;  // what the dead say is of another moment, maybe of another build
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(now), [](const LearnedRow& row) { return !row.of && row.peak_coroutines != 0; });
        if (build != OwnBuild{}) Carried(sites, now, own).carry();
        if (!learn_build(builds, build, {}, runs, bytes)) return bad("what it says of a build is not whole");
        for (const auto& [of, of_build] : by_build(rows, build)) {
            if (!learn_build(builds, {of.first, of.second}, of_build, 0, bytes)) return bad("what it says of a build is not whole");
        }
    }
    if (!learn_rows(sites, rows, bytes)) return bad("a row of its list has no \"site\"");
    if (by_builds) {
        put(*whole, "builds", {std::move(builds)});
        put(*whole, "version", {kVersionWithBuilds});
    }
    write_lists(*whole, sites);
    put(*whole, "sites", {std::move(sites)});
    put(*whole, "runs", value_of(count_in(table, "runs") + runs));
    return coroscope::base::ok_status();
}

}  // namespace cprime::detail
