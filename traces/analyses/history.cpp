// See history.h. A span counts at the boundaries of parts that lie in it: differences are noted where it begins and ends, and summed up once.
#include "traces/analyses/history.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "traces/sparse_table.h"

namespace coroscope::analyses {
namespace {

constexpr std::uint64_t kCauseKey = 1ULL << 32;  // of a waker without a coroutine: this + its cause

std::size_t state_of(const Span& span) {
    switch (span.activity) {
        case Activity::kReady:
            return kHistoryReady;
        case Activity::kRunning:
            return kHistoryRunning;
        case Activity::kBlocked:
            return kHistoryBlocked + std::min<std::size_t>(static_cast<std::size_t>(span.reason), wire::kWaitReasonsCount - 1);
        case Activity::kUnknown:
            break;
    }
    return kHistoryUnknown;
}

void add_sample(inspect::HistogramImage& histogram, std::uint64_t ticks) {
    ++histogram.samples;
    histogram.sum += ticks;
    ++histogram.buckets[wire::histogram_bucket(ticks)];
}

class HistoryTaker final : public SpanVisitor {
public:
    HistoryTaker(const TraceWalk& walk, const HistoryOptions& options)
        : walk_(walk),
          parts_(std::max(1U, options.parts)),
          begin_(walk.begin_ticks()),
          ticks_(std::max<std::uint64_t>(1, walk.end_ticks() - walk.begin_ticks())) {
        for (auto* counts : {&history_.switches, &history_.spawned, &history_.exited, &history_.events, &history_.lost})
            counts->resize(parts_);
        changes_.resize(kHistoryStates);
        for (const inspect::PoolImage& pool : walk.begin().state.pools) {
            if (pools_used_at_begin_.size() == wire::kPoolsMax) break;
            pool_changes_[pools_used_at_begin_.size()].resize(parts_ + 1);
            pools_used_at_begin_.push_back(pool.used());
        }
        if (options.range.has_value()) {
            range_begin_ = walk.replay().ticks_of(options.range->first);
            range_end_ = walk.replay().ticks_of(options.range->second);
        }
        history_.range = options.range;
        history_.late_wake.buckets.resize(wire::kHistogramBuckets);
        history_.late_run.buckets.resize(wire::kHistogramBuckets);
        for (const inspect::CoroutineImage& row : walk.begin().state.coroutines) {
            if (row.deadline_ticks != 0) waits_[row.index].deadline_ticks = row.deadline_ticks;
        }
    }

    void event(const OrderedEvent& ordered) override {
        const wire::DecodedEvent& event = ordered.event;
        ++history_.events[part_of(ordered.ticks)];
        switch (event.type) {
            case wire::EventType::kPoolAllocate:
            case wire::EventType::kPoolFree:
                pool_change(event.argument, ordered.ticks, event.type == wire::EventType::kPoolAllocate ? 1 : -1);
                break;
            case wire::EventType::kSuspend:
                if (event.current_known) waits_[event.current] = {event.ext64[0], 0};
                break;
            case wire::EventType::kSteal:
                if (in_range(ordered.ticks) && ordered.owner == wire::RingOwner::kWorker &&
                    std::max(ordered.owner_index, event.object) < wire::kWorkersMax)
                    thefts_[{ordered.owner_index, event.object}] += event.argument;
                break;
            default:
                break;
        }
    }
    void began(const Life& life) override {
        if (life.spawn_seen) ++history_.spawned[part_of(life.begin_ticks)];
    }
    void enter(const Life& life, const Span& span) override {
        if (span.activity != Activity::kRunning) return;
        if (span.begin_ticks > walk_.begin_ticks()) ++history_.switches[part_of(span.begin_ticks)];
        Wait& wait = waits_[life.index];
        if (wait.due_ticks != 0 && in_range(span.begin_ticks))
            add_sample(history_.late_run, std::max(span.begin_ticks, wait.due_ticks) - wait.due_ticks);
        wait = {};
    }
    void leave(const Life&, const Span& span) override {
        std::vector<std::int64_t>& changes = changes_[state_of(span)];
        if (changes.empty()) changes.resize(parts_ + 2);
        ++changes[boundary_from(span.begin_ticks)];
        --changes[span.reaches_end ? parts_ + 1 : boundary_from(span.end_ticks)];
        if (span.activity == Activity::kRunning && span.worker < wire::kWorkersMax) add_busy(span);
    }
    void woken(const Life& life, const Waker& waker, std::uint64_t ticks) override {
        Wait& wait = waits_[life.index];
        if (waker.cause == wire::WakeCause::kTimer && wait.deadline_ticks != 0) {
            wait.due_ticks = wait.deadline_ticks;
            if (in_range(ticks)) add_sample(history_.late_wake, std::max(ticks, wait.due_ticks) - wait.due_ticks);
        }
        if (!in_range(ticks)) return;
        const std::uint64_t from = waker.identity != 0 ? waker.site : kCauseKey + static_cast<std::uint64_t>(waker.cause);
        Waking& waking = wakings_[{from, life.site}];
        ++waking.count;
        waking.example = life.identity;
    }
    void ended(const Life&, LifeEnd how, std::uint64_t ticks) override {
        if (how != LifeEnd::kAlive && how != LifeEnd::kLost) ++history_.exited[part_of(ticks)];
    }

    History finish(const WalkCounts& counts) {
        History& all = history_;
        all.parts = parts_;
        all.begin = walk_.time_ns(walk_.begin_ticks());
        all.end = walk_.time_ns(walk_.end_ticks());
        all.ns_per_tick = static_cast<double>(walk_.duration_ns(1'000'000'000)) * 1e-9;
        all.losses = counts.losses.size();
        sum_up_states();
        if (counts.losses.empty()) sum_up_pools();
        all.busy.resize(busy_ticks_.size());
        const double part_ticks = static_cast<double>(ticks_) / parts_;
        for (std::size_t w = 0; w < busy_ticks_.size(); ++w) {
            all.busy[w].resize(parts_);
            for (std::size_t i = 0; i < busy_ticks_[w].size(); ++i)
                all.busy[w][i] = static_cast<float>(std::min(1.0, busy_ticks_[w][i] / part_ticks));
        }
        add_lost();
        add_matrices();
        return std::move(history_);
    }

private:
    struct Wait {
        std::uint64_t deadline_ticks = 0;  // of the wait it is in; 0 = none
        std::uint64_t due_ticks = 0;       // the same, once that has woken it
    };
    struct Waking {
        std::uint64_t count = 0, example = 0;
    };
    double place(std::uint64_t ticks) const {
        return ticks <= begin_ ? 0.0 : static_cast<double>(ticks - begin_) / static_cast<double>(ticks_) * parts_;
    }
    std::size_t part_of(std::uint64_t ticks) const { return std::min<std::size_t>(static_cast<std::size_t>(place(ticks)), parts_ - 1); }
    // The first boundary at or after `ticks`; what begins after the last counts at none. Boundary 0 is the begin.
    std::size_t boundary_from(std::uint64_t ticks) const {
        const auto at = static_cast<std::size_t>(std::ceil(place(ticks)));
        return std::min<std::size_t>(at, parts_ + 1);
    }
    bool in_range(std::uint64_t ticks) const { return ticks >= range_begin_ && ticks <= range_end_; }
    void pool_change(std::uint32_t pool, std::uint64_t ticks, std::int64_t by) {
        if (pool >= wire::kPoolsMax) return;
        std::vector<std::int64_t>& changes = pool_changes_[pool];
        if (changes.empty()) changes.resize(parts_ + 1);
        changes[std::min<std::size_t>(boundary_from(ticks), parts_)] += by;
    }
    void add_busy(const Span& span) {
        if (span.worker >= busy_ticks_.size()) busy_ticks_.resize(span.worker + 1);
        std::vector<double>& busy = busy_ticks_[span.worker];
        if (busy.empty()) busy.resize(parts_);
        const double part_ticks = static_cast<double>(ticks_) / parts_, from = place(span.begin_ticks), to = place(span.end_ticks);
        for (std::size_t i = part_of(span.begin_ticks); i < parts_ && static_cast<double>(i) < to; ++i) {
            const double here = std::min(to, static_cast<double>(i) + 1) - std::max(from, static_cast<double>(i));
            busy[i] += std::max(0.0, here) * part_ticks;
        }
    }
    void sum_up_states() {
        for (std::size_t state = 0; state < kHistoryStates; ++state) {
            if (changes_[state].empty()) continue;
            std::vector<std::uint32_t>& row = history_.coroutines[state];
            row.resize(parts_);
            std::int64_t now = changes_[state][0];
            for (std::size_t i = 0; i < parts_; ++i) {
                now += changes_[state][i + 1];
                row[i] = static_cast<std::uint32_t>(std::max<std::int64_t>(0, now));
            }
        }
    }
    void sum_up_pools() {
        for (const auto& [pool, changes] : pool_changes_) {
            if (pool >= history_.pools_used.size()) history_.pools_used.resize(pool + 1);
            std::vector<std::int64_t>& row = history_.pools_used[pool];
            row.resize(parts_);
            std::int64_t now = changes[0] + (pool < pools_used_at_begin_.size() ? static_cast<std::int64_t>(pools_used_at_begin_[pool]) : 0);
            for (std::size_t i = 0; i < parts_; ++i)
                row[i] = now += changes[i + 1];
        }
    }
    // Where the chunks say that events are missing.
    void add_lost() {
        const traces::TraceReader& reader = walk_.reader();
        for (const std::uint32_t position : reader.events()) {
            const traces::ChunkHeader& chunk = reader.chunks()[position].header;
            if (chunk.lost_count != 0) history_.lost[part_of(chunk.lost_since_ticks)] += chunk.lost_count;
        }
    }
    void add_matrices() {
        const Directory& directory = walk_.directory();
        for (const auto& [key, waking] : wakings_) {
            HistoryWaking row;
            if (key.first < kCauseKey) {
                row.from = directory.site(static_cast<std::uint32_t>(key.first));
                row.from_name = directory.site_name(static_cast<std::uint32_t>(key.first));
            } else {
                const auto cause = static_cast<wire::WakeCause>(key.first - kCauseKey);
                row.from = cause == wire::WakeCause::kOutside     ? "thread outside"
                           : cause == wire::WakeCause::kCoroutine ? "not known"
                                                                  : inspect::wake_cause_name(cause);
            }
            row.to = directory.site(key.second);
            row.to_name = directory.site_name(key.second);
            row.count = waking.count;
            row.example = waking.example;
            history_.wakings.push_back(std::move(row));
        }
        std::stable_sort(history_.wakings.begin(), history_.wakings.end(),
                         [](const HistoryWaking& a, const HistoryWaking& b) { return a.count > b.count; });
        for (const auto& [who, count] : thefts_)
            history_.thefts.push_back({who.first, who.second, count});
    }

    const TraceWalk& walk_;
    const std::uint32_t parts_;
    const std::uint64_t begin_, ticks_;
    std::uint64_t range_begin_ = 0, range_end_ = ~std::uint64_t{0};
    History history_;
    std::vector<std::vector<std::int64_t>> changes_;  // by state, by boundary
    std::map<std::size_t, std::vector<std::int64_t>> pool_changes_;
    std::vector<std::uint64_t> pools_used_at_begin_;
    std::vector<std::vector<double>> busy_ticks_;
    traces::SparseTable<Wait> waits_;
    std::map<std::pair<std::uint64_t, std::uint32_t>, Waking> wakings_;  // waker, site of whom it woke
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> thefts_;
};

}  // namespace

base::Result<History> compute_history(std::shared_ptr<const traces::TraceReader> reader, const HistoryOptions& options, traces::Search& search) {
    auto walk = TraceWalk::make(std::move(reader));
    if (!walk) return walk.error();
    HistoryTaker taker(**walk, options);
    const WalkCounts counts = (*walk)->run(taker, &search);
    if (!search.wanted()) return base::Error{base::ErrorCode::kGone, "nobody waits for the history any more"};
    return taker.finish(counts);
}

}  // namespace coroscope::analyses
