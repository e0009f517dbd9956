// Arithmetic of size rows, and their JSON in both directions.
#include "traces/size_rows.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "instrumentation/wire/histogram.h"

namespace coroscope::traces {

using nlohmann::json;
using wire::SizeClass;

namespace {

constexpr std::uint64_t kDocumentedBytes[wire::kSizeClassesCount] = {256, 2048, 16384, 8U << 20};
constexpr int kTableVersion = 1;

std::size_t number(SizeClass size_class) {
    return static_cast<std::size_t>(size_class);
}

base::Error malformed(const std::string& path, const std::string& what) {
    return base::error(base::ErrorCode::kCorrupt,
                       fmt::format("{} is not a size table: {}; write one with 'coroscope sizes TRACE -o {}'",
                                   path, what, path));
}

// Counts are checked as signed numbers: a negative one must not become a huge one.
bool read_count(const json& object, const char* key, std::uint64_t& value) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_integer() ||
        (found->is_number_integer() && found->get<std::int64_t>() < 0))
        return false;
    value = found->get<std::uint64_t>();
    return true;
}

bool class_named(const json& object, const char* key, SizeClass& value) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return false;
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (found->get_ref<const std::string&>() == inspect::size_class_name(static_cast<SizeClass>(i))) {
            value = static_cast<SizeClass>(i);
            return true;
        }
    }
    return false;
}

}  // namespace

ClassBytes ClassBytes::of(const inspect::StateImage& state) {
    ClassBytes bytes;
    for (std::size_t i = 0; i < wire::kSizeClassesCount; ++i)
        bytes.usable[i] = bytes.stride[i] = kDocumentedBytes[i];
    for (const inspect::PoolImage& pool : state.pools) {
        if (pool.purpose != wire::PoolPurpose::kOrdinary || pool.slot_bytes == 0) continue;
        const std::size_t i = number(pool.size_class);
        if (i >= wire::kSizeClassesCount) continue;
        const std::uint64_t colour = pool.colour_steps > 1 ? (pool.colour_steps - 1) * wire::kCacheLineBytes
                                                           : 0;
        const std::uint64_t unusable = colour + pool.canary_bytes;
        bytes.usable[i] = pool.slot_bytes > unusable ? pool.slot_bytes - unusable : 0;
        bytes.stride[i] = pool.stride_bytes;
    }
    return bytes;
}

std::uint64_t ClassBytes::resident(SizeClass size_class, std::uint64_t high_water_bytes) const {
    if (stride[number(size_class)] < wire::kPageBytes) return stride[number(size_class)];
    return (std::max<std::uint64_t>(high_water_bytes, 1) + wire::kPageBytes - 1) / wire::kPageBytes *
           wire::kPageBytes;
}

void SizeRow::add_sample(std::uint64_t high_water_bytes) {
    ++samples;
    sum_bytes += high_water_bytes;
    max_bytes = std::max(max_bytes, high_water_bytes);
    ++histogram[wire::histogram_bucket(high_water_bytes)];
}

void SizeRow::merge(const SizeRow& other) {
    if (symbol.empty()) symbol = other.symbol;
    samples += other.samples;
    sum_bytes += other.sum_bytes;
    max_bytes = std::max(max_bytes, other.max_bytes);
    for (const auto& [bucket, count] : other.histogram)
        histogram[bucket] += count;
    migrations += other.migrations;
    in_place += other.in_place;
    segments += other.segments;
    wishes += other.wishes;
    seen_bytes = std::max(seen_bytes, other.seen_bytes);
    peak_coroutines = std::max(peak_coroutines, other.peak_coroutines);
}

std::uint64_t SizeRow::quantile(double q) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(samples)));
    std::uint64_t seen = 0;
    for (const auto& [bucket, count] : histogram) {
        seen += count;
        if (seen >= wanted) return std::min(max_bytes, wire::histogram_bucket_low(bucket + 1) - 1);
    }
    return max_bytes;
}

SizeClass SizeRow::advised(const ClassBytes& bytes) const {
    if (samples == 0) return class_used;
    const std::uint64_t needed = max_bytes + std::max(kMarginBytesMin,
                                                      (max_bytes - std::min(max_bytes, kFixedBytes)) / 4);
    auto fitting = SizeClass::kLarge;
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (needed <= bytes.usable[i]) {
            fitting = static_cast<SizeClass>(i);
            break;
        }
    }
    if (samples < kSamplesEnough && fitting < class_used) return class_used;
    return fitting;
}

std::int64_t SizeRow::saved_bytes(const ClassBytes& bytes) const {
    const std::uint64_t typical = quantile(0.5);
    return static_cast<std::int64_t>(peak_coroutines) *
           (static_cast<std::int64_t>(bytes.resident(class_used, typical)) -
            static_cast<std::int64_t>(bytes.resident(advised(bytes), typical)));
}

json SizeRows::to_json() const {
    json sites = json::array(), under = json::array(), over = json::array();
    for (const auto& [site, row] : rows_) {
        const SizeClass advised = row.advised(bytes_);
        if (advised > row.class_used) under.push_back(site);
        if (advised < row.class_used) over.push_back(site);
        json histogram = json::array();
        for (const auto& [bucket, count] : row.histogram)
            histogram.push_back({wire::histogram_bucket_low(bucket), count});
        json made = {{"site", site},
                     {"symbol", row.symbol},
                     {"class_used", inspect::size_class_name(row.class_used)},
                     {"class_advised", inspect::size_class_name(advised)},
                     {"evidence", row.samples != 0 ? "profiled" : "unknown"},
                     {"bound_bytes", nullptr},
                     {"call_depth", nullptr},
                     {"recursion", nullptr},
                     {"predicted_bytes", nullptr},
                     {"accuracy", nullptr},
                     {"high_water_bytes", nullptr},
                     {"histogram", histogram},
                     {"samples", row.samples},
                     {"sum_bytes", row.sum_bytes},
                     {"peak_coroutines", row.peak_coroutines},
                     {"migrations", row.migrations},
                     {"migrations_by_form",
                      {{"in_place", row.in_place}, {"segments", row.segments}, {"wishes", row.wishes}}},
                     {"seen_bytes", row.seen_bytes},
                     {"saved_bytes", row.saved_bytes(bytes_)}};
        if (row.samples != 0) {
            made["high_water_bytes"] = {
                {"mean", static_cast<double>(row.sum_bytes) / static_cast<double>(row.samples)},
                {"p50", row.quantile(0.5)},
                {"p99", row.quantile(0.99)},
                {"max", row.max_bytes}};
        }
        if (row.predicted_bytes != 0) {
            made["predicted_bytes"] = row.predicted_bytes;
            const auto [low, high] = std::minmax(row.predicted_bytes, row.max_bytes);
            if (row.samples != 0 && high != 0)
                made["accuracy"] = static_cast<double>(low) / static_cast<double>(high);
        }
        sites.push_back(std::move(made));
    }
    return {{"version", kTableVersion},
            {"runs", runs_},
            {"sites", sites},
            {"underestimated", under},
            {"overestimated", over}};
}

base::Status SizeRows::add_table(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        return base::error(
            base::ErrorCode::kUnreadable,
            fmt::format("{} cannot be opened; name a table that 'coroscope sizes' wrote", path));
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    try {
        return add_json(json::parse(text), path);
    } catch (const json::parse_error& broken) {
        const auto end = text.begin() +
                         static_cast<std::ptrdiff_t>(std::min<std::size_t>(broken.byte, text.size()));
        return malformed(path, fmt::format("its JSON breaks off or is wrong in line {}",
                                           1 + std::count(text.begin(), end, '\n')));
    }
}

base::Status SizeRows::add_json(const json& table, const std::string& path) {
    if (!table.is_object() || !table.contains("sites") || !table["sites"].is_array())
        return malformed(path, "it has no list \"sites\"");
    std::uint64_t version = 0;
    if (!read_count(table, "version", version)) return malformed(path, "it has no \"version\"");
    if (version != kTableVersion) {
        return base::error(
            base::ErrorCode::kVersion,
            fmt::format("{} is a size table of version {} and this coroscope reads version {}; upgrade {}",
                        path, version, kTableVersion,
                        version > kTableVersion ? "coroscope" : "the table by writing it anew"));
    }
    std::size_t position = 0;
    for (const json& site : table["sites"]) {
        const std::string where = fmt::format("site {} of its list", ++position);
        SizeRow row;
        if (!site.is_object() || !site.contains("site") || !site["site"].is_string())
            return malformed(path, where + " has no \"site\"");
        if (!class_named(site, "class_used", row.class_used))
            return malformed(path, where + " has no \"class_used\"");
        if (!read_count(site, "samples", row.samples) || !read_count(site, "sum_bytes", row.sum_bytes) ||
            !read_count(site, "peak_coroutines", row.peak_coroutines) ||
            !read_count(site, "migrations", row.migrations)) {
            return malformed(path, where + " lacks a count");
        }
        if (site.contains("symbol") && site["symbol"].is_string())
            row.symbol = site["symbol"].get<std::string>();
        if (site.contains("high_water_bytes") && site["high_water_bytes"].is_object() &&
            !read_count(site["high_water_bytes"], "max", row.max_bytes)) {
            return malformed(path, where + " has no \"high_water_bytes\".\"max\"");
        }
        if (const auto forms = site.find("migrations_by_form"); forms != site.end() && forms->is_object()) {
            (void)read_count(*forms, "in_place", row.in_place);
            (void)read_count(*forms, "segments", row.segments);
            (void)read_count(*forms, "wishes", row.wishes);
        }
        (void)read_count(site, "seen_bytes", row.seen_bytes);
        const auto histogram = site.find("histogram");
        if (histogram == site.end() || !histogram->is_array())
            return malformed(path, where + " has no \"histogram\"");
        for (const json& bucket : *histogram) {
            if (!bucket.is_array() || bucket.size() != 2 || !bucket[0].is_number_unsigned() ||
                !bucket[1].is_number_unsigned()) {
                return malformed(path, where + " has a \"histogram\" that is no list of pairs");
            }
            row.histogram[wire::histogram_bucket(bucket[0].get<std::uint64_t>())] += bucket[1]
                                                                                         .get<std::uint64_t>();
        }
        auto [found, fresh] = rows_.try_emplace(site["site"].get<std::string>(), row);
        if (!fresh) found->second.merge(row);
    }
    std::uint64_t runs = 0;
    runs_ += read_count(table, "runs", runs) ? runs : 1;
    return base::ok_status();
}

}  // namespace coroscope::traces
