// When a state rule held: its objects are tried again after each event that may have changed them, and when time alone may have.
//
// A rule that asks how long something has lasted changes its mind without an event. When an object is tried, the next moment at which one of its
// lengths of time reaches what it is compared with is put into a queue, and the object is tried again then.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

#include "traces/event_feed.h"
#include "traces/rules/evaluator.h"
#include "traces/rules/event_scan.h"
#include "traces/rules/fields.h"
#include "traces/rules/query.h"
#include "traces/rules/state_cursor.h"

namespace coroscope::rules {
namespace {

constexpr std::uint64_t kNeverTicks = std::numeric_limits<std::uint64_t>::max();

std::string label_of(const Objects& objects, const Names& names) {
    std::string_view name;
    if (const inspect::CoroutineImage* row = objects.coroutine; row != nullptr)
        return fmt::format("{}{}", row->identity,
                           names.coroutine(row->name, row->site, &name) ? fmt::format(" \"{}\"", name) : "");
    if (const inspect::ChannelImage* row = objects.channel; row != nullptr)
        return names.text(row->name, &name) && !name.empty() ? fmt::format("channel:{}", name)
                                                             : fmt::format("channel:#{}", row->identity);
    if (const inspect::WaitableImage* row = objects.lock; row != nullptr) {
        const char* kind = inspect::waitable_kind_name(row->kind);
        return names.text(row->name, &name) && !name.empty() ? fmt::format("{}:{}", kind, name)
                                                             : fmt::format("{}:#{}", kind, row->identity);
    }
    if (objects.worker != nullptr) return fmt::format("worker {}", objects.worker->index);
    if (objects.pool != nullptr)
        return fmt::format("pool {} {}", objects.pool->index,
                           inspect::size_class_name(objects.pool->size_class));
    return "the rule";
}

std::uint64_t id_of(const Objects& objects) {
    if (objects.coroutine != nullptr) return objects.coroutine->identity;
    if (objects.channel != nullptr) return objects.channel->identity;
    if (objects.lock != nullptr) return objects.lock->identity;
    if (objects.worker != nullptr) return objects.worker->index;
    return objects.pool != nullptr ? objects.pool->index : 0;
}

class Spans {
public:
    Spans(const traces::Replay& replay, std::shared_ptr<const Rule> rule, const inspect::StateImage& keyframe,
          const Names& names, std::uint64_t limit)
        : replay_(replay),
          rule_(*rule),
          names_(names),
          cursor_(keyframe, rule_, names),
          evaluator_(std::move(rule)),
          limit_(limit) {
        const double ticks_per_ns = keyframe.clock.ticks_per_ns();
        scope_.ns_per_tick = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
        scope_.names = &names_;
        for (const inspect::CoroutineImage& row : keyframe.coroutines)
            know(Kind::kCoroutine, row.index);
        for (const inspect::ChannelImage& row : keyframe.channels)
            know(Kind::kChannel, row.index);
        for (const inspect::WaitableImage& row : keyframe.waitables)
            know(Kind::kLock, row.index);
        for (const inspect::WorkerImage& row : keyframe.workers)
            know(Kind::kWorker, row.index);
        for (std::uint32_t pool = 0; pool < keyframe.pools.size(); ++pool)
            know(Kind::kPool, pool);
        if (!rule_.subject()) known_.push_back(0);
    }

    // Before begin(): only what there is by then matters.
    void take(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index) {
        const std::uint64_t now = std::max(event.tsc, now_ticks_);
        if (begun_) pass_to(now);
        cursor_.apply(event, owner, owner_index);
        if (!begun_) {
            for (const std::uint32_t index : cursor_.touched())
                known_.push_back(index);
            return;
        }
        if (!rule_.subject()) return try_on(0, now);
        for (const std::uint32_t index : cursor_.touched())
            try_on(index, now);
    }
    void begin(std::uint64_t ticks) {
        begun_ = true;
        begin_ticks_ = now_ticks_ = ticks;
        for (const std::uint32_t index : known_)
            try_on(index, ticks);
        known_ = {};
    }
    bool begun() const { return begun_; }
    void end(std::uint64_t ticks) {
        pass_to(ticks);
        state_.for_each([&](std::uint32_t, State& state) {
            if (state.holds) close(state, ticks, true);
        });
    }
    void lose(std::uint64_t until_ticks) { cursor_.lose(until_ticks); }

    SpanAnswer answer() {
        std::sort(answer_.rows.begin(), answer_.rows.end(),
                  [](const SpanRow& a, const SpanRow& b) { return a.since < b.since; });
        return std::move(answer_);
    }

private:
    struct State {
        std::uint64_t identity = 0;
        std::uint64_t since_ticks = 0;
        std::uint64_t again_ticks = kNeverTicks;  // when time alone may change its value
        bool holds = false;
        std::string label;
    };
    struct Again {
        std::uint64_t ticks;
        std::uint32_t index;
        bool operator>(const Again& other) const { return ticks > other.ticks; }
    };

    void know(Kind kind, std::uint32_t index) {
        if (rule_.subject() == kind) known_.push_back(index);
    }

    // What only time has changed since the event before.
    void pass_to(std::uint64_t ticks) {
        while (!queue_.empty() && queue_.top().ticks < ticks) {
            const Again again = queue_.top();
            queue_.pop();
            if (state_[again.index].again_ticks == again.ticks) try_on(again.index, again.ticks);
        }
        now_ticks_ = std::max(now_ticks_, ticks);
    }

    void try_on(std::uint32_t index, std::uint64_t now) {
        State& state = state_[index];
        if (rule_.subject()) {
            scope_.subject = cursor_.object(*rule_.subject(), index);
        }
        scope_.references = cursor_.references();
        scope_.now_ticks = now;
        const std::uint64_t identity = id_of(scope_.subject);
        if (state.holds && identity != state.identity) close(state, now, false);
        const bool holds = evaluator_.evaluate(scope_) == Truth::kTrue;
        if (state.holds && !holds) close(state, now, false);
        if (!state.holds && holds) {
            state.holds = true;
            state.since_ticks = now;
            state.label = label_of(scope_.subject, names_);
        }
        state.identity = identity;
        if (rule_.changes_with_time()) ask_again(state, index, now);
    }

    void ask_again(State& state, std::uint32_t index, std::uint64_t now) {
        std::uint64_t next = kNeverTicks;
        for (const Term& term : rule_.terms()) {
            if (!term.changes_with_time || scope_.ns_per_tick <= 0) continue;
            const Span lasted = number_of(term.left, scope_);
            if (lasted.known == Span::Known::kNo) continue;
            const double left_ticks = (term.right.constant - lasted.ns) / scope_.ns_per_tick;
            // At the limit and right behind it: >= and > turn there.
            if (left_ticks < 0 || left_ticks > 1e18) continue;
            const std::uint64_t limit = now + static_cast<std::uint64_t>(std::ceil(left_ticks));
            next = std::min(next, limit > now ? limit : now + 1);
        }
        state.again_ticks = next;
        if (next != kNeverTicks) queue_.push({next, index});
    }

    void close(State& state, std::uint64_t ticks, bool still) {
        state.holds = false;
        ++answer_.matched;
        SpanRow row;
        row.id = rule_.subject() ? state.identity : 0;
        row.text = state.label;
        row.since = replay_.time_of(state.since_ticks);
        row.until = replay_.time_of(ticks);
        row.open_begin = state.since_ticks <= begin_ticks_;
        row.open_end = still;
        answer_.total_ns += static_cast<double>(row.until - row.since);
        // Spans come in the order of their ends; shown are the first to begin.
        if (limit_ == 0) return;
        const auto later = [](const SpanRow& a, const SpanRow& b) { return a.since < b.since; };
        if (answer_.rows.size() == limit_) {
            if (row.since >= answer_.rows.front().since) return;
            std::pop_heap(answer_.rows.begin(), answer_.rows.end(), later);
            answer_.rows.pop_back();
        }
        answer_.rows.push_back(std::move(row));
        std::push_heap(answer_.rows.begin(), answer_.rows.end(), later);
    }

    const traces::Replay& replay_;
    const Rule& rule_;
    const Names& names_;
    StateCursor cursor_;
    Evaluator evaluator_;
    Scope scope_;
    const std::uint64_t limit_;
    bool begun_ = false;
    std::uint64_t begin_ticks_ = 0, now_ticks_ = 0;
    std::vector<std::uint32_t> known_;
    traces::SparseTable<State> state_;
    std::priority_queue<Again, std::vector<Again>, std::greater<>> queue_;
    SpanAnswer answer_;
};

base::Status can_be_followed(const Rule& rule) {
    if (rule.about_events())
        return base::error(base::ErrorCode::kUsage,
                           "a rule about events holds at moments, not for a time: ask for it without --when");
    if (rule.subject() && !rule.references().empty())
        return base::error(
            base::ErrorCode::kUsage,
            fmt::format(
                "--when follows each {}, or the objects that are named, and not both: {} is named here",
                kind_name(*rule.subject()), rule.references().front().text()));
    for (const Term& term : rule.terms()) {
        if (term.changes_with_time && term.right.field != FieldId::kNothing)
            return base::error(
                base::ErrorCode::kUsage,
                "--when compares lengths of time with numbers only, such as blocked_ns > 10ms");
    }
    return base::ok_status();
}

}  // namespace

base::Result<SpanAnswer> query_spans(const traces::Replay& replay, const std::shared_ptr<const Rule>& rule,
                                     const QueryOptions& options) {
    if (auto status = can_be_followed(*rule); !status) return status.error();
    const traces::TraceReader& reader = replay.reader();
    const traces::TimeNs from = std::clamp(options.from.value_or(replay.begin()), replay.begin(),
                                           replay.end());
    const traces::TimeNs to = std::clamp(options.to.value_or(replay.end()), from, replay.end());
    const std::uint64_t from_ticks = replay.ticks_of(from), to_ticks = replay.ticks_of(to);
    auto keyframe = keyframe_for(reader, from_ticks);
    if (!keyframe.ok()) return keyframe.error();
    const Names names = names_of(reader);
    if (keyframe->strings.empty()) keyframe->strings = reader.strings();
    Spans spans(replay, rule, *keyframe, names, options.limit);
    traces::EventFeed feed(reader, EventScan::first_ticks_after(*keyframe), to_ticks);
    std::size_t losses = 0;
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        while (losses < feed.losses().size())
            spans.lose(feed.losses()[losses++].until_ticks);
        if (!spans.begun() && event.tsc > from_ticks) spans.begin(from_ticks);
        spans.take(event, ring.owner, ring.owner_index);
    });
    if (!spans.begun()) spans.begin(from_ticks);
    spans.end(to_ticks);
    SpanAnswer answer = spans.answer();
    answer.from = from;
    answer.to = to;
    answer.gaps = feed.losses().size();
    return answer;
}

}  // namespace coroscope::rules
