// See state_cursor.h.
#include "traces/rules/state_cursor.h"

#include <utility>

#include "traces/rules/state_view.h"

namespace coroscope::rules {
namespace {

using wire::EventType;

constexpr std::uint32_t kMore = 1, kLess = 0xffffffffU;  // added to counts that wrap

bool is_channel(wire::WaitReason reason) {
    return reason == wire::WaitReason::kChannelSend || reason == wire::WaitReason::kChannelReceive;
}

bool is_of_channel(EventType type) {
    return type >= EventType::kChannelCreate && type <= EventType::kSelectArm;
}
bool is_of_lock(EventType type) {
    return type >= EventType::kLockAcquire && type <= EventType::kWaitableDestroy;
}

// Whose record an event changes; kNone: nobody's.
std::uint32_t changed_coroutine(const wire::DecodedEvent& event) {
    switch (event.type) {
        case EventType::kSpawn:
        case EventType::kResume:
        case EventType::kWake:
        case EventType::kExit:
        case EventType::kPause:
        case EventType::kUnpause:
            return event.object;
        case EventType::kSuspend:
            return event.current_known ? event.current : wire::kNone;
        default:
            return wire::kNone;
    }
}

}  // namespace

StateCursor::StateCursor(inspect::StateImage keyframe, const Rule& rule, const Names& names, std::uint32_t mask)
    : rule_(rule),
      names_(names),
      keyframe_begin_ticks_(keyframe.read_begin_ticks),
      pools_(pool_facts(keyframe)),
      told_counts_((mask & wire::kCategoryPool) != 0),
      found_(rule.references().size()),
      references_(rule.references().size()),
      model_(inspect::StateImage(keyframe), mask) {
    slots_.resize(pools_.size());
    for (std::size_t pool = 0; pool < pools_.size(); ++pool) {
        pools_[pool].used = 0;
        const auto& slabs = keyframe.pools[pool].slabs;
        for (std::size_t slot = 0; slot < slabs.size() * wire::kSlotsPerSlab; ++slot) {
            const std::uint64_t word = slabs[slot / wire::kSlotsPerSlab].used[slot % wire::kSlotsPerSlab / 64];
            if ((word >> slot % 64 & 1) != 0)
                use_slot(static_cast<std::uint32_t>(pool), static_cast<std::uint32_t>(slot), kTold, true);
        }
    }
    for (const inspect::CoroutineImage& row : keyframe.coroutines) {
        count(row.index, kMore);
        meet(Kind::kCoroutine, row.index, row.identity, keyframe.text(row.name));
    }
    for (const inspect::StackSegmentImage& segment : keyframe.stack_segments)
        use_slot(segment.pool, segment.slot, kOwned, true);
    for (const inspect::ChannelImage& row : keyframe.channels)
        meet(Kind::kChannel, row.index, row.identity, keyframe.text(row.name));
    for (const inspect::WaitableImage& row : keyframe.waitables)
        meet(Kind::kLock, row.index, row.identity, keyframe.text(row.name));
    for (std::size_t i = 0; i < found_.size(); ++i) {
        const Reference& reference = rule_.references()[i];
        if (reference.kind == Kind::kWorker) found_[i].index = static_cast<std::uint32_t>(reference.number);
        if (reference.kind == Kind::kPool)
            found_[i].index = static_cast<std::uint32_t>(find_pool(pools_, reference));
    }
}

void StateCursor::use_slot(std::uint32_t pool, std::uint32_t slot, Use by, bool used) {
    touch(Kind::kPool, pool);
    if (pool >= pools_.size() || (by == kTold && !told_counts_)) return;
    std::uint8_t& uses = slots_[pool][slot];
    const bool before = uses != 0;
    uses = static_cast<std::uint8_t>(used ? uses | by : uses & ~by);
    if ((uses != 0) != before) pools_[pool].used += used ? 1 : ~std::uint64_t{0};
}

void StateCursor::forget_told_slots() {
    told_counts_ = false;
    for (std::size_t pool = 0; pool < pools_.size(); ++pool) {
        slots_[pool].for_each([&](std::uint32_t, std::uint8_t& uses) {
            if (uses == kTold) --pools_[pool].used;
            uses &= kOwned;
        });
    }
}

void StateCursor::count_wait(wire::WaitReason reason, std::uint32_t object, std::uint32_t by) {
    if (wire::waits_for_waitable(reason)) {
        touch(Kind::kLock, object);
        lock_waiting_[object].others += by;
    }
    if (is_channel(reason)) touch(Kind::kChannel, object);
    if (reason == wire::WaitReason::kChannelSend) channel_waiting_[object].senders += by;
    if (reason == wire::WaitReason::kChannelReceive) channel_waiting_[object].receivers += by;
}

void StateCursor::lose(std::uint64_t until_ticks) {
    model_.lose(until_ticks);
    if (told_counts_) forget_told_slots();
    if (until_ticks >= keyframe_begin_ticks_) pools_known_ = false;
}

// What this coroutine takes up as its record stands: its slot, its place in wait lists.
void StateCursor::count(std::uint32_t coroutine, std::uint32_t by) {
    const inspect::CoroutineImage* row = model_.coroutine_now(coroutine);
    if (row == nullptr) return;
    use_slot(row->pool, row->slot, kOwned, by == kMore);
    if (row->state != wire::CoroutineState::kParked) return;
    count_wait(row->reason, row->wait_object, by);
    if (row->reason != wire::WaitReason::kSelect) return;
    for (const inspect::SelectArmImage& arm : model_.arms_now(coroutine))
        count_wait(arm.receives ? wire::WaitReason::kChannelReceive : wire::WaitReason::kChannelSend,
                   arm.channel, by);
}

void StateCursor::meet(Kind kind, std::uint32_t index, std::uint64_t identity, std::string_view name) {
    for (std::size_t i = 0; i < found_.size(); ++i) {
        const Reference& reference = rule_.references()[i];
        if (reference.kind != kind || !is_meant(reference, identity, name) || identity < found_[i].identity)
            continue;
        found_[i].index = index;
        found_[i].identity = identity;
    }
}

// Objects that are made now may be those that the rule names.
void StateCursor::learn(const wire::DecodedEvent& event) {
    if (found_.empty()) return;
    std::string_view name;
    switch (event.type) {
        case EventType::kSpawn:
            if (!names_.text(wire::spawn_name(event), &name)) name = {};
            meet(Kind::kCoroutine, event.object, wire::spawn_identity(event), name);
            break;
        case EventType::kChannelCreate:
        case EventType::kWaitableCreate:
            if (!names_.text(static_cast<std::uint32_t>(event.ext64[0]), &name)) name = {};
            meet(event.type == EventType::kChannelCreate ? Kind::kChannel : Kind::kLock, event.object,
                 event.ext48[0], name);
            break;
        default:
            break;
    }
}

void StateCursor::apply(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index) {
    const std::uint32_t coroutine = changed_coroutine(event);
    touched_.clear();
    if (coroutine != wire::kNone) touch(Kind::kCoroutine, coroutine);
    if (is_of_channel(event.type)) touch(Kind::kChannel, event.object);
    if (is_of_lock(event.type)) touch(Kind::kLock, event.object);
    if (owner == wire::RingOwner::kWorker) touch(Kind::kWorker, owner_index);
    const bool of_worker = owner == wire::RingOwner::kWorker && owner_index < wire::kWorkersMax;
    if (coroutine != wire::kNone) count(coroutine, kLess);
    if (event.type == EventType::kPoolFree) {
        if (of_worker && model_.segment_now(event.argument, event.object))
            use_slot(event.argument, event.object, kOwned, false);
        use_slot(event.argument, event.object, kTold, false);
    }
    if (event.type == EventType::kPoolAllocate) use_slot(event.argument, event.object, kTold, true);
    model_.apply(event, owner, owner_index);
    if (coroutine != wire::kNone) count(coroutine, kMore);
    if (of_worker && event.type == EventType::kPoolAllocate) {
        if (allocated_.size() <= owner_index) allocated_.resize(owner_index + 1);
        allocated_[owner_index] = {event.argument, event.object};
    }
    const auto form = static_cast<wire::MigrationForm>(event.argument >> 16 & 0xff);
    if (of_worker && event.type == EventType::kMigrate && form != wire::MigrationForm::kInPlace &&
        owner_index < allocated_.size())
        use_slot(allocated_[owner_index].pool, allocated_[owner_index].slot, kOwned, true);
    if (event.type == EventType::kPoolGrow && event.argument < pools_.size()) {
        touch(Kind::kPool, event.argument);
        if (const inspect::PoolImage* pool = model_.pool_now(event.argument); pool != nullptr)
            pools_[event.argument].slots = pool->slots();
    }
    learn(event);
}

void StateCursor::refresh(Found& found, Kind kind) {
    found.objects = {};
    if (found.index == wire::kNone) return;
    switch (kind) {
        case Kind::kCoroutine:
            found.objects.coroutine = model_.coroutine_now(found.index);
            break;
        case Kind::kChannel:
            if (const inspect::ChannelImage* row = model_.channel_now(found.index); row != nullptr) {
                found.channel = *row;
                found.channel.length = static_cast<std::uint32_t>(row->sent - row->received);
                const Waiting* waiting = channel_waiting_.find(found.index);
                found.channel.senders_waiting = waiting == nullptr ? 0 : waiting->senders;
                found.channel.receivers_waiting = waiting == nullptr ? 0 : waiting->receivers;
                found.objects.channel = &found.channel;
            }
            break;
        case Kind::kLock:
            if (const inspect::WaitableImage* row = model_.waitable_now(found.index); row != nullptr) {
                found.lock = *row;
                const Waiting* waiting = lock_waiting_.find(found.index);
                found.lock.waiting = waiting == nullptr ? 0 : waiting->others;
                found.objects.lock = &found.lock;
            }
            break;
        case Kind::kWorker:
            found.objects.worker = model_.worker_now(found.index);
            break;
        case Kind::kPool:
            if (pools_known_ && found.index < pools_.size()) found.objects.pool = &pools_[found.index];
            break;
        case Kind::kEvent:
            break;
    }
}

const Objects* StateCursor::references() {
    for (std::size_t i = 0; i < found_.size(); ++i) {
        const Reference& reference = rule_.references()[i];
        refresh(found_[i], reference.kind);
        references_[i] = found_[i].objects;
        // The record is another object's by now.
        const Objects& now = references_[i];
        if ((now.coroutine != nullptr && now.coroutine->identity != found_[i].identity) ||
            (now.channel != nullptr && now.channel->identity != found_[i].identity) ||
            (now.lock != nullptr && now.lock->identity != found_[i].identity))
            references_[i] = {};
    }
    return references_.data();
}

Objects StateCursor::object(Kind kind, std::uint32_t index) {
    subject_.index = index;
    refresh(subject_, kind);
    return subject_.objects;
}

Objects StateCursor::objects_of(const EventFacts& facts) {
    const wire::DecodedEvent& event = *facts.event;
    Objects objects;
    if (facts.coroutine != wire::kNone) objects.coroutine = model_.coroutine_now(facts.coroutine);
    objects.worker = facts.worker == wire::kNone ? nullptr : model_.worker_now(facts.worker);
    std::uint32_t channel = wire::kNone, lock = wire::kNone, pool = facts.pool;
    if (is_of_channel(event.type)) channel = event.object;
    if (is_of_lock(event.type)) lock = event.object;
    if (event.type >= EventType::kPoolAllocate && event.type <= EventType::kPoolTrim) pool = event.argument;
    if (event.type == EventType::kSuspend) {
        const auto reason = static_cast<wire::WaitReason>(wire::high8(event.argument));
        if (is_channel(reason)) channel = event.object;
        if (wire::waits_for_waitable(reason)) lock = event.object;
    }
    subject_.index = channel;
    refresh(subject_, Kind::kChannel);
    objects.channel = subject_.objects.channel;
    subject_.index = lock;
    refresh(subject_, Kind::kLock);
    objects.lock = subject_.objects.lock;
    objects.pool = pools_known_ && pool < pools_.size() ? &pools_[pool] : nullptr;
    return objects;
}

}  // namespace coroscope::rules
