// See event_scan.h.
#include "traces/rules/event_scan.h"

#include <algorithm>
#include <utility>

namespace coroscope::rules {
namespace {

using wire::EventType;

// A change is stamped before it is written; events so long before a keyframe may not be in it (traces/replay.cpp).
constexpr std::int64_t kStampToWriteNsMax = 100'000'000;

bool of_coroutine(FieldId field) {
    switch (field) {
        case FieldId::kEventId:
        case FieldId::kEventName:
        case FieldId::kEventSite:
        case FieldId::kEventFunction:
        case FieldId::kEventClass:
        case FieldId::kEventBlocked:
        case FieldId::kEventReady:
        case FieldId::kEventRun:
            return true;
        default:
            return false;
    }
}

bool asks_for_coroutine(const Rule& rule) {
    return std::any_of(rule.terms().begin(), rule.terms().end(), [](const Term& term) {
        return of_coroutine(term.left.field) || of_coroutine(term.right.field);
    });
}

}  // namespace

EventScan::EventScan(std::shared_ptr<const Rule> rule, const inspect::StateImage& keyframe,
                     const Names& names, const Options& options)
    : evaluator_(std::move(rule)), names_(names), options_(options), start_ticks_(keyframe.start_ticks) {
    const Rule& what = evaluator_.rule();
    const double ticks_per_ns = keyframe.clock.ticks_per_ns();
    ns_per_tick_ = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
    tracks_ = options.with_facts || asks_for_coroutine(what) || what.needs_state();
    other_parties_ = what.may_match(EventType::kChannelSend) || what.may_match(EventType::kChannelReceive);
    if (tracks_) context_ = std::make_unique<EventContext>(keyframe, other_parties_);
    if (!what.needs_state()) return;
    cursor_from_ticks_ = first_ticks_after(keyframe);
    cursor_ = std::make_unique<StateCursor>(keyframe, what, names);
}

std::uint64_t EventScan::first_ticks_after(const inspect::StateImage& keyframe) {
    const auto slack = static_cast<std::uint64_t>(
        std::max<std::int64_t>(keyframe.clock.duration_ticks(kStampToWriteNsMax), 0));
    return keyframe.read_begin_ticks > slack ? keyframe.read_begin_ticks - slack : 0;
}

void EventScan::lose(std::uint64_t until_ticks) {
    if (cursor_ != nullptr) cursor_->lose(until_ticks);
}

void EventScan::renew(const inspect::StateImage& keyframe, traces::EventFeed& around) {
    if (!tracks_) return;
    if (cursor_ != nullptr) {
        cursor_ = std::make_unique<StateCursor>(keyframe, evaluator_.rule(), names_);
        cursor_->lose(0);  // before the keyframe something was: who is not in it has ended
    }
    EventContext anew(keyframe, other_parties_);
    around.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        if (cursor_ != nullptr) cursor_->apply(event, ring.owner, ring.owner_index);
        anew.take(event, ring.owner, ring.owner_index);
    });
    for (const traces::LossInterval& loss : around.losses())
        lose(loss.until_ticks);
    context_->learn_from(std::move(anew));
}

bool EventScan::set_aside_between(std::uint64_t from_ticks, std::uint64_t to_ticks) const {
    return std::any_of(asides_.begin(), asides_.end(), [&](const Aside& aside) {
        return aside.in_use && aside.event.tsc >= from_ticks && aside.event.tsc <= to_ticks;
    });
}

const EventFacts& EventScan::look(const wire::DecodedEvent& event, wire::RingOwner owner,
                                  std::uint32_t owner_index) {
    if (cursor_ != nullptr && event.tsc >= cursor_from_ticks_) cursor_->apply(event, owner, owner_index);
    if (context_ != nullptr) return context_->take(event, owner, owner_index);
    bare_.event = &event;
    bare_.time_ns = static_cast<double>(static_cast<std::int64_t>(event.tsc - start_ticks_)) * ns_per_tick_;
    bare_.worker = owner == wire::RingOwner::kWorker ? owner_index : wire::kNone;
    return bare_;
}

bool EventScan::holds(const EventFacts& facts) {
    Scope scope;
    scope.names = &names_;
    scope.event = &facts;
    scope.now_ticks = facts.event->tsc;
    scope.ns_per_tick = ns_per_tick_;
    if (cursor_ != nullptr) {
        scope.references = cursor_->references();
        scope.subject = cursor_->objects_of(facts);
    }
    const Truth truth = evaluator_.evaluate(scope);
    if (truth == Truth::kUnknown && facts.event->type == EventType::kSuspend &&
        evaluator_.rule().needs_outcome())
        set_aside(facts, scope);
    return truth == Truth::kTrue;
}

// Its wait may be over already: a WAKE on another processor, stamped some nanoseconds earlier.
void EventScan::set_aside(const EventFacts& facts, const Scope& scope) {
    if (facts.coroutine == wire::kNone) return;
    std::uint32_t at = 0;
    if (free_.empty()) {
        at = static_cast<std::uint32_t>(asides_.size());
        asides_.emplace_back();
    } else {
        at = free_.back();
        free_.pop_back();
    }
    asides_[at] = {*facts.event, facts, evaluator_.recorded(scope), true};
    aside_of_[facts.coroutine] = at + 1;
    ++waiting_;
}

void EventScan::release(std::uint32_t at) {
    asides_[at].in_use = false;
    aside_of_[asides_[at].facts.coroutine] = 0;
    free_.push_back(at);
    --waiting_;
}

Truth EventScan::settle(std::uint32_t at, Span blocked) {
    Aside& aside = asides_[at];
    const Truth truth = evaluator_.resolved(aside.recorded, blocked);
    if (truth != Truth::kTrue) return truth;
    aside.facts.blocked = blocked;
    settled_.push_back(at);
    return truth;
}

// Whoever runs, ends or parks again has a wait behind it of which no end was seen.
bool EventScan::settle_before(const wire::DecodedEvent& event) {
    if (waiting_ == 0) return false;
    std::uint32_t coroutine = wire::kNone;
    if (event.type == EventType::kResume || event.type == EventType::kExit || event.type == EventType::kSpawn)
        coroutine = event.object;
    if (event.type == EventType::kSuspend && event.current_known) coroutine = event.current;
    if (coroutine == wire::kNone) return false;
    const std::uint32_t aside = aside_of_[coroutine];
    if (aside == 0) return false;
    const Span blocked = context_->wait_of(coroutine, wire::low24(asides_[aside - 1].event.argument),
                                           event.tsc);
    if (blocked.known != Span::Known::kExactly || settle(aside - 1, blocked) != Truth::kTrue) release(aside - 1);
    return !settled_.empty();
}

bool EventScan::settle_after(const wire::DecodedEvent& event) {
    if (waiting_ == 0 || event.type != EventType::kWake) return false;
    const std::uint32_t aside = aside_of_[event.object];
    if (aside == 0) return false;
    const Span blocked = context_->wait_of(event.object, wire::low24(asides_[aside - 1].event.argument),
                                           event.tsc);
    if (blocked.known != Span::Known::kExactly || settle(aside - 1, blocked) != Truth::kTrue) release(aside - 1);
    return !settled_.empty();
}

void EventScan::settle_all(std::uint64_t now_ticks) {
    for (std::uint32_t at = 0; at < asides_.size(); ++at) {
        const Aside& aside = asides_[at];
        if (!aside.in_use) continue;
        const Span so_far = context_->wait_of(aside.facts.coroutine, wire::low24(aside.event.argument), now_ticks);
        if (settle(at, so_far) == Truth::kFalse) release(at);
    }
}

}  // namespace coroscope::rules
