// See span_follower.h.
#include "traces/analyses/span_follower.h"

#include <algorithm>

#include "traces/change_counts.h"

namespace coroscope::analyses {

using traces::newer;
using traces::widen;
using wire::CoroutineState;
using wire::EventType;
using wire::WaitReason;

namespace {

Activity activity_of(CoroutineState state) {
    switch (state) {
        case CoroutineState::kRunning:
            return Activity::kRunning;
        case CoroutineState::kParked:
        case CoroutineState::kPaused:
            return Activity::kBlocked;
        default:
            return Activity::kReady;
    }
}

WaitReason reason_of_suspend(const wire::DecodedEvent& event) {
    return static_cast<WaitReason>(
        std::min<std::uint8_t>(wire::high8(event.argument), wire::kWaitReasonsCount - 1));
}

LifeEnd end_of_exit(const wire::DecodedEvent& event) {
    switch (static_cast<wire::ExitStatus>(wire::high8(event.argument))) {
        case wire::ExitStatus::kFailed:
            return LifeEnd::kFailed;
        case wire::ExitStatus::kCancelled:
            return LifeEnd::kCancelled;
        case wire::ExitStatus::kAbandoned:
            return LifeEnd::kAbandoned;
        default:
            return LifeEnd::kFinished;
    }
}

}  // namespace

void SpanFollower::begin_with(const inspect::StateImage& begin) {
    for (const inspect::CoroutineImage& row : begin.coroutines) {
        Entry& entry = entries_[row.index];
        entry.live = true;
        entry.sequence = row.sequence;
        entry.sequence_known = row.consistency != inspect::Consistency::kTorn &&
                               row.consistency != inspect::Consistency::kUnknown;
        Life& life = entry.life;
        life = {};
        life.identity = row.identity;
        life.index = row.index;
        life.site = row.site;
        life.name = row.name;
        life.spawner = row.spawner;
        life.slot = row.slot;
        life.pool = row.pool;
        life.begin_ticks = begin.read_end_ticks;
        const inspect::CoroutineImage* spawner = begin.coroutine_of(row.spawner);
        if (row.spawner != 0 && spawner != nullptr) life.spawner_site = spawner->site;
        visitor_.began(life);
        Span span;
        span.activity = entry.sequence_known ? activity_of(row.state) : Activity::kUnknown;
        span.reason = row.reason;
        span.worker = row.worker;
        span.sequence = row.sequence;
        span.begin_ticks = begin.read_end_ticks;
        if (span.activity == Activity::kBlocked) {
            span.awaited = directory_.awaited(row.reason, row.wait_object);
            if (row.reason == WaitReason::kJoin) {
                const inspect::CoroutineImage* joined = begin.coroutine_at(row.wait_object);
                if (joined != nullptr) span.awaited.identity = joined->identity;
            }
        }
        if (span.activity != Activity::kRunning) span.pc = row.rip;
        open(entry, span);
    }
}

const Life* SpanFollower::life_at(std::uint32_t index) const {
    const Entry* entry = entries_.find(index);
    return entry != nullptr && entry->live ? &entry->life : nullptr;
}

SpanFollower::Change SpanFollower::change_of(const wire::DecodedEvent& event) {
    const std::uint32_t count = wire::low24(event.argument);
    switch (event.type) {
        case EventType::kResume:
            return {event.object, 1, count};
        case EventType::kWake:
        case EventType::kPause:
        case EventType::kUnpause:
            return {event.object, 2, count};
        case EventType::kSuspend:
        case EventType::kExit:
            return {event.current_known ? event.current : wire::kNone, 1, count};
        default:
            return {};
    }
}

bool SpanFollower::is_next(const wire::DecodedEvent& event) const {
    if (event.type == EventType::kSpawn) {
        const Entry* entry = entries_.find(event.object);
        return entry == nullptr || !entry->live ||
               (entry->sequence_known && !newer(wire::spawn_sequence(event), entry->sequence));
    }
    const Change change = change_of(event);
    if (change.index == wire::kNone) return true;
    const Entry* entry = entries_.find(change.index);
    if (entry == nullptr || (!entry->live && !entry->sequence_known))
        return false;  // its spawn is still to come
    if (!entry->sequence_known) return true;
    const std::uint32_t sequence = widen(change.sequence24, entry->sequence);
    if (!newer(sequence, entry->sequence)) return true;
    return entry->live && !newer(sequence - change.step, entry->sequence);
}

void SpanFollower::open(Entry& entry, const Span& span) {
    entry.span = span;
    visitor_.enter(entry.life, entry.span);
}

void SpanFollower::close(Entry& entry, std::uint64_t ticks, bool gap) {
    entry.span.end_ticks = std::max(ticks, entry.span.begin_ticks);
    if (gap) entry.span.activity = Activity::kUnknown;
    visitor_.leave(entry.life, entry.span);
}

void SpanFollower::begin_unknown(Entry& entry, std::uint32_t index, std::uint64_t ticks) {
    entry.live = true;
    entry.life = {};
    entry.life.index = index;
    entry.life.begin_ticks = ticks;
    visitor_.began(entry.life);
    Span span;
    span.begin_ticks = ticks;
    open(entry, span);
}

// Whether the coroutine of this event can be another one than lived here at the last event that was seen: `missing` steps of the sequence are not
// accounted for, and RESUME and EXIT say whom they mean.
bool SpanFollower::is_another(const Entry& entry, const wire::DecodedEvent& event, std::uint32_t missing) {
    if (entry.life.identity == 0) return false;
    if (event.type == EventType::kResume)
        return static_cast<std::uint8_t>(entry.life.identity) != wire::high8(event.argument);
    if (event.type == EventType::kExit) return entry.life.identity != event.ext48[0];
    constexpr std::uint32_t kExitAndSpawnSteps = 3;
    return missing >= kExitAndSpawnSteps;
}

SpanFollower::Entry* SpanFollower::move_on(const wire::DecodedEvent& event, std::uint64_t* ticks, bool* gap) {
    const Change change = change_of(event);
    if (change.index == wire::kNone) return nullptr;
    Entry& entry = entries_[change.index];
    const std::uint32_t sequence = entry.sequence_known ? widen(change.sequence24, entry.sequence)
                                                        : change.sequence24;
    if (entry.sequence_known && !newer(sequence, entry.sequence)) return nullptr;
    const std::uint32_t missing = entry.sequence_known ? sequence - change.step - entry.sequence : 0;
    *gap = !entry.sequence_known || missing != 0;
    if (entry.live &&
        is_another(entry, event, missing)) {  // the end of the one before is lost, and the spawn of this one
        *ticks = std::max(*ticks, entry.span.begin_ticks);
        close(entry, *ticks, true);
        visitor_.ended(entry.life, LifeEnd::kLost, *ticks);
        entry.live = false;
    }
    if (!entry.live) {
        begin_unknown(entry, change.index, *ticks);
        *gap = true;
    }
    *ticks = std::max(*ticks, entry.span.begin_ticks);
    entry.sequence = sequence;
    entry.sequence_known = true;
    return &entry;
}

Waker SpanFollower::waker_of(const wire::DecodedEvent& event, std::uint32_t worker) const {
    Waker waker;
    waker.cause = static_cast<wire::WakeCause>(wire::high8(event.argument) % wire::kWakeCausesCount);
    waker.worker = worker;
    const bool by_coroutine = waker.cause != wire::WakeCause::kTimer &&
                              waker.cause != wire::WakeCause::kSignal &&
                              waker.cause != wire::WakeCause::kOutside;
    if (!by_coroutine || !event.current_known || event.current == wire::kNone || worker == wire::kNone)
        return waker;
    if (const Life* life = life_at(event.current); life != nullptr) {
        waker.identity = life->identity;
        waker.index = life->index;
        waker.site = life->site;
    }
    return waker;
}

void SpanFollower::spawn(const wire::DecodedEvent& event, std::uint32_t worker, std::uint64_t ticks) {
    Entry& entry = entries_[event.object];
    const std::uint32_t sequence = wire::spawn_sequence(event);
    if (entry.sequence_known && !newer(sequence, entry.sequence)) return;
    if (entry.live) {
        ticks = std::max(ticks, entry.span.begin_ticks);
        close(entry, ticks, true);
        visitor_.ended(entry.life, LifeEnd::kLost, ticks);
    }
    Life life;
    life.identity = wire::spawn_identity(event);
    life.index = event.object;
    life.site = event.argument;
    life.name = wire::spawn_name(event);
    life.spawner = wire::spawn_spawner(event);
    life.spawned_on = worker;
    life.slot = wire::spawn_slot(event);
    life.pool = wire::spawn_pool(event);
    life.spawn_seen = true;
    life.begin_ticks = ticks;
    if (const Life* spawner = event.current_known && life.spawner != 0 ? life_at(event.current) : nullptr;
        spawner != nullptr && spawner->identity == life.spawner)
        life.spawner_site = spawner->site;
    entry.life = life;
    entry.sequence = sequence;
    entry.sequence_known = entry.live = true;
    visitor_.began(entry.life);
    Span span;
    span.activity = Activity::kReady;
    span.worker = worker;
    span.sequence = sequence;
    span.begin_ticks = ticks;
    open(entry, span);
}

// Every event but SPAWN that changes a coroutine.
void SpanFollower::change(const wire::DecodedEvent& event, std::uint32_t worker, std::uint64_t* ticks) {
    bool gap = false;
    Entry* entry = move_on(event, ticks, &gap);
    if (entry == nullptr) return;
    const Waker waker = event.type == EventType::kWake ? waker_of(event, worker) : Waker{};
    close(*entry, *ticks, gap);
    Span span;
    span.begin_ticks = *ticks;
    span.sequence = entry->sequence;
    span.worker = entry->span.worker;
    switch (event.type) {
        case EventType::kResume:
            span.activity = Activity::kRunning;
            span.worker = worker;
            break;
        case EventType::kSuspend:
            span.reason = reason_of_suspend(event);
            span.pc = event.ext48[0];
            span.activity = Activity::kBlocked;
            if (span.reason == WaitReason::kYield || span.reason == WaitReason::kPause) {
                span.activity = Activity::kReady;
                break;
            }
            span.awaited = directory_.awaited(span.reason, event.object);
            if (const Life* joined = span.reason == WaitReason::kJoin ? life_at(event.object) : nullptr;
                joined != nullptr)
                span.awaited.identity = joined->identity;
            break;
        case EventType::kWake:
            visitor_.woken(entry->life, waker, *ticks);
            span.activity = Activity::kReady;
            span.woken = true;
            span.waker = waker;
            break;
        case EventType::kPause:
            span.activity = Activity::kBlocked;
            span.reason = WaitReason::kPause;
            span.awaited = directory_.awaited(span.reason, wire::kNone);
            break;
        case EventType::kExit:
            entry->live = false;
            visitor_.ended(entry->life, end_of_exit(event), *ticks);
            return;
        default:
            span.activity = Activity::kReady;
            break;
    }
    open(*entry, span);
}

std::uint64_t SpanFollower::take(const wire::DecodedEvent& event, wire::RingOwner owner,
                                 std::uint32_t owner_index, std::uint64_t ticks) {
    const std::uint32_t worker = owner == wire::RingOwner::kWorker ? owner_index : wire::kNone;
    const Change change_to = change_of(event);
    if (const Entry* entry = change_to.index == wire::kNone ? nullptr : entries_.find(change_to.index);
        entry != nullptr && entry->live && entry->sequence_known &&
        newer(widen(change_to.sequence24, entry->sequence), entry->sequence))
        ticks = std::max(ticks, entry->span.begin_ticks);
    directory_.take(event);
    const bool has_current = event.current_known && event.current != wire::kNone;
    visitor_.event({event, owner, owner_index, ticks, has_current ? life_at(event.current) : nullptr});
    if (event.type == EventType::kSpawn) {
        spawn(event, worker, ticks);
    } else {
        change(event, worker, &ticks);
    }
    return ticks;
}

void SpanFollower::finish(std::uint64_t end_ticks, const inspect::StateImage* state) {
    entries_.for_each([&](std::uint32_t index, Entry& entry) {
        if (!entry.live) return;
        bool known = true;
        if (state != nullptr) {
            const inspect::CoroutineImage* row = state->coroutine_at(index);
            known = row != nullptr && row->identity == entry.life.identity &&
                    row->sequence == entry.sequence && row->consistency != inspect::Consistency::kUnknown;
        }
        entry.span.reaches_end = known;
        close(entry, end_ticks, !known);
        entry.live = false;
        visitor_.ended(entry.life, known ? LifeEnd::kAlive : LifeEnd::kLost, entry.span.end_ticks);
    });
}

}  // namespace coroscope::analyses
