// See span_tracker.h.
#include "traces/rules/span_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "traces/rules/fields.h"

namespace coroscope::rules {
namespace {

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

}  // namespace

SpanTracker::SpanTracker(std::shared_ptr<const Rule> rule, const inspect::StateImage& keyframe,
                         const Names& names, std::function<void(const Turn&)> tell)
    : rule_pointer_(std::move(rule)),
      rule_(*rule_pointer_),
      names_(names),
      tell_(std::move(tell)),
      cursor_(std::make_unique<StateCursor>(keyframe, rule_, names)),
      evaluator_(rule_pointer_) {
    const double ticks_per_ns = keyframe.clock.ticks_per_ns();
    scope_.ns_per_tick = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
    scope_.names = &names_;
    know_all(keyframe);
}

void SpanTracker::know_all(const inspect::StateImage& keyframe) {
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

void SpanTracker::take(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index) {
    const std::uint64_t now = std::max(event.tsc, now_ticks_);
    if (begun_) pass_to(now);
    cursor_->apply(event, owner, owner_index);
    if (!begun_) {
        known_.insert(known_.end(), cursor_->touched().begin(), cursor_->touched().end());
        return;
    }
    if (!rule_.subject()) return try_on(0, now);
    for (const std::uint32_t index : cursor_->touched())
        try_on(index, now);
}

void SpanTracker::begin(std::uint64_t ticks) {
    begun_ = true;
    now_ticks_ = ticks;
    try_known(ticks);
}

// What holds now may have held for long.
void SpanTracker::try_known(std::uint64_t ticks) {
    looks_anew_ = true;
    std::sort(known_.begin(), known_.end());
    known_.erase(std::unique(known_.begin(), known_.end()), known_.end());
    for (const std::uint32_t index : known_)
        try_on(index, ticks);
    known_ = {};
    looks_anew_ = false;
}

void SpanTracker::end(std::uint64_t ticks) {
    pass_to(ticks);
    while (!holding_.empty())
        close(state_[*holding_.begin()], *holding_.begin(), ticks, true);
}

void SpanTracker::lose(std::uint64_t now_ticks, std::uint64_t until_ticks) {
    if (begun_) pass_to(std::max(now_ticks, now_ticks_));
    cursor_->lose(until_ticks);
    loses_ = true;
    const std::vector<std::uint32_t> held(holding_.begin(), holding_.end());
    for (const std::uint32_t index : held)
        try_on(index, now_ticks_);
    loses_ = false;
}

void SpanTracker::renew(const inspect::StateImage& keyframe, traces::EventFeed& around) {
    cursor_ = std::make_unique<StateCursor>(keyframe, rule_, names_);
    cursor_->lose(0);  // before the keyframe something was: who is not in it has ended, whatever is told of them below
    known_.assign(holding_.begin(), holding_.end());
    know_all(keyframe);
    around.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        cursor_->apply(event, ring.owner, ring.owner_index);
        known_.insert(known_.end(), cursor_->touched().begin(), cursor_->touched().end());
    });
    for (const traces::LossInterval& loss : around.losses())
        cursor_->lose(loss.until_ticks);
    if (!begun_) return;
    pass_to(std::max(keyframe.read_end_ticks, now_ticks_));
    try_known(now_ticks_);
}

// What only time has changed since the event before.
void SpanTracker::pass_to(std::uint64_t ticks) {
    while (!queue_.empty() && queue_.top().ticks < ticks) {
        const Again again = queue_.top();
        queue_.pop();
        if (state_[again.index].again_ticks == again.ticks) try_on(again.index, again.ticks);
    }
    now_ticks_ = std::max(now_ticks_, ticks);
}

void SpanTracker::try_on(std::uint32_t index, std::uint64_t now) {
    State& state = state_[index];
    if (rule_.subject()) scope_.subject = cursor_->object(*rule_.subject(), index);
    scope_.references = cursor_->references();
    scope_.now_ticks = now;
    const std::uint64_t identity = id_of(scope_.subject);
    if (state.holds && identity != state.identity) close(state, index, now, false);
    const Truth truth = evaluator_.evaluate(scope_);
    const bool holds = truth == Truth::kTrue;
    if (state.holds && !holds) close(state, index, now, loses_ && truth == Truth::kUnknown);
    const bool begins = !state.holds && holds;
    state.identity = identity;
    if (begins) {
        state.holds = true;
        state.open_begin = looks_anew_;
        state.since_ticks = now;
        state.label = label_of(scope_.subject, names_);
        holding_.insert(index);
        tell_({true, rule_.subject() ? identity : 0, state.label, now, now, state.open_begin, false});
    }
    if (rule_.changes_with_time()) ask_again(state, index, now);
}

void SpanTracker::ask_again(State& state, std::uint32_t index, std::uint64_t now) {
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

void SpanTracker::close(State& state, std::uint32_t index, std::uint64_t ticks, bool open_end) {
    state.holds = false;
    holding_.erase(index);
    tell_({false, rule_.subject() ? state.identity : 0, state.label, state.since_ticks, ticks,
           state.open_begin, open_end});
}

base::Status SpanTracker::can_follow(const Rule& rule) {
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

}  // namespace coroscope::rules
