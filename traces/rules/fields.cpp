// See fields.h.
#include "traces/rules/fields.h"

#include <algorithm>

namespace coroscope::rules {
namespace {

using wire::EventType;

const Objects& objects_of(const Operand& operand, const Scope& scope) {
    return operand.reference == Operand::kSubject ? scope.subject : scope.references[operand.reference];
}

template <typename T>
Span exactly(T value) {
    return {Span::Known::kExactly, static_cast<double>(value)};
}

// Since when a coroutine is in this state, as a length of time.
Span lasting(const inspect::CoroutineImage& coroutine, wire::CoroutineState state, const Scope& scope) {
    if (coroutine.state != state || coroutine.since_ticks == 0) return {};
    const std::uint64_t now = std::max(scope.now_ticks, coroutine.since_ticks);
    return exactly(static_cast<double>(now - coroutine.since_ticks) * scope.ns_per_tick);
}

Span of_event(FieldId field, const EventFacts& facts) {
    const wire::DecodedEvent& event = *facts.event;
    switch (field) {
        case FieldId::kEventTime:
            return exactly(facts.time_ns);
        case FieldId::kEventWorker:
            return facts.worker == wire::kNone ? Span{} : exactly(facts.worker);
        case FieldId::kEventId:
            return facts.identity == 0 ? Span{} : exactly(facts.identity);
        case FieldId::kEventHighWater:
            return event.type == EventType::kExit ? exactly(event.ext64[0]) : Span{};
        case FieldId::kEventBlocked:
            return facts.blocked;
        case FieldId::kEventReady:
            return facts.ready;
        case FieldId::kEventRun:
            return facts.run;
        case FieldId::kEventCount:
            if (event.type == EventType::kSteal) return exactly(event.argument);
            return event.type == EventType::kInject || event.type == EventType::kPoolTrim ||
                           event.type == EventType::kLoss
                       ? exactly(event.object)
                       : Span{};
        default:
            return {};
    }
}

Span of_coroutine(FieldId field, const inspect::CoroutineImage* coroutine, const Scope& scope) {
    if (coroutine == nullptr) return {};
    if (field == FieldId::kCoroutineId) return exactly(coroutine->identity);
    if (coroutine->consistency == inspect::Consistency::kUnknown) return {};
    switch (field) {
        case FieldId::kCoroutineWorker:
            return exactly(coroutine->worker);
        case FieldId::kCoroutineSpawner:
            return exactly(coroutine->spawner);
        case FieldId::kCoroutineHighWater:
            return coroutine->high_water_bytes == 0 ? Span{} : exactly(coroutine->high_water_bytes);
        case FieldId::kCoroutineBlocked:
            return lasting(*coroutine, wire::CoroutineState::kParked, scope);
        case FieldId::kCoroutineReady:
            return lasting(*coroutine, wire::CoroutineState::kReady, scope);
        case FieldId::kCoroutineRun:
            return lasting(*coroutine, wire::CoroutineState::kRunning, scope);
        case FieldId::kCoroutineCancelled:
            return exactly((coroutine->flags & wire::kCoroutineCancelRequested) != 0 ? 1 : 0);
        default:
            return {};
    }
}

Span of_channel(FieldId field, const inspect::ChannelImage* channel) {
    if (channel == nullptr) return {};
    if (field == FieldId::kChannelId) return exactly(channel->identity);
    if (field == FieldId::kChannelCap) return exactly(channel->capacity);
    if (channel->consistency == inspect::Consistency::kUnknown) return {};
    switch (field) {
        case FieldId::kChannelLen:
            return exactly(channel->length);
        case FieldId::kChannelSenders:
            return exactly(channel->senders_waiting);
        case FieldId::kChannelReceivers:
            return exactly(channel->receivers_waiting);
        case FieldId::kChannelSent:
            return exactly(channel->sent);
        case FieldId::kChannelReceived:
            return exactly(channel->received);
        case FieldId::kChannelClosed:
            return exactly(channel->closed ? 1 : 0);
        default:
            return {};
    }
}

Span of_pool(FieldId field, const PoolFacts* pool) {
    if (pool == nullptr) return {};
    switch (field) {
        case FieldId::kPoolSlots:
            return exactly(pool->slots);
        case FieldId::kPoolUsed:
            return exactly(pool->used);
        case FieldId::kPoolFree:
            return exactly(pool->slots > pool->used ? pool->slots - pool->used : 0);
        case FieldId::kPoolSlotBytes:
            return exactly(pool->slot_bytes);
        default:
            return {};
    }
}

Span of_worker(FieldId field, const inspect::WorkerImage* worker) {
    if (worker == nullptr) return {};
    switch (field) {
        case FieldId::kWorkerIndex:
            return exactly(worker->index);
        case FieldId::kWorkerReady:
            return exactly(worker->ready_length);
        case FieldId::kWorkerSpawned:
            return exactly(worker->spawned);
        case FieldId::kWorkerSwitches:
            return exactly(worker->switches);
        default:
            return {};
    }
}

Span of_lock(FieldId field, const inspect::WaitableImage* lock) {
    if (lock == nullptr) return {};
    if (field == FieldId::kLockId) return exactly(lock->identity);
    if (field == FieldId::kLockLimit) return exactly(lock->limit);
    if (lock->consistency == inspect::Consistency::kUnknown) return {};
    switch (field) {
        case FieldId::kLockOwner:
            return exactly(lock->owner);
        case FieldId::kLockValue:
            return exactly(lock->value);
        case FieldId::kLockWaiting:
            return exactly(lock->waiting + lock->threads_waiting);
        default:
            return {};
    }
}

int of_event_word(FieldId field, const EventFacts& facts, const Scope& scope) {
    const wire::DecodedEvent& event = *facts.event;
    const std::uint8_t detail = wire::high8(event.argument);
    switch (field) {
        case FieldId::kEventType:
            return static_cast<int>(event.type);
        case FieldId::kEventClass:
            return static_cast<int>(scope.names->size_class(facts.pool));
        case FieldId::kEventWait:
            return event.type == EventType::kSuspend ? detail : -1;
        case FieldId::kEventCause:
            return event.type == EventType::kWake ? detail : -1;
        case FieldId::kEventStatus:
            return event.type == EventType::kExit ? detail : -1;
        default:
            return -1;
    }
}

// What texts are interned as, apart by what their numbers count.
enum class KeySpace : std::uint64_t { kString = 1, kSiteName, kSite, kFunction };
std::uint64_t key_of(KeySpace space, std::uint32_t number) {
    return static_cast<std::uint64_t>(space) << 32 | number;
}

bool name_text(const Names& names, std::uint32_t name, std::uint32_t site, std::string_view* text,
               std::uint64_t* key) {
    *key = name != wire::kNone ? key_of(KeySpace::kString, name) : key_of(KeySpace::kSiteName, site);
    return names.coroutine(name, site, text);
}

// A name that nobody gave is a text, too: the empty one.
bool own_text(const Names& names, std::uint32_t name, std::string_view* text, std::uint64_t* key) {
    *key = key_of(KeySpace::kString, name);
    if (name == wire::kNone) *text = {};
    return name == wire::kNone || names.text(name, text);
}

}  // namespace

Span number_of(const Operand& operand, const Scope& scope) {
    if (operand.field == FieldId::kNothing) return exactly(operand.constant);
    const Kind kind = field_of(operand.field).kind;
    if (kind == Kind::kEvent) return scope.event == nullptr ? Span{} : of_event(operand.field, *scope.event);
    const Objects& objects = objects_of(operand, scope);
    switch (kind) {
        case Kind::kCoroutine:
            return of_coroutine(operand.field, objects.coroutine, scope);
        case Kind::kChannel:
            return of_channel(operand.field, objects.channel);
        case Kind::kPool:
            return of_pool(operand.field, objects.pool);
        case Kind::kWorker:
            return of_worker(operand.field, objects.worker);
        case Kind::kLock:
            return of_lock(operand.field, objects.lock);
        case Kind::kEvent:
            break;
    }
    return {};
}

int word_code_of(const Operand& operand, const Scope& scope) {
    if (field_of(operand.field).kind == Kind::kEvent)
        return scope.event == nullptr ? -1 : of_event_word(operand.field, *scope.event, scope);
    const Objects& objects = objects_of(operand, scope);
    const inspect::CoroutineImage* coroutine = objects.coroutine;
    if (coroutine != nullptr && coroutine->consistency == inspect::Consistency::kUnknown) coroutine = nullptr;
    switch (operand.field) {
        case FieldId::kCoroutineState:
            return coroutine == nullptr ? -1 : static_cast<int>(coroutine->state);
        case FieldId::kCoroutineWait:
            return coroutine == nullptr ? -1 : static_cast<int>(coroutine->reason);
        case FieldId::kCoroutineClass:
            return objects.coroutine == nullptr
                       ? -1
                       : static_cast<int>(scope.names->size_class(objects.coroutine->pool));
        case FieldId::kPoolClass:
            return objects.pool == nullptr ? -1 : static_cast<int>(objects.pool->size_class);
        case FieldId::kPoolPurpose:
            return objects.pool == nullptr ? -1 : static_cast<int>(objects.pool->purpose);
        case FieldId::kWorkerState:
            return objects.worker == nullptr ? -1 : static_cast<int>(objects.worker->state);
        case FieldId::kLockKind:
            return objects.lock == nullptr ? -1 : static_cast<int>(objects.lock->kind);
        default:
            return -1;
    }
}

bool text_of(const Operand& operand, const Scope& scope, std::string_view* text, std::uint64_t* key) {
    const Names& names = *scope.names;
    std::uint32_t name = wire::kNone, site = wire::kNone;
    FieldId field = operand.field;
    if (field_of(field).kind == Kind::kEvent) {
        if (scope.event == nullptr || scope.event->identity == 0) return false;
        name = scope.event->name;
        site = scope.event->site;
    } else {
        const Objects& objects = objects_of(operand, scope);
        if (field == FieldId::kChannelName)
            return objects.channel != nullptr && own_text(names, objects.channel->name, text, key);
        if (field == FieldId::kLockName)
            return objects.lock != nullptr && own_text(names, objects.lock->name, text, key);
        if (objects.coroutine == nullptr) return false;
        name = objects.coroutine->name;
        site = objects.coroutine->site;
    }
    switch (field) {
        case FieldId::kEventName:
        case FieldId::kCoroutineName:
            return name_text(names, name, site, text, key);
        case FieldId::kEventSite:
        case FieldId::kCoroutineSite:
            *key = key_of(KeySpace::kSite, site);
            return names.site(site, text);
        case FieldId::kEventFunction:
        case FieldId::kCoroutineFunction:
            *key = key_of(KeySpace::kFunction, site);
            return names.function(site, text);
        default:
            return false;
    }
}

}  // namespace coroscope::rules
