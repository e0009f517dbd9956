// Size rows out of traces: who was spawned where, how deep it went, how many lived at once.
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
#include "traces/search.h"
#include "traces/size_rows.h"
#include "traces/trace_reader.h"

namespace coroscope::traces {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;
using nlohmann::json;

// Texts of a program may be anything: what is no UTF-8 is replaced, so that a table that is read back has the same keys.
std::string valid_text(std::string_view text) {
    return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
}

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

    // `run_unix_ns`: when the run began, 0 = not known.
    void finish(std::uint64_t run_unix_ns, SizeBuildRows& rows) {
        for (const CoroutineImage& coroutine : last_.coroutines) {
            if (coroutine.high_water_bytes != 0) exited(coroutine.identity, coroutine.high_water_bytes);
        }
        for (auto& [site, row] : rows_) {
            if (site >= last_.sites.size()) continue;  // made after the last keyframe of a trace that was cut
            const inspect::SiteImage& image = last_.sites[site];
            row.symbol = valid_text(last_.text(image.function));
            row.run_unix_ns = run_unix_ns;
            row.predicted_bytes = image.predicted_bytes;
            row.seen_bytes = image.high_water_bytes;
            row.run_seen_bytes = row.deepest_bytes();
            const auto [found, fresh] = rows.measured.try_emplace({valid_text(last_.site_text(site)), row.symbol}, row);
            if (!fresh) found->second.merge(row);
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
        ++row.coroutines;
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

// Of the program's own file: where it lies and its build; "" where the modules do not say.
SizeBuild build_of(const TraceReader& trace) {
    const std::string& path = trace.meta().program;
    SizeBuild build{valid_text(path.substr(path.rfind('/') + 1)), {}};
    for (const inspect::Module& module : trace.modules()) {
        if (module.path == path) build.build_id = valid_text(module.build_id);
    }
    return build;
}

}  // namespace

base::Status SizeRows::add_trace(const std::string& path) {
    auto reader = TraceReader::open(path);
    if (!reader) return reader.error();
    return add_trace(**reader);
}

base::Status SizeRows::add_trace(const TraceReader& trace, const Search* search) {
    if (trace.keyframes().empty()) {
        return base::error(base::ErrorCode::kCorrupt,
                           fmt::format("{} was cut before its first keyframe, so its spawn sites are not known; record again",
                                       trace.path()));
    }
    auto first = trace.read_keyframe(trace.chunks()[trace.keyframes().front()]);
    if (!first) return first.error();
    auto last = trace.read_keyframe(trace.chunks()[trace.keyframes().back()]);
    if (!last) return last.error();
    bytes_.merge(ClassBytes::of(*last));
    SiteFollower follower(*last);
    follower.begin_with(*first);
    EventFeed feed(trace, 0, std::numeric_limits<std::uint64_t>::max());
    feed.for_each([&](const wire::DecodedEvent& event, const RingCount&) {
        follower.take(event);
        return search == nullptr || search->wanted();
    });
    SizeBuildRows run;
    run.runs = 1;
    run.latest_run_unix_ns = trace.meta().begin_unix_ns;
    follower.finish(trace.meta().begin_unix_ns, run);
    const SizeBuild build = build_of(trace);
    builds_[build].merge(run);
    binaries_[build].insert(trace.meta().program);
    return base::ok_status();
}

void SizeRows::add_alive(const StateImage& state) {
    bytes_.merge(ClassBytes::of(state));
    SiteFollower follower(state);
    follower.begin_with(state);
    SizeBuildRows run;
    run.runs = 1;
    follower.finish(0, run);
    builds_[SizeBuild{}].merge(run);
}

void SizeRows::add_sites(const StateImage& state) {
    SizeBuildRows& build = builds_.size() == 1 ? builds_.begin()->second : builds_[SizeBuild{}];
    for (const inspect::SiteImage& site : state.sites) {
        const std::pair<std::string, std::string> place = {valid_text(state.site_text(site.index)),
                                                           valid_text(state.text(site.function))};
        // Channels and locks are made at sites, too: nothing begins there.
        if (site.entry_address == 0 && site.high_water_bytes == 0 && !build.measured.contains(place)) continue;
        const auto [found, fresh] = build.measured.try_emplace(place);
        SizeRow& row = found->second;
        if (fresh) {
            row.symbol = place.second;
            row.class_used = site.size_class;
            row.predicted_bytes = site.predicted_bytes;
        }
        row.seen_bytes = std::max<std::uint64_t>(row.seen_bytes, site.high_water_bytes);
        const inspect::SiteMigrationsImage* grown = state.migrations_of(site.index);
        if (grown == nullptr || grown->count() <= row.migrations) continue;
        row.migrations = grown->count();
        row.in_place = grown->in_place;
        row.segments = grown->segments;
        row.wishes = grown->wishes;
    }
}

base::Result<json> compute_sizes(const std::vector<std::string>& traces,
                                 const std::vector<std::string>& previous_tables) {
    SizeRows rows;
    for (const std::string& path : previous_tables) {
        if (auto added = rows.add_table(path); !added) return added.error();
    }
    for (const std::string& path : traces) {
        if (auto added = rows.add_file(path); !added) return added.error();
    }
    return rows.to_json();
}

}  // namespace coroscope::traces
