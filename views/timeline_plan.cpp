// See timeline_plan.h.
#include "views/timeline_plan.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

using traces::LaneBlock;
using traces::LaneSlice;
using Doing = traces::TrackSpan::Doing;

constexpr std::size_t kColumnsMax = 1U << 16;
constexpr std::size_t kLateSlicesMost = 100'000;
constexpr std::size_t kRunsAtOnce = 64;  // more slices do not begin within some nanoseconds

double ns_per_tick(const traces::Replay& replay) {
    const double ticks = replay.reader().meta().clock.ticks_per_ns();
    return ticks > 0 ? 1 / ticks : 1;
}

// Puts blocks where they belong: slices that can be seen by themselves, everything else into columns.
class LaneBuilder {
public:
    LaneBuilder(const traces::LaneIndex& index, const TimelineWish& wish, WorkerLane& lane)
        : index_(index), wish_(wish), lane_(lane) {
        const double width = static_cast<double>(wish.range.end - wish.range.begin) / wish.pixel_ns;
        lane.columns.resize(std::min(kColumnsMax, static_cast<std::size_t>(std::max(1.0, std::ceil(width)))));
    }

    void take(const LaneBlock& block) {
        const traces::TimeNs begin = index_.replay().time_of(block.begin), end = index_.replay().time_of(block.end);
        const bool joins = block.count == 1 && (block.flags & LaneSlice::kBeganBefore) != 0 && !lane_.slices.empty() &&
                           lane_.slices.back().index == block.coroutine && (lane_.slices.back().flags & LaneSlice::kGoesOn) != 0;
        if (joins) {
            PlanSlice& slice = lane_.slices.back();
            slice.end = end;
            slice.reason = block.reason;
            slice.flags = static_cast<std::uint8_t>((slice.flags & LaneSlice::kBeganBefore) | (block.flags & ~LaneSlice::kBeganBefore));
            return;
        }
        if (block.count == 1 && static_cast<double>(end - begin) >= kSlicePixelsMin * wish_.pixel_ns) {
            PlanSlice slice;
            slice.begin = begin;
            slice.end = end;
            slice.index = block.coroutine;
            slice.reason = block.reason;
            slice.flags = block.flags;
            if (const traces::LifeBegin* life = index_.life_at(block.coroutine, block.end); life != nullptr) {
                slice.identity = life->identity;
                slice.name = life->name;
                slice.site = life->site;
            }
            lane_.slices.push_back(slice);
            return;
        }
        const double share = block.end > block.begin
                                 ? static_cast<double>(block.running) / static_cast<double>(block.end - block.begin)
                                 : 0;
        spread(begin, end, [&](PlanColumn& column, double part, double of_block) {
            column.running = std::min(1.0F, column.running + static_cast<float>(part * share));
            column.slices += static_cast<float>(of_block * block.count);
        });
    }
    void take_unknown(std::uint64_t begin_ticks, std::uint64_t end_ticks, std::uint64_t events) {
        spread(index_.replay().time_of(begin_ticks), index_.replay().time_of(end_ticks), [&](PlanColumn& column, double, double of_all) {
            column.events += static_cast<float>(of_all * static_cast<double>(events));
        });
    }

private:
    // change(column, share of the column that is covered, share of the whole that lies in it).
    template <typename Change>
    void spread(traces::TimeNs begin, traces::TimeNs end, Change&& change) {
        const double from = static_cast<double>(begin - wish_.range.begin) / wish_.pixel_ns;
        const double to = std::max(static_cast<double>(end - wish_.range.begin) / wish_.pixel_ns, from + 1e-9);
        const double last = static_cast<double>(lane_.columns.size());
        for (double at = std::max(0.0, std::floor(from)); at < std::min(to, last); ++at) {
            const double part = std::min(to, at + 1) - std::max(from, at);
            if (part > 0) change(lane_.columns[static_cast<std::size_t>(at)], part, part / (to - from));
        }
    }

    const traces::LaneIndex& index_;
    const TimelineWish& wish_;
    WorkerLane& lane_;
};

std::vector<TimeRange> in_ns(const traces::Replay& replay, const std::vector<traces::LossInterval>& losses) {
    std::vector<TimeRange> ranges;
    for (const traces::LossInterval& loss : losses)
        ranges.push_back({replay.time_of(loss.since_ticks), replay.time_of(loss.until_ticks)});
    return ranges;
}

}  // namespace

TimelinePlan make_timeline_plan(traces::LaneIndex& index, const TimelineWish& wish, bool may_read) {
    const traces::Replay& replay = index.replay();
    TimelinePlan plan;
    plan.wish = wish;
    plan.complete = true;
    const std::uint64_t from = replay.ticks_of(wish.range.begin), to = replay.ticks_of(wish.range.end);
    const double pixel_ticks = wish.pixel_ns / ns_per_tick(replay);
    const double seen_ns = std::max(1.0, static_cast<double>(wish.seen.end - wish.seen.begin));
    for (const std::uint32_t worker : index.workers()) {
        WorkerLane lane;
        lane.worker = worker;
        LaneBuilder builder(index, wish, lane);
        const traces::LaneIndex::Sink sink = {
            [&](const LaneBlock& block, bool) { builder.take(block); },
            [&](std::uint64_t begin, std::uint64_t end, std::uint64_t events) { builder.take_unknown(begin, end, events); }};
        plan.complete &= index.visit(worker, from, to, pixel_ticks, may_read, sink);
        if (may_read) {
            const auto total = index.total(worker, replay.ticks_of(wish.seen.begin), replay.ticks_of(wish.seen.end));
            lane.running_share = static_cast<double>(total.running) * ns_per_tick(replay) / seen_ns;
            lane.slices_seen = total.slices;
        }
        lane.losses = in_ns(replay, index.losses(worker));
        plan.all_losses.insert(plan.all_losses.end(), lane.losses.begin(), lane.losses.end());
        plan.workers.push_back(std::move(lane));
    }
    plan.complete &= may_read;
    if (may_read && wish.late.has_value()) plan.late = why_late(index, *wish.late);
    for (const traces::SignalSeen& signal : index.signals())
        plan.signals.push_back({replay.time_of(signal.ticks), signal.number});
    plan.strip.resize(wish.strip_parts);
    index.density(replay.ticks_of(wish.whole.begin), replay.ticks_of(wish.whole.end), plan.strip);
    plan.chunks_known = index.chunks_known();
    plan.chunks_count = index.chunks_count();
    if (!index.problems().empty()) plan.problem = index.problems().front();
    return plan;
}

CoroutineLane make_coroutine_lane(const traces::LaneIndex& index, const traces::CoroutineTrack& track, const traces::TrackSpan* before,
                                  const TimelineWish& wish) {
    const traces::Replay& replay = index.replay();
    CoroutineLane lane;
    lane.identity = track.identity;
    lane.known = true;
    if (const traces::LifeBegin* life = index.life_of(track.identity); life != nullptr) {
        lane.name = life->name;
        lane.site = life->site;
    }
    const auto add = [&](const traces::TrackSpan& span) {
        TrackSlice slice;
        slice.begin = replay.time_of(span.begin);
        slice.end = replay.time_of(span.end);
        slice.span = span;
        if (slice.end < wish.range.begin || slice.begin > wish.range.end) return;
        if (span.waker != wire::kNone) {
            if (const traces::LifeBegin* waker = index.life_at(span.waker, span.begin); waker != nullptr) {
                slice.waker = waker->identity;
                slice.waker_name = waker->name;
                slice.waker_site = waker->site;
            }
        }
        lane.spans.push_back(slice);
    };
    // Of what it did before its first event here a coarser track knows more than the event says.
    const bool told = before != nullptr && before->doing != Doing::kMixed && before->doing != Doing::kUnknown;
    if (track.spans.empty()) {
        if (told) {
            traces::TrackSpan all = *before;
            all.end = std::max(all.end, track.to);
            add(all);
        }
    } else {
        traces::TrackSpan first = track.spans.front();
        if (told && !track.began && first.begin <= track.from && before->doing == first.doing) {
            first.begin = std::min(first.begin, before->begin);
            first.reason = before->reason;
            first.object = before->object;
            first.woken = before->woken;
            first.cause = before->cause;
            first.waker = before->waker;
            first.waker_worker = before->waker_worker;
        }
        add(first);
        for (std::size_t i = 1; i < track.spans.size(); ++i)
            add(track.spans[i]);
    }
    lane.begin = replay.time_of(track.spans.empty() ? track.from : track.spans.front().begin);
    lane.end = replay.time_of(track.spans.empty() ? track.to : track.spans.back().end);
    return lane;
}

namespace {

// On which worker it began to run then; kNone = on none that is known.
std::uint32_t worker_that_ran(traces::LaneIndex& index, std::uint64_t identity, std::uint64_t ticks) {
    const traces::LifeBegin* life = index.life_of(identity);
    if (life == nullptr) return wire::kNone;
    const std::uint32_t record = life->index;
    const auto round = static_cast<std::uint64_t>(std::ceil(2 / ns_per_tick(index.replay())));  // times are whole nanoseconds
    for (const std::uint32_t worker : index.workers()) {
        for (const LaneSlice& slice : index.slices(worker, ticks - std::min(ticks, round), ticks + round, kRunsAtOnce)) {
            if (slice.coroutine == record && slice.begin + round >= ticks && slice.begin <= ticks + round) return worker;
        }
    }
    return wire::kNone;
}

}  // namespace

LateWake why_late(traces::LaneIndex& index, const LateWish& wish) {
    const traces::Replay& replay = index.replay();
    LateWake late;
    late.of = wish;
    const std::uint64_t from = replay.ticks_of(wish.ready.begin), to = replay.ticks_of(wish.ready.end);
    const double ns = ns_per_tick(replay);
    late.worker = wish.worker != wire::kNone ? wish.worker : worker_that_ran(index, wish.identity, to);
    if (late.worker == wire::kNone) return late;
    for (const std::uint32_t worker : index.workers()) {
        if (worker == late.worker) continue;
        late.others.emplace_back(worker, static_cast<std::int64_t>(static_cast<double>(index.total(worker, from, to).running) * ns));
    }
    const std::vector<LaneSlice> slices = index.slices(late.worker, from, to, kLateSlicesMost);
    late.known = slices.size() < kLateSlicesMost;
    std::map<std::uint64_t, LateRunner> runners;
    for (const LaneSlice& slice : slices) {
        const std::uint64_t begin = std::max(from, slice.begin), end = std::min(to, slice.end);
        if (end <= begin) continue;
        const traces::LifeBegin* life = index.life_at(slice.coroutine, end);
        if (life != nullptr && life->identity == wish.identity) continue;  // its own run, which begins at the end of the stretch
        LateRunner& runner = runners[life != nullptr ? life->identity : 0];
        if (life != nullptr) {
            runner.identity = life->identity;
            runner.name = life->name;
            runner.site = life->site;
        }
        const auto length = static_cast<std::int64_t>(static_cast<double>(end - begin) * ns);
        runner.ns += length;
        ++runner.slices;
        late.busy_ns += length;
    }
    for (auto& [identity, runner] : runners)
        late.runners.push_back(runner);
    std::stable_sort(late.runners.begin(), late.runners.end(), [](const LateRunner& a, const LateRunner& b) { return a.ns > b.ns; });
    return late;
}

nlohmann::json to_json(const LateWake& late) {
    nlohmann::json runners = nlohmann::json::array(), others = nlohmann::json::array();
    for (const LateRunner& runner : late.runners)
        runners.push_back({{"id", runner.identity}, {"ns", runner.ns}, {"slices", runner.slices}});
    for (const auto& [worker, ns] : late.others)
        others.push_back({{"worker", worker}, {"ns", ns}});
    return {{"id", late.of.identity},   {"worker", late.worker},    {"begin_ns", late.of.ready.begin}, {"end_ns", late.of.ready.end},
            {"busy_ns", late.busy_ns},  {"known", late.known},      {"runners", std::move(runners)},   {"others", std::move(others)}};
}

Look look_of_span(const traces::TrackSpan& span) {
    switch (span.doing) {
        case Doing::kReady:
            return Look::kReady;
        case Doing::kRunning:
            return Look::kRunning;
        case Doing::kBlocked: {
            inspect::CoroutineImage parked;
            parked.state = wire::CoroutineState::kParked;
            parked.reason = span.reason;
            return look_of(parked);
        }
        case Doing::kMixed:
            return span.running >= span.ready && span.running >= span.blocked ? Look::kRunning
                   : span.ready >= span.blocked                               ? Look::kReady
                                                                              : Look::kOther;
        case Doing::kUnknown:
            break;
    }
    return Look::kUnknown;
}

TimelineSums sum_timeline(traces::LaneIndex& index, TimeRange range) {
    const traces::Replay& replay = index.replay();
    while (index.advance(0, ~0ULL, std::chrono::steady_clock::time_point::max())) {
    }
    TimelineSums sums;
    sums.complete = index.problems().empty();
    for (const std::uint32_t worker : index.workers()) {
        const auto total = index.total(worker, replay.ticks_of(range.begin), replay.ticks_of(range.end));
        sums.workers.push_back({worker, replay.reader().meta().clock.duration_ns(static_cast<std::int64_t>(total.running)), total.slices,
                                index.losses(worker).size()});
        sums.complete &= total.complete;
    }
    return sums;
}

nlohmann::json sum_coroutine(traces::LaneIndex& index, std::uint64_t identity, TimeRange range) {
    const traces::LifeBegin* life = index.life_of(identity);
    if (life == nullptr) return {{"id", identity}, {"known", false}};
    const traces::Replay& replay = index.replay();
    traces::TrackQuestion question;
    question.identity = identity;
    question.index = life->index;
    question.from = std::max(replay.ticks_of(range.begin), life->ticks);
    question.to = std::min(replay.ticks_of(range.end), index.life_end(*life) - 1);
    traces::Search search;
    const auto track = read_coroutine_track(replay.reader(), index.chunks_about(life->index, question.from, question.to), question, search);
    std::uint64_t running = 0, ready = 0, blocked = 0, runs = 0;
    for (const traces::TrackSpan& span : track.spans) {
        const std::uint64_t ticks = span.end - span.begin;
        if (span.doing == Doing::kRunning) running += ticks;
        if (span.doing == Doing::kRunning) ++runs;
        if (span.doing == Doing::kReady) ready += ticks;
        if (span.doing == Doing::kBlocked) blocked += ticks;
    }
    const auto ns = [&](std::uint64_t ticks) { return replay.reader().meta().clock.duration_ns(static_cast<std::int64_t>(ticks)); };
    return {{"id", identity},         {"known", true},          {"spans", track.spans.size()}, {"runs", runs},
            {"running_ns", ns(running)}, {"ready_ns", ns(ready)}, {"blocked_ns", ns(blocked)}};
}

nlohmann::json to_json(const TimelineSums& sums) {
    nlohmann::json workers = nlohmann::json::array();
    for (const TimelineSums::Worker& row : sums.workers)
        workers.push_back({{"worker", row.worker}, {"running_ns", row.running_ns}, {"slices", row.slices}, {"losses", row.losses}});
    return {{"workers", std::move(workers)}, {"complete", sums.complete}};
}

}  // namespace coroscope::views
