// See trace_walk.h.
#include "traces/analyses/trace_walk.h"

#include <algorithm>

#include "traces/analyses/causal_order.h"
#include "traces/ring_log.h"

namespace coroscope::analyses {
namespace {

// A worker can be off its processor for so long between a stamp and what it stamps (replay.cpp).
constexpr std::int64_t kPatienceNs = 100'000'000;
constexpr std::uint64_t kEventsBetweenQuestions = 8192;

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
    if (!begin) return begin.error();
    auto end = walk->replay_->moment_at(walk->replay_->end());
    if (!end) return end.error();
    walk->begin_ = std::move(*begin);
    walk->end_ = std::move(*end);
    walk->end_ticks_ = std::max(walk->end_->state.read_end_ticks, walk->begin_ticks());
    walk->directory_ = std::make_unique<Directory>(walk->begin_->state, walk->end_->state);
    return walk;
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
        if (++counts.events % kEventsBetweenQuestions == 0 && search != nullptr) {
            search->reached(event.tsc - begin_ticks(), end_ticks_ - begin_ticks());
            if (!search->wanted()) return false;
        }
        order.take(ring.ring, event, ring.owner, ring.owner_index);
        return true;
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
