// See event_context.h.
#include "traces/rules/event_context.h"

#include <algorithm>
#include <utility>

namespace coroscope::rules {
namespace {

using wire::EventType;

constexpr std::uint32_t kMask24 = 0xffffffU;

bool follows(std::uint32_t before, std::uint32_t sequence24, std::uint32_t step) {
    return before != wire::kNone && ((before + step) & kMask24) == sequence24;
}

}  // namespace

std::uint32_t coroutine_of(const wire::DecodedEvent& event) {
    switch (event.type) {
        case EventType::kSpawn:
        case EventType::kResume:
        case EventType::kWake:
        case EventType::kExit:
        case EventType::kCancel:
        case EventType::kMigrate:
        case EventType::kPause:
        case EventType::kUnpause:
        case EventType::kTimerSet:
        case EventType::kTimerFire:
        case EventType::kBlockingBegin:
        case EventType::kBlockingEnd:
            return event.object;
        case EventType::kWorkerPark:
        case EventType::kWorkerUnpark:
        case EventType::kStep:
        case EventType::kSteal:
        case EventType::kInject:
        case EventType::kSignalDropped:
        case EventType::kLoss:
            return wire::kNone;
        case EventType::kSignal:
            return event.argument;
        default:
            return event.current_known ? event.current : wire::kNone;
    }
}

EventContext::EventContext(const inspect::StateImage& keyframe, bool other_parties)
    : other_parties_(other_parties) {
    start_ticks_ = keyframe.start_ticks;
    const double ticks_per_ns = keyframe.clock.ticks_per_ns();
    ns_per_tick_ = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
    for (const inspect::CoroutineImage& row : keyframe.coroutines) {
        Entry& entry = entries_[row.index];
        entry.identity = row.identity;
        entry.name = row.name;
        entry.site = row.site;
        entry.pool = row.pool;
        if (other_parties_) by_identity_[row.identity] = row.index;
        if (row.since_ticks == 0) continue;
        const std::uint32_t sequence = row.sequence & kMask24;
        if (row.state == wire::CoroutineState::kParked) {
            entry.suspend_ticks = row.since_ticks;
            entry.suspend_sequence = sequence;
        } else if (row.state == wire::CoroutineState::kReady) {
            entry.ready_ticks = row.since_ticks;
            entry.ready_sequence = sequence;
        } else if (row.state == wire::CoroutineState::kRunning) {
            entry.resume_ticks = row.since_ticks;
            entry.resume_sequence = sequence;
        }
    }
}

std::uint64_t EventContext::Entry::newest_ticks() const {
    return std::max({suspend_ticks, wake_ticks, resume_ticks, ready_ticks});
}

// Whom the later one does not know is gone; somebody else at its place, or changes that were not seen here, are its to tell.
void EventContext::learn_from(EventContext&& anew) {
    entries_.for_each([&](std::uint32_t index, Entry& entry) {
        const Entry* other = anew.entries_.find(index);
        if (other == nullptr || other->identity == 0) entry = {};
    });
    anew.entries_.for_each([&](std::uint32_t index, Entry& other) {
        if (other.identity == 0) return;
        Entry& entry = entries_[index];
        if (entry.identity != other.identity || other.newest_ticks() > entry.newest_ticks()) entry = other;
    });
    by_identity_ = std::move(anew.by_identity_);
}

// Stamps of two processors may be some nanoseconds off: what ends before it begins has taken no time.
Span EventContext::between(std::uint64_t from_ticks, std::uint64_t to_ticks) const {
    const std::uint64_t ticks = to_ticks > from_ticks ? to_ticks - from_ticks : 0;
    return {Span::Known::kExactly, static_cast<double>(ticks) * ns_per_tick_};
}

EventContext::Entry* EventContext::entry_of(const wire::DecodedEvent& event) {
    std::uint32_t index = coroutine_of(event);
    const bool moves_item = event.type == EventType::kChannelSend || event.type == EventType::kChannelReceive;
    if (other_parties_ && moves_item && (wire::high8(event.argument) & wire::kOtherParty) != 0) {
        const auto found = by_identity_.find(event.ext48[0]);
        index = found == by_identity_.end() ? wire::kNone : found->second;
    }
    if (index == wire::kNone) return nullptr;
    facts_.coroutine = index;
    return &entries_[index];
}

void EventContext::spawn(const wire::DecodedEvent& event, Entry& entry) {
    entry.identity = wire::spawn_identity(event);
    entry.name = wire::spawn_name(event);
    entry.site = event.argument;
    entry.pool = wire::spawn_pool(event);
    entry.ready_ticks = event.tsc;
    entry.ready_sequence = wire::spawn_sequence(event) & kMask24;
    if (other_parties_) by_identity_[entry.identity] = event.object;
}

void EventContext::resume(const wire::DecodedEvent& event, Entry& entry) {
    const std::uint32_t sequence = wire::low24(event.argument);
    // Somebody else by now, whose SPAWN was lost or comes a moment later.
    if (static_cast<std::uint8_t>(entry.identity) != wire::high8(event.argument)) entry = {};
    const bool woken = follows(entry.wake_sequence, sequence, 1);
    entry.ready = follows(entry.ready_sequence, sequence, 1) ? between(entry.ready_ticks, event.tsc) : Span{};
    if (!woken) entry.blocked = {};
    entry.resume_ticks = event.tsc;
    entry.resume_sequence = sequence;
    facts_.ready = entry.ready;
    facts_.blocked = entry.blocked;
}

void EventContext::end_run(const wire::DecodedEvent& event, const Entry& entry) {
    if (!follows(entry.resume_sequence, wire::low24(event.argument), 1)) return;
    facts_.run = between(entry.resume_ticks, event.tsc);
    facts_.ready = entry.ready;
}

void EventContext::suspend(const wire::DecodedEvent& event, Entry& entry) {
    const std::uint32_t sequence = wire::low24(event.argument);
    end_run(event, entry);
    entry.suspend_ticks = event.tsc;
    entry.suspend_sequence = sequence;
    const auto reason = static_cast<wire::WaitReason>(wire::high8(event.argument));
    if (reason == wire::WaitReason::kYield || reason == wire::WaitReason::kPause) {
        entry.ready_ticks = event.tsc;
        entry.ready_sequence = sequence;
    }
}

void EventContext::wake(const wire::DecodedEvent& event, Entry& entry) {
    const std::uint32_t sequence = wire::low24(event.argument);
    entry.blocked = follows(entry.suspend_sequence, sequence, 2) ? between(entry.suspend_ticks, event.tsc)
                                                                 : Span{};
    entry.wake_ticks = entry.ready_ticks = event.tsc;
    entry.wake_sequence = entry.ready_sequence = sequence;
    facts_.blocked = entry.blocked;
}

Span EventContext::wait_of(std::uint32_t coroutine, std::uint32_t sequence24, std::uint64_t now_ticks) const {
    const Entry* entry = entries_.find(coroutine);
    if (entry == nullptr || entry->suspend_sequence != sequence24) return {};
    if (follows(sequence24, entry->wake_sequence, 2)) return between(entry->suspend_ticks, entry->wake_ticks);
    Span so_far = between(entry->suspend_ticks, now_ticks);
    so_far.known = Span::Known::kAtLeast;
    return so_far;
}

const EventFacts& EventContext::take(const wire::DecodedEvent& event, wire::RingOwner owner,
                                     std::uint32_t owner_index) {
    facts_ = {};
    facts_.event = &event;
    facts_.time_ns = static_cast<double>(static_cast<std::int64_t>(event.tsc - start_ticks_)) * ns_per_tick_;
    facts_.worker = owner == wire::RingOwner::kWorker ? owner_index : wire::kNone;
    Entry* entry = entry_of(event);
    if (entry == nullptr) return facts_;
    switch (event.type) {
        case EventType::kSpawn:
            spawn(event, *entry);
            break;
        case EventType::kResume:
            resume(event, *entry);
            break;
        case EventType::kSuspend:
            suspend(event, *entry);
            break;
        case EventType::kWake:
            wake(event, *entry);
            break;
        case EventType::kExit:
            end_run(event, *entry);
            break;
        case EventType::kUnpause:
            entry->ready_ticks = event.tsc;
            entry->ready_sequence = wire::low24(event.argument);
            break;
        default:
            break;
    }
    facts_.identity = entry->identity;
    facts_.name = entry->name;
    facts_.site = entry->site;
    facts_.pool = entry->pool;
    if (event.type == EventType::kExit) {
        if (facts_.identity == 0) facts_.identity = event.ext48[0];
        if (other_parties_) by_identity_.erase(entry->identity);
        *entry = {};
    }
    return facts_;
}

}  // namespace coroscope::rules
