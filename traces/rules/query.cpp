// Events of a trace and objects of a moment that match. See query.h.
#include "traces/rules/query.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "traces/awaited.h"
#include "traces/event_feed.h"
#include "traces/ring_log.h"
#include "traces/rules/event_rows.h"
#include "traces/rules/event_scan.h"
#include "traces/rules/new_ground.h"
#include "traces/rules/state_view.h"

#include <fmt/format.h>

namespace coroscope::rules {
namespace {

using traces::TimeNs;

// The first `limit` rows by time; those of SUSPENDs that were set aside come late.
class Rows {
public:
    explicit Rows(std::uint64_t limit) : limit_(limit) {}
    bool wants(TimeNs t) const { return rows_.size() < limit_ || (limit_ != 0 && t < rows_.back().t); }
    void add(EventRow row) {
        const auto after = std::upper_bound(rows_.begin(), rows_.end(), row.t,
                                            [](TimeNs t, const EventRow& other) { return t < other.t; });
        rows_.insert(after, std::move(row));
        if (rows_.size() > limit_) rows_.pop_back();
    }
    std::vector<EventRow> take() { return std::move(rows_); }

private:
    const std::uint64_t limit_;
    std::vector<EventRow> rows_;
};

std::string quoted(std::string_view name) {
    return name.empty() ? std::string() : fmt::format(" \"{}\"", name);
}

std::string coroutine_text(const inspect::StateImage& state, const inspect::CoroutineImage& row) {
    std::string text = fmt::format("{}{} {}", row.identity, quoted(state.coroutine_name(row)),
                                   inspect::state_name(row.state));
    if (row.state == wire::CoroutineState::kParked) text += " on " + traces::awaited_text(state, row);
    if (row.since_ticks != 0 && state.read_end_ticks > row.since_ticks)
        text += fmt::format(" for {:.3f} ms",
                            static_cast<double>(state.clock.duration_ns(
                                static_cast<std::int64_t>(state.read_end_ticks - row.since_ticks))) *
                                1e-6);
    return text + " (spawned at " + state.site_text(row.site) + ")";
}

std::string channel_text(const inspect::StateImage& state, const inspect::ChannelImage& row) {
    return fmt::format("{} holds {} of {}, {} wait to send, {} to receive{}", state.channel_text(row),
                       row.length, row.capacity, row.senders_waiting, row.receivers_waiting,
                       row.closed ? ", closed" : "");
}

std::string pool_text(const PoolFacts& pool) {
    return fmt::format(
        "pool {} {} {}: {} of {} slots used", pool.index, inspect::size_class_name(pool.size_class),
        word_of(WordSet::kPurposes, static_cast<std::uint32_t>(pool.purpose)), pool.used, pool.slots);
}

std::string worker_text(const inspect::StateImage& state, const inspect::WorkerImage& row) {
    const inspect::CoroutineImage* runs = state.coroutine_at(row.current);
    return fmt::format(
        "worker {} {}{}", row.index, inspect::worker_state_name(row.state),
        runs == nullptr ? "" : fmt::format(" {}{}", runs->identity, quoted(state.coroutine_name(*runs))));
}

std::string lock_text(const inspect::StateImage& state, const inspect::WaitableImage& row) {
    return fmt::format("{} value {}, {} wait", state.waitable_text(row), row.value,
                       row.waiting + row.threads_waiting);
}

}  // namespace

base::Result<inspect::StateImage> keyframe_for(const traces::TraceReader& reader, std::uint64_t ticks) {
    const auto keyframes = reader.keyframes();
    base::Error why = base::error(
        base::ErrorCode::kCorrupt,
        reader.path() + ": the trace holds no look at the program; record it again");
    // Backwards from the last one that is not after it; then, for lack of one, forwards.
    std::size_t after = 0;
    while (after < keyframes.size() && reader.chunks()[keyframes[after]].header.ticks_max <= ticks)
        ++after;
    for (std::size_t i = 0; i < keyframes.size(); ++i) {
        const std::size_t at = i < after ? after - 1 - i : i;
        auto image = reader.read_keyframe(reader.chunks()[keyframes[at]]);
        if (image.ok()) return image;
        why = image.error();
    }
    return why;
}

Names names_of(const traces::TraceReader& reader) {
    auto last = keyframe_for(reader, std::numeric_limits<std::uint64_t>::max());
    if (!last.ok()) return Names(reader.strings(), {}, {});
    return Names(reader.strings(), last->sites, last->pools);
}

base::Result<EventAnswer> query_events(const traces::Replay& replay, const std::shared_ptr<const Rule>& rule,
                                       const QueryOptions& options) {
    const traces::TraceReader& reader = replay.reader();
    EventScan::Options scanning;
    if (options.from) scanning.from_ticks = replay.ticks_of(*options.from);
    if (options.to) scanning.to_ticks = replay.ticks_of(*options.to);
    scanning.with_facts = options.limit != 0;
    auto keyframe = keyframe_for(reader, scanning.from_ticks);
    if (!keyframe.ok()) return keyframe.error();
    if (keyframe->strings.empty()) keyframe->strings = reader.strings();
    const Names names = names_of(reader);
    ObjectNames objects(*keyframe, names);
    EventScan scan(rule, *keyframe, names, scanning);
    // From the keyframe that a later beginning starts with, and as long as a wait begun in time may last.
    std::uint64_t begin = 0;
    if (options.from && keyframe->read_begin_ticks < scanning.from_ticks)
        begin = EventScan::first_ticks_after(*keyframe);
    const std::uint64_t end = rule->needs_outcome() ? std::numeric_limits<std::uint64_t>::max()
                                                    : scanning.to_ticks;
    EventAnswer answer;
    Rows rows(options.limit);
    const auto match = [&](const EventFacts& facts) {
        ++answer.matched;
        if (options.limit != 0 && rows.wants(static_cast<TimeNs>(facts.time_ns)))
            rows.add(row_of(facts, names, objects));
    };
    traces::EventFeed feed(reader, begin, end);
    std::uint64_t last_ticks = replay.ticks_of(replay.end());
    NewGround ground(reader);
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        if (!traces::is_bookkeeping(event.type)) ++answer.scanned;
        ground.pass(feed, event.tsc, [&](std::uint64_t until_ticks) { scan.lose(until_ticks); });
        while (ground.reached(event.tsc)) {
            const auto anew = ground.take();
            if (!anew) continue;
            traces::EventFeed around(reader, EventScan::first_ticks_after(*anew), anew->read_end_ticks);
            scan.renew(*anew, around);
            objects.renew(*anew);
        }
        if (options.limit != 0) objects.learn(event);
        if (event.tsc > last_ticks) last_ticks = event.tsc;
        scan.take(event, ring.owner, ring.owner_index, match);
    });
    scan.reach(last_ticks, match);
    answer.gaps = feed.losses().size();
    answer.rows = rows.take();
    return answer;
}

StateAnswer query_state(const traces::Moment& moment, const std::shared_ptr<const Rule>& rule,
                        std::uint64_t limit) {
    const inspect::StateImage& state = moment.state;
    const Names names(state.strings, state.sites, state.pools);
    const std::vector<PoolFacts> pools = pool_facts(state);
    const std::vector<Objects> references = find_references(*rule, state, pools);
    Evaluator evaluator(rule);
    Scope scope = moment_scope(state, names);
    scope.references = references.data();
    StateAnswer answer;
    answer.t = moment.t;
    answer.subject = rule->subject();
    const auto try_on = [&](const Objects& objects, std::uint64_t id, auto&& text) {
        ++answer.of;
        scope.subject = objects;
        if (evaluator.evaluate(scope) != Truth::kTrue) return;
        ++answer.matched;
        if (answer.rows.size() < limit) answer.rows.push_back({*answer.subject, id, text()});
    };
    if (!answer.subject) {
        const Truth truth = evaluator.evaluate(scope);
        answer.holds = truth == Truth::kTrue;
        answer.known = truth != Truth::kUnknown;
        answer.matched = answer.holds ? 1 : 0;
        return answer;
    }
    switch (*answer.subject) {
        case Kind::kCoroutine:
            for (const inspect::CoroutineImage& row : state.coroutines)
                try_on({.coroutine = &row}, row.identity, [&] { return coroutine_text(state, row); });
            break;
        case Kind::kChannel:
            for (const inspect::ChannelImage& row : state.channels)
                try_on({.channel = &row}, row.identity, [&] { return channel_text(state, row); });
            break;
        case Kind::kWorker:
            for (const inspect::WorkerImage& row : state.workers) {
                if (row.state != wire::WorkerState::kAbsent)
                    try_on({.worker = &row}, row.index, [&] { return worker_text(state, row); });
            }
            break;
        case Kind::kLock:
            for (const inspect::WaitableImage& row : state.waitables)
                try_on({.lock = &row}, row.identity, [&] { return lock_text(state, row); });
            break;
        case Kind::kPool:
            for (const PoolFacts& row : pools)
                try_on({.pool = &row}, row.index, [&] { return pool_text(row); });
            break;
        case Kind::kEvent:
            break;
    }
    return answer;
}

}  // namespace coroscope::rules
