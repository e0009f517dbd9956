// Size rows as JSON; size_table_reader.cpp is the way back.
//
// "sites" is what a program reads that is given the table: one row a site, computed (size_join.h). "builds" is what the table knows, and all that
// is read back. A table without "builds" (version 1, or one that a program wrote about itself) has its measurements in "sites".
#include <algorithm>

#include <nlohmann/json.hpp>

#include "instrumentation/wire/histogram.h"
#include "traces/size_join.h"

namespace coroscope::traces {

using nlohmann::json;
using wire::SizeClass;

namespace {

constexpr std::size_t kHotSpotsMax = 5;

json measured_json(const SizeRow& row) {
    json histogram = json::array();
    for (const auto& [bucket, count] : row.histogram)
        histogram.push_back({wire::histogram_bucket_low(bucket), count});
    json made = {{"symbol", row.symbol},
                 {"class_used", inspect::size_class_name(row.class_used)},
                 {"predicted_bytes", nullptr},
                 {"run_seen_bytes", row.run_seen_bytes},
                 {"run_unix_ns", row.run_unix_ns},
                 {"coroutines", row.coroutines},
                 {"samples", row.samples},
                 {"sum_bytes", row.sum_bytes},
                 {"high_water_bytes", nullptr},
                 {"histogram", std::move(histogram)},
                 {"seen_bytes", row.seen_bytes},
                 {"peak_coroutines", row.peak_coroutines},
                 {"migrations", row.migrations},
                 {"migrations_by_form",
                  {{"in_place", row.in_place}, {"segments", row.segments}, {"wishes", row.wishes}}}};
    if (row.predicted_bytes != 0) made["predicted_bytes"] = row.predicted_bytes;
    if (row.wrong_class) {
        made["wrong"] = true;
        made["wrong_class"] = inspect::size_class_name(*row.wrong_class);
        made["wrong_bytes"] = row.wrong_bytes;
    }
    if (row.samples != 0) {
        made["high_water_bytes"] = {
            {"mean", static_cast<double>(row.sum_bytes) / static_cast<double>(row.samples)},
            {"p50", row.quantile(0.5)},
            {"p90", row.quantile(0.9)},
            {"p99", row.quantile(0.99)},
            {"max", row.max_bytes}};
    }
    return made;
}

json places_json(const std::vector<SizePlace>& places) {
    json made = json::array();
    for (const SizePlace& place : places)
        made.push_back({place.binary, place.address});
    return made;
}

json proof_json(const SizeProof& proof) {
    json reasons = json::array();
    for (const SizeReason& reason : proof.reasons)
        reasons.push_back({{"reason", reason.text},
                           {"path", reason.path},
                           {"places", places_json(reason.places)},
                           {"binary", reason.binary},
                           {"address", reason.address}});
    json made = {{"symbol", proof.symbol},       {"proven", proof.proven},       {"recursion", proof.recursion},
                 {"bound_bytes", nullptr},       {"call_depth", nullptr},        {"path", proof.path},
                 {"contracts", proof.contracts}, {"reasons", std::move(reasons)},
                 {"places", places_json(proof.places)}, {"assumptions", proof.assumptions}};
    if (proof.proven) {
        made["bound_bytes"] = proof.bound_bytes;
        made["call_depth"] = proof.call_depth;
    }
    return made;
}

json site_json(const std::string& site, const SizeRow& row, const ClassBytes& bytes) {
    json made = measured_json(row);
    made["site"] = site;
    made["class_advised"] = inspect::size_class_name(row.advised(bytes));
    made["evidence"] = row.evidence();
    made["expected_bytes"] = row.expected_bytes();
    made["bound_bytes"] = made["call_depth"] = made["recursion"] = made["proof"] = made["accuracy"] = nullptr;
    if (row.proof) {
        json proof = proof_json(*row.proof);
        made["recursion"] = row.proof->recursion;
        if (row.proven()) {
            made["bound_bytes"] = proof["bound_bytes"];
            made["call_depth"] = proof["call_depth"];
        }
        made["proof"] = std::move(proof);
    }
    if (const auto accuracy = row.accuracy()) made["accuracy"] = *accuracy;
    made["migrations_per_coroutine"] = row.coroutines == 0 ? 0.0
                                                           : static_cast<double>(row.migrations) /
                                                                 static_cast<double>(row.coroutines);
    made["resident_bytes"] = row.resident_bytes(bytes);
    made["saved_bytes"] = row.saved_bytes(bytes);
    made["contradicted"] = row.contradicted;
    made["doubted"] = row.doubted;
    if (row.wished) made["class_computed"] = inspect::size_class_name(row.computed(bytes));
    made["moved_from"] = row.moved_from;
    return made;
}

json build_json(const SizeBuild& build, const SizeBuildRows& rows) {
    json measured = json::array(), proofs = json::array();
    for (const auto& [key, row] : rows.measured) {
        measured.push_back(measured_json(row));
        measured.back()["site"] = key.first;
        measured.back()["symbol"] = key.second;
    }
    for (const auto& [site, proof] : rows.proofs) {
        proofs.push_back(proof_json(proof));
        proofs.back()["site"] = site;
    }
    return {{"program", build.program},
            {"build_id", build.build_id},
            {"runs", rows.runs},
            {"latest_run_unix_ns", rows.latest_run_unix_ns},
            {"measured", std::move(measured)},
            {"proofs", std::move(proofs)},
            {"proven_from", rows.proven_from},
            {"assumptions", rows.assumptions}};
}

json wishes_json(const WishesBySite& wishes) {
    json made = json::array();
    for (const auto& [site, of_site] : wishes) {
        for (const SizeWish& wish : of_site) {
            made.push_back({{"site", site},
                            {"symbol", wish.symbol},
                            {"class", inspect::size_class_name(wish.size_class)},
                            {"unix_ns", wish.unix_ns}});
        }
    }
    return made;
}

json hot_spots_json(const JoinedSizes& joined, const ClassBytes& bytes) {
    std::vector<std::pair<std::uint64_t, std::string>> hot;
    for (const auto& [site, row] : joined.rows) {
        if (const std::uint64_t resident = row.resident_bytes(bytes); resident != 0) hot.emplace_back(resident, site);
    }
    std::sort(hot.begin(), hot.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    json made = json::array();
    for (std::size_t i = 0; i < std::min(hot.size(), kHotSpotsMax); ++i)
        made.push_back({{"site", hot[i].second}, {"resident_bytes", hot[i].first}});
    return made;
}

}  // namespace

json SizeRows::to_json() const {
    const JoinedSizes joined = this->joined();
    json sites = json::array(), under = json::array(), over = json::array(), apart = json::array();
    json classes = json::object(), builds = json::array();
    for (const auto& [site, row] : joined.rows) {
        const SizeClass advised = row.advised(bytes_);
        if (advised > row.class_used) under.push_back(site);
        if (advised < row.class_used) over.push_back(site);
        sites.push_back(site_json(site, row, bytes_));
    }
    for (const JoinedSizes::SetApart& one : joined.set_apart)
        apart.push_back(site_json(one.site, one.row, bytes_));
    std::uint64_t runs = 0;
    for (const auto& [build, rows] : builds_) {
        runs = std::min(kSizeCountMax, runs + rows.runs);
        builds.push_back(build_json(build, rows));
    }
    for (std::uint8_t i = 0; i < wire::kSizeClassesCount; ++i) {
        if (!bytes_.known[i]) continue;
        classes[inspect::size_class_name(static_cast<SizeClass>(i))] = {{"usable_bytes", bytes_.usable[i]},
                                                                        {"slot_bytes", bytes_.stride[i]}};
    }
    return {{"version", kSizeTableVersion},
            {"runs", runs},
            {"classes", std::move(classes)},
            {"sites", std::move(sites)},
            {"set_apart", std::move(apart)},
            {"underestimated", std::move(under)},
            {"overestimated", std::move(over)},
            {"hot_spots", hot_spots_json(joined, bytes_)},
            {"notes", joined.notes},
            {"contradictions", joined.contradictions},
            {"wishes", wishes_json(wishes_)},
            {"builds", std::move(builds)}};
}

}  // namespace coroscope::traces
