// See trace_walk.h.
#include "traces/analyses/trace_walk.h"

#include <algorithm>

#include "traces/analyses/causal_order.h"
#include "traces/ring_log.h"

namespace coroscope::analyses {
namespace {

// A worker can be off its processor for so long between a stamp and what it stamps (replay.cpp).
constexpr std::int64_t kPatienceNs = 100'000'000;
constexpr std::uint64_t kEventsBetweenLooks = 4096;  // at whether the walk is still wanted

}  // namespace

base::Result<std::unique_ptr<TraceWalk>> TraceWalk::open(const std::string& path) {
    auto reader = traces::TraceReader::open(path);
    if (!reader) return reader.error();
    return make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
}

base::Result<std::unique_ptr<TraceWalk>> TraceWalk::make(std::shared_ptr<const traces::TraceReader> reader) {
    auto replay = traces::Replay::make(std::move(reader));
    if (!replay) return replay.error();
    std::unique_ptr<TraceWalk> walk(new TraceWalk());
    walk->replay_ = std::move(*replay);
    const traces::TraceReader& trace = walk->reader();
    base::Result<std::shared_ptr<const traces::Moment>> begin = walk->replay_->moment_at(
        walk->replay_->begin());
    for (std::size_t next = 1; !begin.ok() && next < trace.keyframes().size();
         ++next) {  // the first look is damaged
        const std::uint64_t ticks = trace.chunks()[trace.keyframes()[next]].header.ticks_max;
        begin = walk->replay_->moment_at(walk->replay_->time_of(ticks));
    }
    if (auto status = walk->span(std::move(begin), walk->replay_->end()); !status) return status.error();
    return walk;
}

base::Result<std::unique_ptr<TraceWalk>> TraceWalk::make(std::shared_ptr<const traces::TraceReader> reader, traces::TimeNs from, traces::TimeNs to) {
    auto replay = traces::Replay::make(std::move(reader));
    if (!replay) return replay.error();
    std::unique_ptr<TraceWalk> walk(new TraceWalk());
    walk->replay_ = std::move(*replay);
    if (auto status = walk->span(walk->replay_->moment_at(from), to); !status) return status.error();
    return walk;
}

base::Status TraceWalk::span(base::Result<std::shared_ptr<const traces::Moment>> begin, traces::TimeNs to) {
    if (!begin) return begin.error();
    auto end = replay_->moment_at(to);
    if (!end) return end.error();
    begin_ = std::move(*begin);
    end_ = std::move(*end);
    end_ticks_ = std::max(end_->state.read_end_ticks, begin_ticks());
    directory_ = std::make_unique<Directory>(begin_->state, end_->state);
    return base::ok_status();
}

WalkCounts TraceWalk::run(SpanVisitor& visitor, traces::Search* search) {
    *directory_ = Directory(begin_->state, end_->state);
    SpanFollower follower(*directory_, visitor);
    follower.begin_with(begin_->state);
    const auto patience = reader().meta().clock.duration_ticks(kPatienceNs);
    CausalOrder order(follower, static_cast<std::uint64_t>(std::max<std::int64_t>(patience, 1)));
    WalkCounts counts;
    traces::EventFeed feed(reader(), begin_ticks() + 1, end_ticks_);
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        if (traces::is_bookkeeping(event.type)) return true;
        ++counts.events;
        order.take(ring.ring, event, ring.owner, ring.owner_index);
        if (search == nullptr || counts.events % kEventsBetweenLooks != 0) return true;
        if (event.tsc > begin_ticks()) search->reached(event.tsc - begin_ticks(), end_ticks_ - begin_ticks());
        return search->wanted();
    });
    order.finish();
    counts.losses = feed.losses();
    counts.reordered = order.reordered();
    counts.forced = order.forced();
    const bool complete = counts.losses.empty() && counts.forced == 0;
    follower.finish(end_ticks_, complete ? nullptr : &end_->state);
    return counts;
}

}  // namespace coroscope::analyses
