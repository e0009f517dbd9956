// Size rows out of traces: who was spawned where, how deep it went, how many lived at once; and the table as text.
//
// High water comes from EXIT events (a scan of the painted stack) and, for those who never ended, from the last keyframe.
#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analysis.h"
#include "traces/event_feed.h"
#include "traces/size_rows.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;
using nlohmann::json;

// Follows one trace's coroutines from spawn to exit.
class SiteFollower {
public:
    explicit SiteFollower(const StateImage& last) : last_(last) {}

    void begin_with(const StateImage& first) {
        for (const CoroutineImage& coroutine : first.coroutines)
            spawned(coroutine.identity, coroutine.index, coroutine.site, coroutine.pool);
    }

    void take(const wire::DecodedEvent& event) {
        switch (event.type) {
            case wire::EventType::kSpawn:
                spawned(wire::spawn_identity(event), event.object, event.argument, wire::spawn_pool(event));
                break;
            case wire::EventType::kExit:
                exited(event.ext48[0], event.ext64[0]);
                break;
            case wire::EventType::kMigrate:
                if (const auto site = site_of_index_.find(event.object); site != site_of_index_.end())
                    grew(rows_[site->second], static_cast<wire::MigrationForm>(event.argument >> 16 & 0xff));
                break;
            default:
                break;
        }
    }

    void finish(std::map<std::string, SizeRow>& rows) {
        for (const CoroutineImage& coroutine : last_.coroutines) {
            if (coroutine.high_water_bytes != 0) exited(coroutine.identity, coroutine.high_water_bytes);
        }
        for (auto& [site, row] : rows_) {
            if (site >= last_.sites.size()) continue;  // made after the last keyframe of a trace that was cut
            const inspect::SiteImage& image = last_.sites[site];
            row.symbol = std::string(last_.text(image.function));
            row.predicted_bytes = image.predicted_bytes;
            row.seen_bytes = image.high_water_bytes;
            auto [found, fresh] = rows.try_emplace(last_.site_text(site), row);
            if (fresh) continue;
            found->second.merge(row);
            found->second.class_used = row.class_used;  // the latest run counts
            found->second.predicted_bytes = row.predicted_bytes;
        }
    }

private:
    static void grew(SizeRow& row, wire::MigrationForm form) {
        ++row.migrations;
        row.in_place += form == wire::MigrationForm::kInPlace;
        row.segments += form == wire::MigrationForm::kSegment;
        row.wishes += form == wire::MigrationForm::kWish;
    }

    void spawned(std::uint64_t identity, std::uint32_t index, std::uint32_t site, std::uint8_t pool) {
        if (!site_of_identity_.try_emplace(identity, site).second) return;  // in the keyframe and in an event
        site_of_index_[index] = site;
        SizeRow& row = rows_[site];
        if (pool < last_.pools.size()) row.class_used = last_.pools[pool].size_class;
        const std::uint64_t alive = ++alive_[site];
        row.peak_coroutines = std::max(row.peak_coroutines, alive);
    }

    void exited(std::uint64_t identity, std::uint64_t high_water_bytes) {
        const auto found = site_of_identity_.find(identity);
        if (found == site_of_identity_.end()) return;
        if (high_water_bytes != 0) rows_[found->second].add_sample(high_water_bytes);
        --alive_[found->second];
        site_of_identity_.erase(found);
    }

    const StateImage& last_;
    std::unordered_map<std::uint64_t, std::uint32_t> site_of_identity_;  // of those alive
    std::unordered_map<std::uint32_t, std::uint32_t> site_of_index_;
    std::unordered_map<std::uint32_t, std::uint64_t> alive_;
    std::map<std::uint32_t, SizeRow> rows_;  // by site index
};

std::string bytes_text(const json& bytes) {
    return bytes.is_number() ? fmt::format("{}", bytes.get<std::int64_t>()) : "-";
}

}  // namespace

base::Status SizeRows::add_trace(const std::string& path) {
    auto reader = TraceReader::open(path);
    if (!reader) return reader.error();
    const TraceReader& trace = **reader;
    if (trace.keyframes().empty()) {
        return base::error(
            base::ErrorCode::kCorrupt,
            fmt::format(
                "{} was cut before its first keyframe, so its spawn sites are not known; record again", path));
    }
    auto first = trace.read_keyframe(trace.chunks()[trace.keyframes().front()]);
    if (!first) return first.error();
    auto last = trace.read_keyframe(trace.chunks()[trace.keyframes().back()]);
    if (!last) return last.error();
    bytes_ = ClassBytes::of(*last);
    SiteFollower follower(*last);
    follower.begin_with(*first);
    EventFeed feed(trace, 0, std::numeric_limits<std::uint64_t>::max());
    feed.for_each([&](const wire::DecodedEvent& event, const RingCount&) { follower.take(event); });
    follower.finish(rows_);
    ++runs_;
    return base::ok_status();
}

base::Result<json> compute_sizes(const std::vector<std::string>& traces,
                                 const std::vector<std::string>& previous_tables) {
    SizeRows rows;
    for (const std::string& path : previous_tables) {
        if (auto added = rows.add_table(path); !added) return added.error();
    }
    for (const std::string& path : traces) {
        if (auto added = rows.add_trace(path); !added) return added.error();
    }
    return rows.to_json();
}

std::string sizes_text(const json& sizes) {
    std::string text = fmt::format("{:<44} {:>6} -> {:<7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>12}\n",
                                   "site", "used", "advised", "samples", "p50 B", "p99 B", "max B",
                                   "in place", "by segment", "saved KiB");
    std::int64_t saved = 0;
    for (const json& row : sizes["sites"]) {
        const json& water = row["high_water_bytes"];
        const auto of = [&](const char* key) {
            return water.is_object() ? bytes_text(water[key]) : std::string("-");
        };
        const json& forms = row["migrations_by_form"];
        const auto row_saved = row["saved_bytes"].get<std::int64_t>();
        saved += row_saved;
        text += fmt::format("{:<44} {:>6} -> {:<7} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>12}\n",
                            row["site"].get<std::string>(), row["class_used"].get<std::string>(),
                            row["class_advised"].get<std::string>(), row["samples"].get<std::uint64_t>(),
                            of("p50"), of("p99"), of("max"), forms["in_place"].get<std::uint64_t>(),
                            forms["segments"].get<std::uint64_t>(), row_saved / 1024);
    }
    return text + fmt::format("the classes advised would save {} KiB of stacks\n", saved / 1024);
}

}  // namespace coroscope::traces
