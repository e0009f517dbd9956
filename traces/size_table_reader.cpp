// Size tables from their JSON: what "builds" says; of a table without (version 1, or one that a program wrote about itself) what "sites" says.
//
// Nothing is trusted: what is not as it was written is one sentence that names the place, and then nothing of the table is taken.
// Fuzzed by tests/fuzz/sizes_table_fuzz.cpp.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "instrumentation/wire/histogram.h"
#include "traces/size_rows.h"

namespace coroscope::traces {

using nlohmann::json;
using wire::SizeClass;

namespace {

base::Error malformed(const std::string& origin, const std::string& what) {
    return base::error(base::ErrorCode::kCorrupt,
                       fmt::format("{} is not a size table: {}; write one with 'coroscope sizes TRACE -o {}'",
                                   origin, what, origin));
}

// Counts are checked as signed numbers: a negative one must not become a huge one.
bool as_count(const json& number, std::uint64_t& value) {
    if (!number.is_number_integer()) return false;
    if (!number.is_number_unsigned() && number.get<std::int64_t>() < 0) return false;
    const auto read = number.get<std::uint64_t>();
    if (read > kSizeCountMax) return false;
    value = read;
    return true;
}

bool read_count(const json& object, const char* key, std::uint64_t& value) {
    const auto found = object.find(key);
    return found != object.end() && as_count(*found, value);
}

// A time: any unsigned number.
void read_time(const json& object, const char* key, std::uint64_t& value) {
    if (const auto found = object.find(key); found != object.end() && found->is_number_unsigned())
        value = found->get<std::uint64_t>();
}

bool read_text(const json& object, const char* key, std::string& value) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return false;
    value = found->get<std::string>();
    return true;
}

template <typename Texts>
bool read_texts(const json& object, const char* key, Texts& values) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array()) return false;
    for (const json& text : *found) {
        if (!text.is_string()) return false;
        values.insert(values.end(), text.get<std::string>());
    }
    return true;
}

bool class_named(const json& object, const char* key, SizeClass& value) {
    std::string name;
    if (!read_text(object, key, name)) return false;
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (name != inspect::size_class_name(static_cast<SizeClass>(i))) continue;
        value = static_cast<SizeClass>(i);
        return true;
    }
    return false;
}

// What is wrong with a histogram; "" = nothing.
std::string read_histogram(const json& object, SizeRow& row) {
    const auto histogram = object.find("histogram");
    if (histogram == object.end() || !histogram->is_array()) return "has no \"histogram\"";
    std::uint64_t counted = 0;
    for (const json& bucket : *histogram) {
        std::uint64_t low = 0, count = 0;
        const bool pair = bucket.is_array() && bucket.size() == 2;
        if (!pair || !as_count(bucket[0], low) || !as_count(bucket[1], count))
            return "has a \"histogram\" that is no list of pairs";
        std::uint64_t& to = row.histogram[wire::histogram_bucket(low)];
        to = std::min(kSizeCountMax, to + count);
        counted = std::min(kSizeCountMax, counted + count);
    }
    return counted == row.samples || row.samples == kSizeCountMax ? ""
                                                                  : "has a \"histogram\" that does not add up to its \"samples\"";
}

// What is wrong with what was measured at a site; "" = nothing.
std::string read_measured(const json& object, SizeRow& row) {
    if (!class_named(object, "class_used", row.class_used)) return "has no \"class_used\"";
    if (!read_count(object, "samples", row.samples) || !read_count(object, "sum_bytes", row.sum_bytes) ||
        !read_count(object, "peak_coroutines", row.peak_coroutines) ||
        !read_count(object, "migrations", row.migrations)) {
        return "lacks a count";
    }
    row.coroutines = row.samples;  // tables of version 1 do not tell them apart
    (void)read_text(object, "symbol", row.symbol);
    if (const auto water = object.find("high_water_bytes");
        water != object.end() && water->is_object() && !read_count(*water, "max", row.max_bytes)) {
        return "has no \"high_water_bytes\".\"max\"";
    }
    if (const auto forms = object.find("migrations_by_form"); forms != object.end() && forms->is_object()) {
        (void)read_count(*forms, "in_place", row.in_place);
        (void)read_count(*forms, "segments", row.segments);
        (void)read_count(*forms, "wishes", row.wishes);
    }
    (void)read_count(object, "seen_bytes", row.seen_bytes);
    (void)read_count(object, "coroutines", row.coroutines);
    (void)read_count(object, "predicted_bytes", row.predicted_bytes);
    row.run_seen_bytes = row.predicted_bytes != 0 ? row.deepest_bytes() : 0;
    (void)read_count(object, "run_seen_bytes", row.run_seen_bytes);
    read_time(object, "run_unix_ns", row.run_unix_ns);
    if (SizeClass wrong{}; class_named(object, "wrong_class", wrong)) row.wrong_class = wrong;
    (void)read_count(object, "wrong_bytes", row.wrong_bytes);
    return read_histogram(object, row);
}

// A list of pairs of a text and a number. Tables of before have none.
bool read_places(const json& object, std::vector<SizePlace>& places) {
    const auto found = object.find("places");
    if (found == object.end()) return true;
    if (!found->is_array()) return false;
    for (const json& one : *found) {
        if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_number_unsigned()) return false;
        places.push_back({one[0].get<std::string>(), one[1].get<std::uint64_t>()});
    }
    return true;
}

// What is wrong with a proof; "" = nothing.
std::string read_proof(const json& object, SizeProof& proof) {
    const auto flag = [&](const char* key, bool& value) {
        const auto found = object.find(key);
        if (found == object.end() || !found->is_boolean()) return false;
        value = found->get<bool>();
        return true;
    };
    if (!flag("proven", proof.proven) || !flag("recursion", proof.recursion)) return "does not say whether it is \"proven\"";
    if (proof.proven && (!read_count(object, "bound_bytes", proof.bound_bytes) ||
                         !read_count(object, "call_depth", proof.call_depth) || proof.bound_bytes == 0)) {
        return "is proven and has no \"bound_bytes\"";
    }
    (void)read_text(object, "symbol", proof.symbol);
    std::vector<std::string> path;
    if (!read_texts(object, "path", path) || !read_texts(object, "contracts", proof.contracts))
        return "has a list that is none of texts";
    std::vector<SizePlace> places;
    if (!read_places(object, places)) return "has \"places\" that are none";
    if (object.contains("assumptions") && !read_texts(object, "assumptions", proof.assumptions)) return "has \"assumptions\" that are none";
    if (proof.proven) proof.path = std::move(path);
    if (proof.proven) proof.places = std::move(places);
    const auto reasons = object.find("reasons");
    if (reasons == object.end() || !reasons->is_array()) return "has no \"reasons\"";
    for (const json& one : *reasons) {
        SizeReason reason;
        if (!one.is_object() || !read_text(one, "reason", reason.text) || !read_texts(one, "path", reason.path) ||
            !read_text(one, "binary", reason.binary) || !read_places(one, reason.places))
            return "has a reason that is none";
        read_time(one, "address", reason.address);
        proof.reasons.insert(std::move(reason));
        if (proof.reasons.size() > kSizeReasonsMax) proof.reasons.erase(std::prev(proof.reasons.end()));
    }
    return {};
}

base::Status read_rows(const json& list, const std::string& list_name, const std::string& origin, SizeBuildRows& rows) {
    std::size_t position = 0;
    for (const json& one : list) {
        const std::string where = fmt::format("site {} of {}", ++position, list_name);
        std::string site;
        if (!one.is_object() || !read_text(one, "site", site)) return malformed(origin, where + " has no \"site\"");
        SizeRow row;
        if (const std::string wrong = read_measured(one, row); !wrong.empty())
            return malformed(origin, fmt::format("{} ({}) {}", where, site, wrong));
        const auto [found, fresh] = rows.measured.try_emplace({site, row.symbol}, row);
        if (!fresh) found->second.merge(row);
    }
    return base::ok_status();
}

bool read_proven_from(const json& list, std::set<std::pair<std::string, std::string>>& files) {
    if (!list.is_array()) return false;
    for (const json& one : list) {
        if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string()) return false;
        files.emplace(one[0].get<std::string>(), one[1].get<std::string>());
    }
    return true;
}

base::Status read_build(const json& object, std::size_t position, const std::string& origin, SizeRows& to) {
    const std::string where = fmt::format("build {} of its list", position);
    SizeBuild build;
    SizeBuildRows rows;
    if (!object.is_object() || !read_text(object, "program", build.program) ||
        !read_text(object, "build_id", build.build_id) || !read_count(object, "runs", rows.runs))
        return malformed(origin, where + " does not say of which program it is");
    read_time(object, "latest_run_unix_ns", rows.latest_run_unix_ns);
    if (!read_texts(object, "assumptions", rows.assumptions)) return malformed(origin, where + " has no \"assumptions\"");
    if (object.contains("proven_from") && !read_proven_from(object["proven_from"], rows.proven_from))
        return malformed(origin, where + " has a \"proven_from\" that is no list of pairs");
    for (const char* list : {"measured", "proofs"}) {
        if (!object.contains(list) || !object[list].is_array())
            return malformed(origin, fmt::format("{} has no list \"{}\"", where, list));
    }
    if (auto read = read_rows(object["measured"], "\"measured\" of " + where, origin, rows); !read) return read;
    for (const json& one : object["proofs"]) {
        std::string site;
        SizeProof proof;
        if (!one.is_object() || !read_text(one, "site", site)) return malformed(origin, where + " has a proof without \"site\"");
        if (const std::string wrong = read_proof(one, proof); !wrong.empty())
            return malformed(origin, fmt::format("{}: the proof of {} {}", where, site, wrong));
        const auto [found, fresh] = rows.proofs.try_emplace(site, proof);
        if (!fresh) found->second.merge(proof);
    }
    to.build(build).merge(rows);
    return base::ok_status();
}

base::Status read_classes(const json& classes, const std::string& origin, ClassBytes& bytes) {
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        const char* name = inspect::size_class_name(static_cast<SizeClass>(i));
        const auto found = classes.find(name);
        if (found == classes.end()) continue;
        if (!found->is_object() || !read_count(*found, "usable_bytes", bytes.usable[i]) ||
            !read_count(*found, "slot_bytes", bytes.stride[i]))
            return malformed(origin, fmt::format("its class \"{}\" has no \"usable_bytes\" and \"slot_bytes\"", name));
        bytes.known[i] = true;
    }
    return base::ok_status();
}

bool read_wishes(const json& list, SizeRows& rows) {
    if (!list.is_array()) return false;
    for (const json& one : list) {
        std::string site;
        SizeWish wish;
        if (!one.is_object() || !read_text(one, "site", site) || !class_named(one, "class", wish.size_class)) return false;
        (void)read_text(one, "symbol", wish.symbol);
        read_time(one, "unix_ns", wish.unix_ns);
        rows.wish(site, wish);
    }
    return true;
}

base::Status read_table(const json& table, const std::string& origin, SizeRows& rows, ClassBytes& bytes) {
    if (!table.is_object() || !table.contains("sites") || !table["sites"].is_array())
        return malformed(origin, "it has no list \"sites\"");
    std::uint64_t version = 0;
    if (!read_count(table, "version", version)) return malformed(origin, "it has no \"version\"");
    if (version == 0 || version > kSizeTableVersion) {
        return base::error(base::ErrorCode::kVersion,
                           fmt::format("{} is a size table of version {} and this coroscope reads versions 1 to {}; upgrade {}", origin, version,
                                       kSizeTableVersion, version != 0 ? "coroscope" : "the table by writing it anew"));
    }
    if (const auto classes = table.find("classes"); classes != table.end() && classes->is_object()) {
        if (auto read = read_classes(*classes, origin, bytes); !read) return read;
    }
    if (const auto wishes = table.find("wishes"); wishes != table.end() && !read_wishes(*wishes, rows))
        return malformed(origin, "its \"wishes\" are no list of sites with a \"class\"");
    const auto builds = table.find("builds");
    if (builds == table.end()) {
        SizeBuildRows flat;
        if (!read_count(table, "runs", flat.runs)) flat.runs = 1;
        if (auto read = read_rows(table["sites"], "its list", origin, flat); !read) return read;
        rows.build({}).merge(flat);
        return base::ok_status();
    }
    if (!builds->is_array()) return malformed(origin, "its \"builds\" are no list");
    std::size_t position = 0;
    for (const json& build : *builds) {
        if (auto read = read_build(build, ++position, origin, rows); !read) return read;
    }
    return base::ok_status();
}

base::Result<std::string> content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return base::error(
            base::ErrorCode::kUnreadable,
            fmt::format("{} cannot be opened; name a table that 'coroscope sizes' wrote", path));
    return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

}  // namespace

base::Status SizeRows::add_table(const std::string& path) {
    auto text = content_of(path);
    if (!text) return text.error();
    if (auto added = add_table_text(*text, path); !added) return added;
    std::error_code unknown;
    const std::string beside = path + ".wrong";
    if (!std::filesystem::is_regular_file(beside, unknown)) return base::ok_status();
    auto lines = content_of(beside);
    if (!lines) return lines.error();
    add_wrong_lines(*lines);
    return base::ok_status();
}

void SizeRows::add_wrong_lines(std::string_view lines) {
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        const json line = json::parse(lines.substr(0, end), nullptr, false);
        lines.remove_prefix(std::min(end + 1, lines.size()));
        std::string site;
        SizeRow row;
        SizeBuild build;
        if (!line.is_object() || !read_text(line, "site", site) || !class_named(line, "class", row.class_used)) continue;
        (void)read_count(line, "bytes", row.wrong_bytes);
        (void)read_text(line, "program", build.program);
        (void)read_text(line, "build_id", build.build_id);
        (void)read_text(line, "symbol", row.symbol);
        row.wrong_class = row.class_used;
        row.seen_bytes = row.wrong_bytes;
        const auto [found, fresh] = builds_[build].measured.try_emplace({site, row.symbol}, row);
        if (!fresh) found->second.merge(row);
    }
}

base::Status SizeRows::add_table_text(std::string_view text, const std::string& origin) {
    SizeRows read;
    try {
        ClassBytes bytes = ClassBytes::of({});
        if (auto status = read_table(json::parse(text), origin, read, bytes); !status) return status;
        read.bytes_ = bytes;
    } catch (const json::parse_error& broken) {
        const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(broken.byte, text.size()));
        return malformed(origin, fmt::format("its JSON breaks off or is wrong in line {}",
                                             1 + std::count(text.begin(), end, '\n')));
    } catch (const json::exception&) {
        return malformed(origin, "it has a number that is beyond all bounds");
    }
    merge(read);
    return base::ok_status();
}

base::Status SizeRows::add_file(const std::string& path) {
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(path, unknown)) return add_trace(path);
    std::ifstream file(path, std::ios::binary);
    char first = 0;
    const bool is_table = file && file >> std::ws && file.get(first) && first == '{';
    return is_table ? add_table(path) : add_trace(path);
}

}  // namespace coroscope::traces
