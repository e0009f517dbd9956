// See replay.h.
#include "traces/replay.h"

#include <algorithm>

#include "traces/column_scan.h"
#include "traces/event_feed.h"
#include "traces/model.h"
#include "traces/ring_log.h"

namespace coroscope::traces {
namespace {

// A change is stamped before it is written; a thread can be off its processor in between. Events up to this long before a keyframe
// are looked at, and their sequence says whether the keyframe has them.
constexpr std::int64_t kStampToWriteNsMax = 100'000'000;

std::uint64_t minus(std::uint64_t ticks, std::int64_t less) {
    const auto amount = static_cast<std::uint64_t>(std::max<std::int64_t>(less, 0));
    return ticks > amount ? ticks - amount : 0;
}

}  // namespace

// The first tick that is not before t, so that time_of() answers with the same nanosecond.
std::uint64_t Replay::ticks_of(TimeNs t) const {
    const base::ClockCalibration& clock = reader_->meta().clock;
    std::int64_t ticks = clock.duration_ticks(t);
    if (clock.duration_ns(ticks) < t) ++ticks;
    return reader_->meta().start_ticks + static_cast<std::uint64_t>(ticks);
}
TimeNs Replay::time_of(std::uint64_t ticks) const {
    return reader_->meta().clock.duration_ns(static_cast<std::int64_t>(ticks - reader_->meta().start_ticks));
}

base::Result<std::unique_ptr<Replay>> Replay::make(std::shared_ptr<const TraceReader> reader) {
    std::unique_ptr<Replay> replay(new Replay(std::move(reader)));
    const TraceReader& trace = *replay->reader_;
    base::Error why = base::error(base::ErrorCode::kCorrupt,
                                  trace.path() + ": the trace holds no look at the program; record it again");
    for (auto position = trace.keyframes().rbegin(); position != trace.keyframes().rend(); ++position) {
        auto image = trace.read_keyframe_rows(trace.chunks()[*position]);
        if (!image.ok()) {
            why = image.error();
            continue;
        }
        const std::uint64_t ticks = image->read_end_ticks;
        const bool populated = !image->coroutines.empty();
        if (replay->last_.read_end_ticks == 0) replay->last_ = std::move(*image);
        if (populated && ticks != replay->last_.read_end_ticks) replay->populated_ticks_ = ticks;
        if (populated) break;
    }
    if (replay->last_.read_end_ticks == 0) return why;
    replay->last_.index();
    replay->begin_ticks_ = trace.chunks()[trace.keyframes().front()].header.ticks_max;
    replay->end_ticks_ = replay->last_.read_end_ticks;
    if (!trace.counts().empty())
        replay->end_ticks_ = std::max(replay->end_ticks_, trace.counts().back()->mark_ticks);
    if (replay->populated_ticks_ == 0) replay->populated_ticks_ = replay->end_ticks_;
    return replay;
}

std::size_t Replay::keyframe_before(std::uint64_t ticks) const {
    const auto keyframes = reader_->keyframes();
    const auto later = [&](std::uint64_t t, std::uint32_t k) {
        return t < reader_->chunks()[k].header.ticks_max;
    };
    const auto after = std::upper_bound(keyframes.begin(), keyframes.end(), ticks, later);
    return after == keyframes.begin() ? 0 : static_cast<std::size_t>(after - keyframes.begin()) - 1;
}

base::Result<inspect::StateImage> Replay::state_at(std::uint64_t ticks, Moment& moment) const {
    const auto keyframes = reader_->keyframes();
    const auto chunks = reader_->chunks();
    std::size_t at = keyframe_before(ticks);
    base::Result<inspect::StateImage> keyframe = reader_->read_keyframe_rows(chunks[keyframes[at]]);
    while (!keyframe.ok() && at > 0)
        keyframe = reader_->read_keyframe_rows(chunks[keyframes[--at]]);  // a damaged one: from further back
    if (!keyframe.ok()) return keyframe;
    const std::uint64_t begin = keyframe->read_begin_ticks;
    const std::uint64_t from = minus(begin, reader_->meta().clock.duration_ticks(kStampToWriteNsMax));
    const auto peak_rss = keyframe->peak_rss_kib;
    EventFeed feed(*reader_, from, ticks, keyframe->ring_heads);
    Model model(std::move(*keyframe), reader_->meta().mask);
    feed.for_each([&](const wire::DecodedEvent& event, const RingCount& ring) {
        model.apply(event, ring.owner, ring.owner_index);
    });
    for (const LossInterval& loss : feed.losses())
        model.lose(loss.until_ticks);
    // The next keyframe is needed to prove what a loss left open; for names the last one will do.
    inspect::StateImage next;
    const inspect::StateImage* later = &last_;
    if (!feed.losses().empty() && at + 1 < keyframes.size()) {
        auto read = reader_->read_keyframe(chunks[keyframes[at + 1]]);
        if (read.ok()) {
            next = std::move(*read);
            later = &next;
        }
    }
    inspect::StateImage state = model.finish(ticks, later);
    state.strings = reader_->strings();
    state.peak_rss_kib = std::max(peak_rss, state.peak_rss_kib);
    for (const inspect::CoroutineImage& row : state.coroutines) {
        moment.unknown_coroutines += row.consistency == inspect::Consistency::kUnknown ? 1 : 0;
    }
    return state;
}

std::array<EventCount, wire::kEventTypesMax> Replay::total_counts() const {
    std::array<EventCount, wire::kEventTypesMax> totals{};
    for (const std::uint32_t position : reader_->events()) {
        for (const TypeCount& row : reader_->chunks()[position].counts) {
            if (row.type < totals.size()) totals[row.type].accepted += row.count;
        }
    }
    // A file that was cut short holds chunks after its last mark: they were emitted, and not lost.
    if (!reader_->counts().empty()) {
        for (const RingCount& ring : reader_->counts().back()->rings) {
            for (std::size_t type = 0; type < totals.size(); ++type) {
                const std::uint64_t known = ring.accepted[type];
                totals[type].lost += ring.emitted[type] > known ? ring.emitted[type] - known : 0;
            }
        }
    }
    for (EventCount& row : totals)
        row.emitted = row.accepted + row.lost;
    return totals;
}

void Replay::count_events(std::uint64_t ticks, Moment& moment) const {
    if (ticks >= end_ticks_) {
        moment.events = total_counts();
    } else {
        for (const std::uint32_t position : reader_->events()) {
            const ChunkRef& chunk = reader_->chunks()[position];
            if (chunk.header.ticks_max > ticks) continue;
            for (const TypeCount& row : chunk.counts) {
                if (row.type < moment.events.size()) moment.events[row.type].accepted += row.count;
            }
        }
        ColumnScan scan(*reader_, ticks, ticks);
        scan.for_each_chunk([&](const ChunkRef& chunk, std::span<const std::uint64_t> stamps, std::span<const wire::EventType> types) {
            if (chunk.header.ticks_max <= ticks) return;
            for (std::size_t i = 0; i < stamps.size(); ++i) {
                const auto type = static_cast<std::size_t>(types[i]);
                if (type != 0 && type < moment.events.size() && stamps[i] <= ticks) ++moment.events[type].accepted;  // 0: PAD
            }
        });
        const Counts* mark = nullptr;
        for (const auto& counts : reader_->counts()) {
            if (counts->mark_ticks <= ticks) mark = counts.get();
        }
        for (std::size_t type = 0; mark != nullptr && type < moment.events.size(); ++type) {
            for (const RingCount& ring : mark->rings) {
                moment.events[type].lost += ring.emitted[type] > ring.accepted[type]
                                                ? ring.emitted[type] - ring.accepted[type]
                                                : 0;
            }
        }
        for (EventCount& row : moment.events)
            row.emitted = row.accepted + row.lost;
    }
    for (std::size_t type = 0; type < moment.events.size(); ++type) {
        if (is_bookkeeping(static_cast<wire::EventType>(type))) continue;
        moment.events_total += moment.events[type].accepted;
        moment.events_lost += moment.events[type].lost;
    }
}

// A coroutine that has not moved between two snapshots has the stack of either. So of the one before t and the one after t
// each coroutine takes that which was copied at its present sequence.
base::Status Replay::add_stacks(std::uint64_t ticks, Moment& moment) const {
    moment.table = reader_->stack_table();
    const auto positions = reader_->stacks();
    const auto later = [&](std::uint64_t t, std::uint32_t s) {
        return t < reader_->chunks()[s].header.ticks_max;
    };
    const auto after = std::upper_bound(positions.begin(), positions.end(), ticks, later);
    const std::vector<inspect::CoroutineImage>& rows = moment.state.coroutines;
    std::vector<bool> has_stack(rows.size());
    const auto take = [&](std::uint32_t position) -> base::Status {
        auto snapshot = reader_->read_stacks(reader_->chunks()[position]);
        if (!snapshot.ok()) return snapshot.error();
        for (const inspect::StackRef& ref : snapshot->stacks) {
            const inspect::CoroutineImage* row = moment.state.coroutine_of(ref.identity);
            if (row == nullptr || row->sequence != ref.sequence || ref.stack == wire::kNone) continue;
            const auto at = static_cast<std::size_t>(row - rows.data());
            if (has_stack[at]) continue;
            has_stack[at] = true;
            moment.stacks.stacks.push_back(ref);
        }
        moment.stacks.taken_ticks = snapshot->taken_ticks;
        moment.stacks.torn = snapshot->torn;
        moment.stacks.running = snapshot->running;
        moment.stacks.failed = snapshot->failed;
        return base::ok_status();
    };
    base::Status status = base::ok_status();
    if (after != positions.end()) status = take(*after);
    const std::size_t first_taken = moment.stacks.stacks.size();
    if (after != positions.begin()) {
        const base::Status before = take(*std::prev(after));
        if (!before.ok()) status = before;
    }
    const auto earlier = [](const auto& a, const auto& b) { return a.identity < b.identity; };
    std::vector<inspect::StackRef>& taken = moment.stacks.stacks;
    // Those of each snapshot ascend; only a damaged one does not.
    const auto second = taken.begin() + static_cast<std::ptrdiff_t>(first_taken);
    if (std::is_sorted(taken.begin(), second, earlier) && std::is_sorted(second, taken.end(), earlier)) {
        std::inplace_merge(taken.begin(), second, taken.end(), earlier);
    } else {
        std::sort(taken.begin(), taken.end(), earlier);
    }
    return status;
}

base::Result<std::shared_ptr<const Moment>> Replay::moment_at(TimeNs t) const {
    const std::uint64_t ticks = t >= end() ? end_ticks_ : std::clamp(ticks_of(t), begin_ticks_, end_ticks_);
    auto moment = std::make_shared<Moment>();
    moment->t = time_of(ticks);
    base::Result<inspect::StateImage> state = state_at(ticks, *moment);
    if (!state.ok()) return state.error();
    moment->state = std::move(*state);
    count_events(ticks, *moment);
    // A damaged stacks chunk costs stacks, not the moment: stack_of() then says that there is none.
    if (!add_stacks(ticks, *moment).ok()) ++moment->stacks.failed;
    return std::shared_ptr<const Moment>(std::move(moment));
}

}  // namespace coroscope::traces
