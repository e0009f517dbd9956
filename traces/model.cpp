// Applying events; what is made of them at the end stands in model_finish.cpp.
#include "traces/model.h"

#include <algorithm>
#include <utility>

#include "traces/change_counts.h"
#include "traces/signal_counts.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

void forget_waker(inspect::CoroutineImage& image) {
    image.woken_ticks = image.woken_by = 0;
    image.woken_cause = wire::WakeCause::kCoroutine;
}

}  // namespace

Model::Model(inspect::StateImage keyframe, std::uint32_t mask)
    : image_(std::move(keyframe)),
      keyframe_begin_ticks_(image_.read_begin_ticks),
      keyframe_end_ticks_(image_.read_end_ticks),
      pools_told_((mask & wire::kCategoryPool) != 0) {
    for (inspect::CoroutineImage& row : image_.coroutines) {
        Coroutine& coroutine = coroutines_[row.index];
        coroutine.image = row;
        coroutine.base = coroutine.top = row.sequence;
        // Of a torn copy no field is known to belong to another: the next event begins anew.
        coroutine.sequence_known = row.consistency != inspect::Consistency::kTorn;
        coroutine.in_keyframe = coroutine.in_use = true;
        coroutine.identity_known = true;
    }
    for (inspect::ChannelImage& row : image_.channels) {
        Channel& channel = channels_[row.index];
        channel.image = row;
        channel.base = channel.top = row.operations;
        channel.operations_known = row.consistency != inspect::Consistency::kTorn;
        channel.in_keyframe = channel.live = true;
        channel.identity_known = true;
    }
    for (inspect::WaitableImage& row : image_.waitables) {
        Waitable& waitable = waitables_[row.index];
        waitable.image = row;
        waitable.base = waitable.top = row.operations;
        waitable.operations_known = row.consistency != inspect::Consistency::kTorn;
        waitable.in_keyframe = waitable.live = waitable.identity_known = true;
    }
    for (const inspect::StackSegmentImage& segment : image_.stack_segments)
        segments_[slot_key(segment.pool, segment.slot)] = segment.coroutine;
    for (const inspect::SelectArmImage& arm : image_.select_arms)
        coroutines_[arm.coroutine].arms.push_back(arm);
    image_.coroutines.clear();
    image_.select_arms.clear();
    image_.channels.clear();
    image_.waitables.clear();
}

void Model::lose(std::uint64_t until_ticks) {
    lost_any_ = true;
    if (until_ticks >= keyframe_begin_ticks_) lost_until_ticks_ = std::max(lost_until_ticks_, until_ticks);
}

void Model::apply(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index) {
    switch (event.type) {
        case EventType::kSpawn:
            spawn(event, owner, owner_index);
            break;
        case EventType::kResume:
            resume(event, owner_index);
            break;
        case EventType::kSuspend:
            suspend(event, owner_index);
            break;
        case EventType::kWake:
            wake(event, owner_index);
            break;
        case EventType::kExit:
            exit(event);
            break;
        case EventType::kPause:
        case EventType::kUnpause:
            if (event.object != wire::kNone) hold(event, event.type == EventType::kPause);
            break;
        case EventType::kChannelCreate:
        case EventType::kChannelSend:
        case EventType::kChannelReceive:
        case EventType::kChannelBlock:
        case EventType::kChannelClose:
        case EventType::kChannelDestroy:
            channel(event);
            break;
        case EventType::kSelectArm:
            channel(event);
            select_arm(event);
            break;
        case EventType::kLockAcquire:
        case EventType::kLockRelease:
        case EventType::kNotify:
        case EventType::kWaitableCreate:
        case EventType::kWaitableDestroy:
            waitable(event);
            break;
        case EventType::kLoss:
            lose(event.tsc);
            lost_since_resume_.insert(owner_index);
            break;
        case EventType::kSignal:
        case EventType::kSignalDropped:
        case EventType::kSignalHandled:
            if (event.tsc > keyframe_end_ticks_) count_signal(event, image_.signals);
            break;
        default:
            break;
    }
    worker(event, owner, owner_index);
}

// ---- coroutines

// A first event about a record of which no sequence is known. False when it is history that the keyframe has already forgotten: the
// coroutine was gone by then.
bool Model::begin_unseen(Coroutine& coroutine, std::uint32_t sequence, std::uint32_t step,
                         std::uint64_t ticks) {
    if (coroutine.sequence_known) return true;
    if (!coroutine.in_use && ticks <= keyframe_end_ticks_) return false;
    coroutine.base = coroutine.top = sequence - step;
    coroutine.sequence_known = true;
    coroutine.base_assumed = !coroutine.in_use;
    return true;
}

Model::Place Model::advance(Coroutine& coroutine, std::uint32_t sequence, std::uint32_t step,
                            std::uint64_t ticks) {
    if (!newer(sequence, coroutine.base)) return Place::kOld;
    coroutine.steps += step;
    if (!newer(sequence, coroutine.top)) return Place::kLate;
    coroutine.top = sequence;
    coroutine.changed_ticks = std::max<std::uint64_t>(ticks, 1);
    coroutine.image.sequence = sequence;
    coroutine.image.since_ticks = ticks;
    coroutine.image.consistency = inspect::Consistency::kExact;
    coroutine.arms.clear();
    return Place::kNewest;
}

void Model::spawn(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index) {
    Coroutine& coroutine = coroutines_[event.object];
    const std::uint32_t sequence = wire::spawn_sequence(event);
    // History that the keyframe has already forgotten: a record says that it is in use before its spawn is stamped (spawn_commit).
    if (!coroutine.sequence_known && !coroutine.in_use && event.tsc < keyframe_begin_ticks_) return;
    if (!coroutine.sequence_known) {
        coroutine.base = coroutine.top = sequence - 2;
        coroutine.sequence_known = true;
    } else if (coroutine.base_assumed) {
        if (!newer(sequence - 2, coroutine.base)) coroutine.base = sequence - 2;
        coroutine.base_assumed = false;
    }
    if (newer(sequence, coroutine.top)) {  // says all there is: what was missed before does not matter any more
        coroutine.base = sequence - 2;
        coroutine.steps = 0;
    }
    const Place place = advance(coroutine, sequence, 2, event.tsc);
    if (place == Place::kOld || (place == Place::kLate && !newer(sequence, coroutine.spawned_at))) return;
    inspect::CoroutineImage& image = coroutine.image;
    coroutine.spawned_at = sequence;
    coroutine.identity_known = true;
    image.index = event.object;
    image.identity = wire::spawn_identity(event);
    image.spawner = wire::spawn_spawner(event);
    image.site = event.argument;
    image.name = wire::spawn_name(event);
    image.pool = wire::spawn_pool(event);
    image.slot = wire::spawn_slot(event);
    image.flags = wire::spawn_flags(event);
    image.high_water_bytes = 0;
    image.rsp = 0;
    if (!newer(coroutine.woken_at, sequence)) forget_waker(image);
    if (place == Place::kLate) return;
    image.state = wire::CoroutineState::kReady;
    image.reason = wire::WaitReason::kNothing;
    image.wait_object = wire::kNone;
    image.deadline_ticks = 0;
    image.rip = image_.trampoline_address;
    image.worker = owner == wire::RingOwner::kWorker ? static_cast<std::uint8_t>(owner_index) : 0;
    coroutine.in_use = true;
}

void Model::resume(const wire::DecodedEvent& event, std::uint32_t worker) {
    lost_since_resume_.erase(worker);
    resumed_identity8_[worker] = wire::high8(event.argument);
    Coroutine& coroutine = coroutines_[event.object];
    const std::uint32_t sequence = widen(wire::low24(event.argument), coroutine.top);
    if (!begin_unseen(coroutine, sequence, 1, event.tsc)) return;
    if (advance(coroutine, sequence, 1, event.tsc) != Place::kNewest) return;
    inspect::CoroutineImage& image = coroutine.image;
    image.index = event.object;
    image.state = wire::CoroutineState::kRunning;
    image.consistency = inspect::Consistency::kRunning;
    image.reason = wire::WaitReason::kNothing;
    image.wait_object = wire::kNone;
    image.deadline_ticks = 0;
    image.worker = static_cast<std::uint8_t>(worker);
    image.flags &= static_cast<std::uint8_t>(~wire::kCoroutineNeverRan);
    // Another coroutine at this index whose spawn was lost: of the one before nothing holds.
    const bool same = coroutine.in_use &&
                      static_cast<std::uint8_t>(image.identity) == wire::high8(event.argument);
    if (!same) coroutine.identity_known = false;
    coroutine.in_use = true;
}

void Model::suspend(const wire::DecodedEvent& event, std::uint32_t worker) {
    if (!event.current_known || event.current == wire::kNone) return;
    std::vector<inspect::SelectArmImage> arms = take_arms(event.current, worker);
    Coroutine& coroutine = coroutines_[event.current];
    const std::uint32_t sequence = widen(wire::low24(event.argument), coroutine.top);
    if (!begin_unseen(coroutine, sequence, 1, event.tsc)) return;
    const Place place = advance(coroutine, sequence, 1, event.tsc);
    // It is still this wait, and the keyframe could not read its arms.
    if (place == Place::kOld && sequence == coroutine.top && coroutine.arms.empty())
        coroutine.arms = std::move(arms);
    if (place == Place::kOld) return;
    inspect::CoroutineImage& image = coroutine.image;
    if (place == Place::kNewest || newer(sequence, coroutine.suspended_at)) {
        coroutine.suspended_at = sequence;
        image.rip = event.ext48[0];
    }
    if (place != Place::kNewest) return;
    const std::uint8_t reason = std::min<std::uint8_t>(wire::high8(event.argument),
                                                       wire::kWaitReasonsCount - 1);
    image.index = event.current;
    image.reason = static_cast<wire::WaitReason>(reason);
    const bool ready = image.reason == wire::WaitReason::kYield || image.reason == wire::WaitReason::kPause;
    image.state = ready ? wire::CoroutineState::kReady : wire::CoroutineState::kParked;
    image.wait_object = event.object;
    image.deadline_ticks = event.ext64[0];
    if (image.reason == wire::WaitReason::kSelect) coroutine.arms = std::move(arms);
    if (!coroutine.in_use) coroutine.identity_known = false;
    coroutine.in_use = true;
}

void Model::wake(const wire::DecodedEvent& event, std::uint32_t worker) {
    Coroutine& coroutine = coroutines_[event.object];
    const std::uint32_t sequence = widen(wire::low24(event.argument), coroutine.top);
    if (!begin_unseen(coroutine, sequence, 2, event.tsc)) return;
    const Place place = advance(coroutine, sequence, 2, event.tsc);
    if (place == Place::kOld) return;
    if (place == Place::kNewest || newer(sequence, coroutine.woken_at)) {
        coroutine.woken_at = sequence;
        woken(event, worker, coroutine.image);
    }
    if (place != Place::kNewest) return;
    coroutine.image.index = event.object;
    coroutine.image.state = wire::CoroutineState::kReady;
    coroutine.image.reason = wire::WaitReason::kNothing;
    coroutine.image.wait_object = wire::kNone;
    coroutine.image.deadline_ticks = 0;
    if (!coroutine.in_use) coroutine.identity_known = false;
    coroutine.in_use = true;
}

// A viewer keeps it from running, or lets it go.
void Model::hold(const wire::DecodedEvent& event, bool held) {
    Coroutine& coroutine = coroutines_[event.object];
    const std::uint32_t sequence = widen(wire::low24(event.argument), coroutine.top);
    if (!begin_unseen(coroutine, sequence, 2, event.tsc)) return;
    if (advance(coroutine, sequence, 2, event.tsc) != Place::kNewest) return;
    coroutine.image.index = event.object;
    coroutine.image.state = held ? wire::CoroutineState::kPaused : wire::CoroutineState::kReady;
    coroutine.image.reason = held ? wire::WaitReason::kPause : wire::WaitReason::kNothing;
    coroutine.image.wait_object = wire::kNone;
    coroutine.image.deadline_ticks = 0;
    if (!coroutine.in_use) coroutine.identity_known = false;
    coroutine.in_use = true;
}

void Model::exit(const wire::DecodedEvent& event) {
    Coroutine& coroutine = coroutines_[event.object];
    const std::uint32_t sequence = widen(wire::low24(event.argument), coroutine.top);
    if (!begin_unseen(coroutine, sequence, 1, event.tsc)) return;
    if (advance(coroutine, sequence, 1, event.tsc) != Place::kNewest) return;
    coroutine.in_use = false;
    coroutine.image.state = wire::CoroutineState::kFree;
}

// ---- channels

void Model::channel_create(Channel& channel, const wire::DecodedEvent& event, bool late) {
    inspect::ChannelImage fresh;
    if (late) {  // what was sent through it is counted already
        fresh.sent = channel.image.sent;
        fresh.received = channel.image.received;
        fresh.closed = channel.image.closed;
    }
    fresh.index = event.object;
    fresh.capacity = event.argument;
    fresh.identity = event.ext48[0];
    fresh.name = static_cast<std::uint32_t>(event.ext64[0]);
    fresh.operations = channel.top;
    fresh.creator = event.ext48[1];
    fresh.totals = static_cast<std::uint32_t>(event.ext64[1]);
    channel.image = fresh;
    channel.live = true;
    channel.identity_known = true;
    if (fresh.totals < image_.channel_totals.size()) ++image_.channel_totals[fresh.totals].channels;
}

void Model::channel_destroyed(Channel& channel) {
    if (channel.live && channel.image.totals < image_.channel_totals.size()) {
        inspect::ChannelTotalsImage& totals = image_.channel_totals[channel.image.totals];
        totals.sent += channel.image.sent;
        totals.received += channel.image.received;
    }
    channel.live = false;
}

void Model::channel(const wire::DecodedEvent& event) {
    Channel& channel = channels_[event.object];
    const bool creates = event.type == EventType::kChannelCreate;
    const std::uint32_t operation = creates ? static_cast<std::uint32_t>(event.ext64[0] >> 32)
                                            : widen(wire::low24(event.argument), channel.top);
    if (!channel.operations_known) {
        if (!creates && !channel.live && event.tsc <= keyframe_end_ticks_) return;
        // Made and gone before the keyframe, whose totals have it: the record is written before its event is stamped.
        if (creates && !channel.live && event.tsc < image_.read_begin_ticks) return;
        channel.base = channel.top = operation - 1;
        channel.operations_known = true;
        channel.base_assumed = !creates && !channel.live;
    }
    const bool late = creates && channel.base_assumed && !newer(operation, channel.base);
    if (late) channel.base = operation - 1;
    if (creates) channel.base_assumed = false;
    if (!newer(operation, channel.base)) return;
    ++channel.steps;
    if (newer(operation, channel.top)) {
        channel.top = operation;
        channel.changed_ticks = std::max<std::uint64_t>(event.tsc, 1);
    }
    if (creates) return channel_create(channel, event, late);
    if (!channel.live) {  // its creation was lost
        channel.image = {};
        channel.image.index = event.object;
        channel.live = true;
        channel.identity_known = false;
    }
    inspect::ChannelImage& image = channel.image;
    image.operations = channel.top;
    switch (event.type) {
        case EventType::kChannelSend:
            ++image.sent;
            break;
        case EventType::kChannelReceive:
            ++image.received;
            break;
        case EventType::kChannelClose:
            image.closed = true;
            break;
        case EventType::kChannelDestroy:
            channel_destroyed(channel);
            break;
        default:
            break;
    }
}

// ---- workers

void Model::worker(const wire::DecodedEvent& event, wire::RingOwner owner, std::uint32_t owner_index) {
    const bool counts = event.tsc > keyframe_end_ticks_;
    if (owner != wire::RingOwner::kWorker || owner_index >= wire::kWorkersMax) {
        if (counts && event.type == EventType::kSpawn) ++image_.outside_spawned;
        return;
    }
    while (image_.workers.size() <= owner_index) {
        image_.workers.push_back({});
        image_.workers.back().index = static_cast<std::uint32_t>(image_.workers.size() - 1);
    }
    inspect::WorkerImage& worker = image_.workers[owner_index];
    const auto does = [&](wire::WorkerState state, std::uint32_t current) {
        worker.state = state;
        worker.current = current;
    };
    switch (event.type) {
        case EventType::kSpawn:
            worker.spawned += counts ? 1 : 0;
            break;
        case EventType::kResume:
            does(wire::WorkerState::kRunning, event.object);
            worker.switches += counts ? 1 : 0;
            break;
        case EventType::kSuspend:
            does(wire::WorkerState::kScheduling, wire::kNone);
            break;
        case EventType::kWake:
            worker.wakes += counts ? 1 : 0;
            break;
        case EventType::kExit: {
            does(wire::WorkerState::kScheduling, wire::kNone);
            if (!counts) break;
            const auto status = static_cast<wire::ExitStatus>(wire::high8(event.argument));
            ++worker.exited;
            worker.failed += status == wire::ExitStatus::kFailed ? 1 : 0;
            worker.cancelled += status == wire::ExitStatus::kCancelled ? 1 : 0;
            break;
        }
        case EventType::kWorkerPark:
            does(wire::WorkerState::kParked, wire::kNone);
            worker.parks += counts ? 1 : 0;
            break;
        case EventType::kWorkerUnpark:
            does(wire::WorkerState::kScheduling, wire::kNone);
            break;
        case EventType::kPause:
            if (event.object == wire::kNone) does(wire::WorkerState::kHeld, wire::kNone);
            break;
        case EventType::kUnpause:
            if (event.object == wire::kNone) does(wire::WorkerState::kScheduling, wire::kNone);
            break;
        case EventType::kPoolAllocate:
            last_allocated_[owner_index] = slot_key(event.argument, event.object);
            if (std::uint64_t* word = used_word(event.argument, event.object)) *word |= 1ULL << event.object % 64;
            break;
        case EventType::kPoolFree:
            segments_.erase(slot_key(event.argument, event.object));
            if (std::uint64_t* word = used_word(event.argument, event.object)) *word &= ~(1ULL << event.object % 64);
            break;
        case EventType::kMigrate:  // but for those in place: onto the slot that the worker has just allocated
            if (static_cast<wire::MigrationForm>(event.argument >> 16 & 0xff) != wire::MigrationForm::kInPlace)
                segments_[last_allocated_[owner_index]] = event.object;
            break;
        case EventType::kPoolGrow:
            if (event.argument < image_.pools.size() && event.object < wire::kSlabsPerPoolMax) {
                auto& slabs = image_.pools[event.argument].slabs;
                if (event.object >= slabs.size()) slabs.resize(event.object + 1);
                slabs[event.object].owner = owner_index;
            }
            break;
        default:
            break;
    }
}

}  // namespace coroscope::traces
