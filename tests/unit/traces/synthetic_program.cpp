// See synthetic_program.h.
#include "synthetic_program.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "instrumentation/wire/limits.h"

namespace coroscope::traces {
namespace {

using wire::CoroutineState;
using wire::EventType;
using wire::WaitReason;

constexpr std::uint32_t kTrampoline = 0x400100;
constexpr std::size_t kCoroutinesMax = 24;  // alive: few records, much reuse
constexpr std::size_t kChannelsMax = 6;

std::uint32_t at24(std::uint32_t count, std::uint8_t high) {
    return wire::pack24(count, high);
}

}  // namespace

SyntheticProgram::SyntheticProgram(std::uint32_t workers_count, bool locks, bool selects)
    : has_locks_(locks), has_selects_(selects) {
    workers_.resize(workers_count);
    rings_.resize(workers_count);
    for (std::uint32_t w = 0; w < workers_count; ++w) {
        workers_[w].index = w;
        workers_[w].state = wire::WorkerState::kScheduling;
        write(rings_[w], EventType::kSync, wire::kNone, 0xffff, {{0, ticks_}});
    }
    // Somebody has to begin: spawned by a thread outside, before anybody listened.
    inspect::CoroutineImage& first = coroutines_[0];
    first.index = 0;
    first.identity = next_identity_++;
    first.sequence = 2;
    first.state = CoroutineState::kReady;
    first.rip = kTrampoline;
    ready_.push_back(0);
}

void SyntheticProgram::write(Ring& ring, EventType type, std::uint32_t object, std::uint32_t argument,
                             const std::vector<Ext>& ext) {
    ++ring.emitted[type];
    ring.slots.push_back(wire::make_slot(ticks_, type, 0, wire::make_word1(object, argument)));
    for (const Ext& extra : ext)
        ring.slots.push_back(wire::make_slot(extra.low48, EventType::kExt, 0, extra.word));
}

void SyntheticProgram::emit(std::uint32_t number, EventType type, std::uint32_t object,
                            std::uint32_t argument, std::vector<Ext> ext) {
    Ring& ring = rings_[number];
    if (ring.dropping) {
        ++ring.emitted[type];
        ++ring.dropped[type];
        if (ring.lost++ == 0) ring.lost_since = ticks_;
        return;
    }
    if (ring.lost != 0) {
        write(ring, EventType::kLoss, static_cast<std::uint32_t>(ring.lost), 0, {{0, ring.lost_since}});
        // The writer says who runs now, as after every disturbance.
        const std::uint32_t current = type == EventType::kResume ? wire::kNone : workers_[number].current;
        write(ring, EventType::kSync, current, 0xffff, {{ring.lost, ticks_}});
        ring.lost = 0;
    }
    write(ring, type, object, argument, ext);
}

void SyntheticProgram::drop_events(std::uint32_t ring) {
    rings_[ring].dropping = true;
}
void SyntheticProgram::keep_events(std::uint32_t ring) {
    rings_[ring].dropping = false;
}

void SyntheticProgram::step(std::uint16_t choice) {
    ticks_ += 10 + choice % 97;
    const auto worker = static_cast<std::uint32_t>(choice % workers_.size());
    choice = static_cast<std::uint16_t>(choice / workers_.size());
    if (workers_[worker].current == wire::kNone) {
        resume_somebody(worker, choice);
    } else {
        run(worker, choice);
    }
}

void SyntheticProgram::resume_somebody(std::uint32_t w, std::uint16_t choice) {
    inspect::WorkerImage& worker = workers_[w];
    if (worker.state == wire::WorkerState::kParked) {
        worker.state = wire::WorkerState::kScheduling;
        return emit(w, EventType::kWorkerUnpark, w, 0);
    }
    if (!sleeping_.empty() && (choice % 3 == 0 || ready_.empty())) {
        const std::uint32_t index = sleeping_.front();
        sleeping_.erase(sleeping_.begin());
        return wake(w, index, wire::WakeCause::kTimer);
    }
    if (ready_.empty()) {
        worker.state = wire::WorkerState::kParked;
        return emit(w, EventType::kWorkerPark, w, 0);
    }
    const std::uint32_t index = ready_[choice % ready_.size()];
    ready_.erase(std::find(ready_.begin(), ready_.end(), index));
    inspect::CoroutineImage& coroutine = coroutines_[index];
    ++coroutine.sequence;
    coroutine.state = CoroutineState::kRunning;
    coroutine.reason = WaitReason::kNothing;
    coroutine.wait_object = wire::kNone;
    coroutine.worker = static_cast<std::uint8_t>(w);
    coroutine.since_ticks = ticks_;
    emit(w, EventType::kResume, index,
         at24(coroutine.sequence, static_cast<std::uint8_t>(coroutine.identity)));
    worker.current = index;
    worker.state = wire::WorkerState::kRunning;
}

void SyntheticProgram::run(std::uint32_t worker, std::uint16_t choice) {
    if (has_locks_ && choice % 5 == 0) return use_lock(worker, choice / 5);
    if (has_selects_ && choice % 7 == 0) return use_select(worker, choice / 7);
    const std::uint16_t rest = choice / 8;
    Channel* channel = pick_channel(rest);
    switch (choice % 8) {
        case 0:
            return spawn(worker);
        case 1:
            return suspend(worker, WaitReason::kYield, wire::kNone, 0);
        case 2:
            return suspend(worker, WaitReason::kSleep, wire::kNone, ticks_ + 1000);
        case 3:
            // The last one alive goes on, or nothing would ever happen again.
            if (ready_.size() + sleeping_.size() < 2) return spawn(worker);
            return exit(worker);
        case 4:
            if (channel == nullptr || rest % 11 == 0) return create_channel(worker, rest);
            if (rest % 13 == 1) return close(worker, *channel);
            return destroy(worker, *channel);
        case 5:
        case 6:
            if (channel == nullptr || channel->image.closed) return spawn(worker);
            return send(worker, *channel);
        default:
            if (channel == nullptr || channel->image.closed)
                return suspend(worker, WaitReason::kYield, wire::kNone, 0);
            return receive(worker, *channel);
    }
}

void SyntheticProgram::spawn(std::uint32_t w) {
    std::uint32_t index = 0;
    while (coroutines_.contains(index) && coroutines_[index].state != CoroutineState::kFree)
        ++index;
    if (index >= kCoroutinesMax) return;
    const std::uint32_t sequence = coroutines_[index].sequence + 2;
    inspect::CoroutineImage child;
    child.index = index;
    child.sequence = sequence;
    child.identity = next_identity_++;
    child.spawner = running(w).identity;
    child.worker = static_cast<std::uint8_t>(w);
    child.state = CoroutineState::kReady;
    child.site = index % 5;
    child.name = index % 3 == 0 ? wire::kNone : 0;
    child.pool = 0;
    child.slot = index * 37 % 1024;
    child.rip = kTrampoline;
    child.since_ticks = ticks_;
    coroutines_[index] = child;
    ready_.push_back(index);
    if (has_locks_) emit(w, EventType::kPoolAllocate, child.slot, child.pool);
    emit(w, EventType::kSpawn, index, child.site,
         {{child.identity, child.slot}, {child.spawner, wire::make_word1(child.name, sequence)}});
}

void SyntheticProgram::suspend(std::uint32_t w, WaitReason reason, std::uint32_t object,
                               std::uint64_t deadline) {
    inspect::CoroutineImage& coroutine = running(w);
    ++coroutine.sequence;
    coroutine.state = reason == WaitReason::kYield ? CoroutineState::kReady : CoroutineState::kParked;
    coroutine.reason = reason;
    coroutine.wait_object = object;
    coroutine.deadline_ticks = deadline;
    coroutine.rip = 0x500000 + static_cast<std::uint64_t>(reason) * 16;
    coroutine.since_ticks = ticks_;
    emit(w, EventType::kSuspend, object, at24(coroutine.sequence, static_cast<std::uint8_t>(reason)),
         {{coroutine.rip, deadline}});
    if (reason == WaitReason::kYield) ready_.push_back(coroutine.index);
    if (reason == WaitReason::kSleep) sleeping_.push_back(coroutine.index);
    workers_[w].current = wire::kNone;
    workers_[w].state = wire::WorkerState::kScheduling;
}

void SyntheticProgram::wake(std::uint32_t w, std::uint32_t index, wire::WakeCause cause) {
    inspect::CoroutineImage& coroutine = coroutines_[index];
    if (coroutine.reason == WaitReason::kSelect) retire_select(index);
    if (has_selects_) {
        coroutine.woken_ticks = ticks_;
        coroutine.woken_cause = cause;
        const std::uint32_t waker = workers_[w].current;
        coroutine.woken_by = waker == wire::kNone ? 0 : coroutines_[waker].identity;
    }
    coroutine.sequence += 2;
    coroutine.state = CoroutineState::kReady;
    coroutine.reason = WaitReason::kNothing;
    coroutine.wait_object = wire::kNone;
    coroutine.deadline_ticks = 0;
    coroutine.since_ticks = ticks_;
    ready_.push_back(index);
    emit(w, EventType::kWake, index, at24(coroutine.sequence, static_cast<std::uint8_t>(cause)));
}

void SyntheticProgram::exit(std::uint32_t w) {
    inspect::CoroutineImage& coroutine = running(w);
    ++coroutine.sequence;
    coroutine.state = CoroutineState::kFree;
    emit(w, EventType::kExit, coroutine.index, at24(coroutine.sequence, 0), {{coroutine.identity, 128}});
    if (has_locks_) emit(w, EventType::kPoolFree, coroutine.slot, coroutine.pool);
    workers_[w].current = wire::kNone;
    workers_[w].state = wire::WorkerState::kScheduling;
}

SyntheticProgram::Channel* SyntheticProgram::pick_channel(std::uint16_t choice) {
    std::vector<Channel*> live;
    for (auto& [index, channel] : channels_) {
        if (channel.image.identity != 0) live.push_back(&channel);
    }
    return live.empty() ? nullptr : live[choice % live.size()];
}

void SyntheticProgram::create_channel(std::uint32_t w, std::uint16_t choice) {
    std::uint32_t index = 0;
    while (channels_.contains(index) && channels_[index].image.identity != 0)
        ++index;
    if (index >= kChannelsMax) return;
    const std::uint32_t operations = channels_[index].image.operations + 1;
    Channel channel;
    channel.image.index = index;
    channel.image.identity = next_channel_identity_++;
    channel.image.name = choice % 2 == 0 ? wire::kNone : 0;
    channel.image.capacity = choice % 3;
    channel.image.operations = operations;
    channel.image.creator = running(w).identity;
    channels_[index] = channel;
    emit(w, EventType::kChannelCreate, index, channel.image.capacity,
         {{channel.image.identity, wire::make_word1(channel.image.name, operations)},
          {channel.image.creator, 0}});
}

void SyntheticProgram::moved(std::uint32_t w, Channel& channel, EventType type, std::uint64_t other_party) {
    inspect::ChannelImage& image = channel.image;
    ++image.operations;
    ++(type == EventType::kChannelSend ? image.sent : image.received);
    image.length = static_cast<std::uint32_t>(image.sent - image.received);
    std::vector<Ext> ext;
    if (other_party != 0) ext.push_back({other_party, 0});
    emit(w, type, image.index, at24(image.operations, other_party != 0 ? wire::kOtherParty : 0), ext);
}

void SyntheticProgram::send(std::uint32_t w, Channel& channel) {
    if (!channel.receivers.empty()) {
        const std::uint32_t receiver = channel.receivers.front();
        channel.receivers.erase(channel.receivers.begin());
        --channel.image.receivers_waiting;
        moved(w, channel, EventType::kChannelSend, 0);
        moved(w, channel, EventType::kChannelReceive, coroutines_[receiver].identity);
        return wake(w, receiver, wire::WakeCause::kCoroutine);
    }
    if (channel.image.length < channel.image.capacity) return moved(w, channel, EventType::kChannelSend, 0);
    ++channel.image.operations;
    emit(w, EventType::kChannelBlock, channel.image.index, at24(channel.image.operations, 0));
    channel.senders.push_back(workers_[w].current);
    ++channel.image.senders_waiting;
    suspend(w, WaitReason::kChannelSend, channel.image.index, 0);
}

void SyntheticProgram::receive(std::uint32_t w, Channel& channel) {
    if (channel.image.length > 0) {
        moved(w, channel, EventType::kChannelReceive, 0);
    } else if (channel.senders.empty()) {
        ++channel.image.operations;
        emit(w, EventType::kChannelBlock, channel.image.index, at24(channel.image.operations, 1));
        channel.receivers.push_back(workers_[w].current);
        ++channel.image.receivers_waiting;
        return suspend(w, WaitReason::kChannelReceive, channel.image.index, 0);
    }
    if (channel.senders.empty()) return;
    const std::uint32_t sender = channel.senders.front();
    channel.senders.erase(channel.senders.begin());
    --channel.image.senders_waiting;
    const bool hand_over = channel.image.length == 0 && channel.image.capacity == 0;
    moved(w, channel, EventType::kChannelSend, coroutines_[sender].identity);
    if (hand_over) moved(w, channel, EventType::kChannelReceive, 0);
    wake(w, sender, wire::WakeCause::kCoroutine);
}

void SyntheticProgram::close(std::uint32_t w, Channel& channel) {
    if (channel.image.closed) return;
    channel.image.closed = true;
    ++channel.image.operations;
    emit(w, EventType::kChannelClose, channel.image.index, at24(channel.image.operations, 0));
    channel.image.senders_waiting = channel.image.receivers_waiting = 0;
    const auto senders = std::exchange(channel.senders, {}), receivers = std::exchange(channel.receivers, {});
    for (const auto* waiting : {&senders, &receivers}) {
        for (const std::uint32_t index : *waiting) {  // one that selects may stand in both, or twice
            if (coroutines_[index].state == CoroutineState::kParked) wake(w, index, wire::WakeCause::kClose);
        }
    }
}

void SyntheticProgram::destroy(std::uint32_t w, Channel& channel) {
    if (!channel.senders.empty() || !channel.receivers.empty()) return;
    ++channel.image.operations;
    emit(w, EventType::kChannelDestroy, channel.image.index, at24(channel.image.operations, 0),
         {{channel.image.identity, 0}});
    channel.image.identity = 0;
}

inspect::StateImage SyntheticProgram::truth() const {
    inspect::StateImage image;
    image.program = "/synthetic";
    image.clock.multiplier = 1ULL << 32;
    image.clock.shift = 32;
    image.trampoline_address = kTrampoline;
    image.start_ticks = 1'000'000'000;
    image.read_begin_ticks = image.read_end_ticks = ticks_;
    image.strings = std::string("\x05\x00named", 7);
    image.sites.resize(5);
    image.channel_totals.resize(1);
    image.workers = workers_;
    inspect::PoolImage pool;
    pool.slot_bytes = 16384;
    pool.stride_bytes = 20480;
    pool.slabs.resize(2);
    for (const auto& [index, coroutine] : coroutines_) {
        if (coroutine.state == CoroutineState::kFree) continue;
        image.coroutines.push_back(coroutine);
        if (coroutine.state == CoroutineState::kRunning)
            image.coroutines.back().consistency = inspect::Consistency::kRunning;
        pool.slabs[coroutine.slot / 512].used[coroutine.slot % 512 / 64] |= 1ULL << (coroutine.slot % 64);
    }
    image.pools.push_back(std::move(pool));
    for (const auto& [index, channel] : channels_) {
        if (channel.image.identity != 0) image.channels.push_back(channel.image);
    }
    for (const auto& [index, arms] : arms_)
        image.select_arms.insert(image.select_arms.end(), arms.begin(), arms.end());
    for (const auto& [index, lock] : locks_) {
        if (lock.image.identity != 0) image.waitables.push_back(lock.image);
    }
    for (std::size_t s = 0; s < image.sites.size(); ++s)
        image.sites[s].index = static_cast<std::uint32_t>(s);
    image.index();
    return image;
}

inspect::StateImage SyntheticProgram::copied_while_running(const inspect::StateImage& before,
                                                           std::uint64_t choices) const {
    inspect::StateImage image = truth();
    image.read_begin_ticks = before.read_begin_ticks;
    const auto early = [&](std::uint32_t index) { return (choices >> (index * 7 % 64) & 1) != 0; };
    const auto mix = [&](auto& rows, const auto& rows_before) {
        std::erase_if(rows, [&](const auto& row) { return early(row.index); });
        for (const auto& row : rows_before) {
            if (early(row.index)) rows.push_back(row);
        }
        std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    };
    mix(image.coroutines, before.coroutines);
    std::erase_if(image.select_arms, [&](const auto& arm) { return early(arm.coroutine); });
    std::copy_if(before.select_arms.begin(), before.select_arms.end(), std::back_inserter(image.select_arms),
                 [&](const auto& arm) { return early(arm.coroutine); });
    std::stable_sort(image.select_arms.begin(), image.select_arms.end(),
                     [](const auto& a, const auto& b) { return a.coroutine < b.coroutine; });
    mix(image.channels, before.channels);
    mix(image.waitables, before.waitables);
    mix(image.workers, before.workers);
    image.index();
    return image;
}

}  // namespace coroscope::traces
