// Records while events are still being applied: for who follows a program event by event (traces/rules). See model.h.
#include "traces/model.h"

namespace coroscope::traces {

// Whether events of this record are missing (M2).
template <typename Record>
bool Model::missed(const Record& record, bool counted) const {
    const bool gap = counted && record.steps < record.top - record.base;
    return gap || (lost_until_ticks_ != 0 && record.changed_ticks <= lost_until_ticks_);
}

namespace {

// A gap that was only a matter of order closes again.
inspect::Consistency judged(inspect::Consistency present, bool missed) {
    if (missed) return inspect::Consistency::kUnknown;
    return present == inspect::Consistency::kUnknown ? inspect::Consistency::kExact : present;
}

}  // namespace

const inspect::CoroutineImage* Model::coroutine_now(std::uint32_t index) {
    if (coroutines_.find(index) == nullptr) return nullptr;
    Coroutine& coroutine = coroutines_[index];
    if (!coroutine.in_use || end_was_lost(coroutine)) return nullptr;
    if (!coroutine.identity_known || coroutine.image.identity == 0) return nullptr;
    coroutine.image.index = index;
    coroutine.image.consistency = judged(coroutine.image.consistency,
                                         missed(coroutine, coroutine.sequence_known));
    return &coroutine.image;
}

std::span<const inspect::SelectArmImage> Model::arms_now(std::uint32_t coroutine) const {
    const Coroutine* known = coroutines_.find(coroutine);
    if (known == nullptr || !known->in_use || end_was_lost(*known)) return {};
    return known->arms;
}

const inspect::ChannelImage* Model::channel_now(std::uint32_t index) {
    if (channels_.find(index) == nullptr) return nullptr;
    Channel& channel = channels_[index];
    if (!channel.live || end_was_lost(channel) || !channel.identity_known) return nullptr;
    channel.image.index = index;
    channel.image.consistency = judged(channel.image.consistency, missed(channel, channel.operations_known));
    return &channel.image;
}

const inspect::WaitableImage* Model::waitable_now(std::uint32_t index) {
    if (waitables_.find(index) == nullptr) return nullptr;
    Waitable& waitable = waitables_[index];
    if (!waitable.live || end_was_lost(waitable) || !waitable.identity_known) return nullptr;
    waitable.image.index = index;
    waitable.image.consistency = judged(waitable.image.consistency,
                                        missed(waitable, lost_any_ && waitable.operations_known));
    return &waitable.image;
}

const inspect::WorkerImage* Model::worker_now(std::uint32_t index) const {
    return index < image_.workers.size() ? &image_.workers[index] : nullptr;
}

const inspect::PoolImage* Model::pool_now(std::uint32_t index) const {
    return index < image_.pools.size() ? &image_.pools[index] : nullptr;
}

bool Model::segment_now(std::uint32_t pool, std::uint32_t slot) const {
    return segments_.contains(slot_key(pool, slot));
}

}  // namespace coroscope::traces
