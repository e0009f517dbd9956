// See rule_values.h.
#include "instrumentation/emit/rule_values.h"

#include <algorithm>
#include <bit>

#include "instrumentation/wire/pool.h"

namespace coroscope::emit {
namespace {

using wire::EventType;
using wire::RuleField;
using wire::RuleKind;
using wire::SectionKind;
using wire::WaitReason;

constexpr auto kRelaxed = std::memory_order_relaxed;

template <typename T>
RuleValue known(T value) {
    return {true, static_cast<double>(value)};
}

bool is_of_channel(EventType type) {
    return type >= EventType::kChannelCreate && type <= EventType::kSelectArm;
}
bool is_of_lock(EventType type) {
    return type >= EventType::kLockAcquire && type <= EventType::kWaitableDestroy;
}
bool is_of_pool(EventType type) {
    return type >= EventType::kPoolAllocate && type <= EventType::kPoolTrim;
}

std::uint32_t slots_of(const wire::PoolRecord& pool, const wire::SlabRecord& slab) {
    if (pool.purpose != wire::PoolPurpose::kLocal) return wire::kSlotsPerSlab;
    if (slab.stack_base == 0 || pool.stride_bytes == 0) return 0;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(slab.stack_bytes / pool.stride_bytes, wire::kSlotsPerSlab));
}

std::uint64_t used_in(const wire::SlabRecord& slab) {
    std::uint64_t used = 0;
    for (std::uint32_t word = 0; word < wire::kSlabWords; ++word) {
        const std::uint64_t owned = slab.owned[word].load(kRelaxed);
        used += static_cast<std::uint64_t>(std::popcount(owned & ~slab.remote[word].load(kRelaxed)));
    }
    return used;
}

}  // namespace

StatePlane::StatePlane(StateSegment& state)
    : segment(&state),
      coroutines(state.records<wire::CoroutineRecord>(SectionKind::kCoroutines)),
      details(state.records<wire::CoroutineDetail>(SectionKind::kCoroutineDetails)),
      channels(state.records<wire::ChannelRecord>(SectionKind::kChannels)),
      waitables(state.records<wire::WaitableRecord>(SectionKind::kWaitables)),
      workers(state.records<wire::WorkerRecord>(SectionKind::kWorkers)),
      pools(state.records<wire::PoolRecord>(SectionKind::kPools)),
      ns_per_tick(state.header().clock.ticks_per_ns() > 0 ? 1 / state.header().clock.ticks_per_ns() : 0) {}

std::uint32_t coroutine_of(const Happened& event) {
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
            return wire::kNone;
        case EventType::kSignal:
            return event.argument;
        case EventType::kChannelSend:
        case EventType::kChannelReceive:
            if ((wire::high8(event.argument) & wire::kOtherParty) != 0) return event.other_party;
            return event.current;
        default:
            return event.current;
    }
}

RuleValues::RuleValues(const StatePlane& plane, const wire::RuleProgram& program, const Happened& event,
                       std::uint32_t coroutine, const RuleSpans& spans)
    : plane_(plane), program_(program), event_(event), coroutine_(coroutine), spans_(spans) {
    if (coroutine_ == wire::kNone || !plane_.has(SectionKind::kCoroutineDetails, coroutine_) ||
        !plane_.has(SectionKind::kCoroutines, coroutine_))
        return;
    const wire::CoroutineDetail& about = plane_.details[coroutine_];
    identity_ = about.identity.load(kRelaxed);
    if (identity_ == 0) return;
    site_ = about.site.load(kRelaxed);
    name_ = about.name.load(kRelaxed);
    pool_ = plane_.coroutines[coroutine_].pool;
}

std::uint32_t RuleValues::subject(RuleKind kind) const {
    const auto reason = static_cast<WaitReason>(wire::high8(event_.argument));
    const bool suspends = event_.type == EventType::kSuspend;
    switch (kind) {
        case RuleKind::kCoroutine:
            return identity_ == 0 || event_.type == EventType::kExit ? wire::kNone : coroutine_;
        case RuleKind::kWorker:
            return event_.worker;
        case RuleKind::kChannel:
            if (is_of_channel(event_.type)) return event_.object;
            return suspends && (reason == WaitReason::kChannelSend || reason == WaitReason::kChannelReceive)
                       ? event_.object
                       : wire::kNone;
        case RuleKind::kLock:
            if (is_of_lock(event_.type)) return event_.object;
            return suspends && wire::waits_for_waitable(reason) ? event_.object : wire::kNone;
        case RuleKind::kPool:
            return is_of_pool(event_.type) ? event_.argument : pool_;
        case RuleKind::kEvent:
            break;
    }
    return wire::kNone;
}

std::uint32_t RuleValues::record(RuleKind kind, std::uint8_t object) const {
    const bool is_subject = object == wire::kRuleSubject;
    const wire::RuleReference* meant = is_subject ? nullptr : &program_.references[object];
    const std::uint32_t index = is_subject ? subject(kind) : meant->index;
    const auto still = [&](std::uint64_t identity) {
        return identity != 0 && (is_subject || identity == meant->identity);
    };
    bool there = index != wire::kNone;
    switch (kind) {
        case RuleKind::kCoroutine:
            there = there && plane_.has(SectionKind::kCoroutines, index) &&
                    plane_.has(SectionKind::kCoroutineDetails, index) &&
                    still(plane_.details[index].identity.load(kRelaxed));
            if (there && plane_.coroutines[index].state.load(kRelaxed) == wire::CoroutineState::kFree)
                there = false;
            break;
        case RuleKind::kChannel:
            there = there && plane_.has(SectionKind::kChannels, index) &&
                    still(plane_.channels[index].identity.load(kRelaxed)) &&
                    (plane_.channels[index].flags.load(kRelaxed) & wire::kChannelLive) != 0;
            break;
        case RuleKind::kLock:
            there = there && plane_.has(SectionKind::kWaitables, index) &&
                    still(plane_.waitables[index].identity.load(kRelaxed)) &&
                    plane_.waitables[index].kind.load(kRelaxed) != wire::WaitableKind::kFree;
            break;
        case RuleKind::kPool:
            there = there && index < wire::kPoolsMax && plane_.has(SectionKind::kPools, index);
            break;
        case RuleKind::kWorker:
            there = there && plane_.has(SectionKind::kWorkers, index);
            break;
        case RuleKind::kEvent:
            there = false;
            break;
    }
    return there ? index : wire::kNone;
}

RuleValue RuleValues::time(std::uint64_t ticks) const {
    return ticks == wire::kNotMeasured ? RuleValue{} : known(static_cast<double>(ticks) * plane_.ns_per_tick);
}

RuleValue RuleValues::of_event(RuleField field) const {
    switch (field) {
        case RuleField::kEventTime: {
            const auto since = static_cast<std::int64_t>(event_.ticks - plane_.segment->header().start_ticks);
            return known(static_cast<double>(since) * plane_.ns_per_tick);
        }
        case RuleField::kEventWorker:
            return event_.worker == wire::kNone ? RuleValue{} : known(event_.worker);
        case RuleField::kEventId:
            return identity_ == 0 ? RuleValue{} : known(identity_);
        case RuleField::kEventHighWater:
            return event_.type == EventType::kExit ? known(event_.words[1]) : RuleValue{};
        case RuleField::kEventBlocked:
            return time(spans_.blocked);
        case RuleField::kEventReady:
            return time(spans_.ready);
        case RuleField::kEventRun:
            return time(spans_.run);
        case RuleField::kEventCount:
            if (event_.type == EventType::kSteal) return known(event_.argument);
            return event_.type == EventType::kInject || event_.type == EventType::kPoolTrim
                       ? known(event_.object)
                       : RuleValue{};
        default:
            return {};
    }
}

RuleValue RuleValues::of_coroutine(RuleField field, std::uint32_t index) const {
    const wire::CoroutineDetail& about = plane_.details[index];
    switch (field) {
        case RuleField::kCoroutineId:
            return known(about.identity.load(kRelaxed));
        case RuleField::kCoroutineWorker:
            return known(about.worker.load(kRelaxed));
        case RuleField::kCoroutineSpawner:
            return known(about.spawner.load(kRelaxed));
        case RuleField::kCoroutineHighWater: {
            const std::uint32_t bytes = about.high_water_bytes.load(kRelaxed);
            return bytes == 0 ? RuleValue{} : known(bytes);
        }
        case RuleField::kCoroutineCancelled:
            return known((plane_.coroutines[index].flags.load(kRelaxed) & wire::kCoroutineCancelRequested) != 0
                             ? 1
                             : 0);
        default:
            return {};
    }
}

RuleValue RuleValues::of_channel(RuleField field, std::uint32_t index) const {
    const wire::ChannelRecord& channel = plane_.channels[index];
    switch (field) {
        case RuleField::kChannelId:
            return known(channel.identity.load(kRelaxed));
        case RuleField::kChannelLength:
            return known(channel.length.load(kRelaxed));
        case RuleField::kChannelCapacity:
            return known(channel.capacity);
        case RuleField::kChannelSenders:
            return known(channel.senders_waiting.load(kRelaxed));
        case RuleField::kChannelReceivers:
            return known(channel.receivers_waiting.load(kRelaxed));
        case RuleField::kChannelSent:
            return known(channel.sent.load(kRelaxed));
        case RuleField::kChannelReceived:
            return known(channel.received.load(kRelaxed));
        case RuleField::kChannelClosed:
            return known((channel.flags.load(kRelaxed) & wire::kChannelClosed) != 0 ? 1 : 0);
        default:
            return {};
    }
}

RuleValue RuleValues::of_pool(RuleField field, std::uint32_t index) const {
    const wire::PoolRecord& pool = plane_.pools[index];
    if (field == RuleField::kPoolSlotBytes) return known(pool.slot_bytes);
    const auto kind = static_cast<SectionKind>(static_cast<std::uint32_t>(SectionKind::kSlabsFirst) + index);
    const auto* slabs = plane_.segment->records<wire::SlabRecord>(kind);
    std::uint64_t slots = 0, used = 0;
    for (std::uint32_t slab = 0; plane_.has(kind, slab); ++slab) {
        slots += slots_of(pool, slabs[slab]);
        if (field != RuleField::kPoolSlots) used += used_in(slabs[slab]);
    }
    // These two are told before the slot is given back.
    const bool given = (event_.type == EventType::kPoolFree && event_.argument == index) ||
                       (event_.type == EventType::kExit && pool_ == index);
    if (given && used != 0) --used;
    if (field == RuleField::kPoolSlots) return known(slots);
    return known(field == RuleField::kPoolUsed ? used : slots > used ? slots - used : 0);
}

RuleValue RuleValues::of_worker(RuleField field, std::uint32_t index) const {
    const wire::WorkerRecord& worker = plane_.workers[index];
    switch (field) {
        case RuleField::kWorkerIndex:
            return known(index);
        case RuleField::kWorkerReady:
            return known(worker.ready_length.load(kRelaxed));
        case RuleField::kWorkerSpawned:
            return known(worker.spawned.load(kRelaxed));
        case RuleField::kWorkerSwitches:
            return known(worker.switches.load(kRelaxed));
        default:
            return {};
    }
}

RuleValue RuleValues::of_lock(RuleField field, std::uint32_t index) const {
    const wire::WaitableRecord& lock = plane_.waitables[index];
    switch (field) {
        case RuleField::kLockId:
            return known(lock.identity.load(kRelaxed));
        case RuleField::kLockOwner:
            return known(lock.owner.load(kRelaxed));
        case RuleField::kLockValue:
            return known(lock.value.load(kRelaxed));
        case RuleField::kLockLimit:
            return known(lock.limit);
        case RuleField::kLockWaiting:
            return known(std::uint64_t{lock.waiting.load(kRelaxed)} + lock.threads_waiting.load(kRelaxed));
        default:
            return {};
    }
}

RuleValue RuleValues::number(RuleField field, std::uint8_t object) const {
    const RuleKind kind = wire::rule_kind(field);
    if (kind == RuleKind::kEvent) return of_event(field);
    const std::uint32_t index = record(kind, object);
    if (index == wire::kNone) return {};
    switch (kind) {
        case RuleKind::kCoroutine:
            return of_coroutine(field, index);
        case RuleKind::kChannel:
            return of_channel(field, index);
        case RuleKind::kPool:
            return of_pool(field, index);
        case RuleKind::kWorker:
            return of_worker(field, index);
        case RuleKind::kLock:
            return of_lock(field, index);
        case RuleKind::kEvent:
            break;
    }
    return {};
}

int RuleValues::class_of_pool(std::uint32_t pool) const {
    if (pool >= wire::kPoolsMax || !plane_.has(SectionKind::kPools, pool)) return -1;
    return static_cast<int>(plane_.pools[pool].size_class);
}

int RuleValues::code(RuleField field, std::uint8_t object) const {
    const int detail = wire::high8(event_.argument);
    switch (field) {
        case RuleField::kEventType:
            return static_cast<int>(event_.type);
        case RuleField::kEventClass:
            return class_of_pool(pool_);
        case RuleField::kEventWait:
            return event_.type == EventType::kSuspend ? detail : -1;
        case RuleField::kEventCause:
            return event_.type == EventType::kWake ? detail : -1;
        case RuleField::kEventStatus:
            return event_.type == EventType::kExit ? detail : -1;
        default:
            break;
    }
    const std::uint32_t index = record(wire::rule_kind(field), object);
    if (index == wire::kNone) return -1;
    switch (field) {
        case RuleField::kCoroutineState:
            return static_cast<int>(plane_.coroutines[index].state.load(kRelaxed));
        case RuleField::kCoroutineWait:
            return static_cast<int>(plane_.coroutines[index].reason.load(kRelaxed));
        case RuleField::kCoroutineClass:
            return class_of_pool(plane_.coroutines[index].pool);
        case RuleField::kPoolClass:
            return class_of_pool(index);
        case RuleField::kPoolPurpose:
            return static_cast<int>(plane_.pools[index].purpose);
        case RuleField::kWorkerState:
            return static_cast<int>(plane_.workers[index].state.load(kRelaxed));
        case RuleField::kLockKind:
            return static_cast<int>(plane_.waitables[index].kind.load(kRelaxed));
        default:
            return -1;
    }
}

bool RuleValues::name(RuleField field, std::uint8_t object, Name* name) const {
    std::uint32_t index = coroutine_;
    if (wire::rule_kind(field) == RuleKind::kEvent) {
        if (identity_ == 0) return false;
    } else {
        index = record(wire::rule_kind(field), object);
        if (index == wire::kNone) return false;
    }
    switch (field) {
        case RuleField::kEventSite:
        case RuleField::kCoroutineSite:
            *name = {true, false, plane_.details[index].site.load(kRelaxed), wire::kNone};
            return true;
        case RuleField::kEventName:
        case RuleField::kCoroutineName:
            *name = {false, true, plane_.details[index].name.load(kRelaxed),
                     plane_.details[index].site.load(kRelaxed)};
            return true;
        case RuleField::kChannelName:
            *name = {false, false, plane_.channels[index].name, wire::kNone};
            return true;
        case RuleField::kLockName:
            *name = {false, false, plane_.waitables[index].name, wire::kNone};
            return true;
        default:
            return false;
    }
}

}  // namespace coroscope::emit
