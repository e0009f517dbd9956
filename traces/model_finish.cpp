// From what the events left to an image: which records are known, whose slots are used, who waits where.
#include <algorithm>
#include <bit>
#include <unordered_map>
#include <unordered_set>

#include "traces/model.h"

namespace coroscope::traces {

// Decides how far a coroutine's record can be trusted (M2).
void Model::settle(Coroutine& coroutine, const inspect::StateImage* later) {
    const inspect::CoroutineImage* const proof = later == nullptr ? nullptr
                                                                  : later->coroutine_at(coroutine.image.index);
    const bool gap = coroutine.sequence_known && coroutine.steps < coroutine.top - coroutine.base;
    const bool stale = lost_until_ticks_ != 0 && coroutine.changed_ticks <= lost_until_ticks_;
    if (coroutine.identity_known && !gap && !stale) return;
    if (proof != nullptr && proof->sequence == coroutine.top &&
        proof->consistency != inspect::Consistency::kTorn) {
        const auto arms = later->arms_of(*proof);
        coroutine.arms.assign(arms.begin(), arms.end());
        if (coroutine.identity_known && proof->identity == coroutine.image.identity) {
            // A wake-up may be among what was lost.
            coroutine.image.woken_ticks = proof->woken_ticks;
            coroutine.image.woken_by = proof->woken_by;
            coroutine.image.woken_cause = proof->woken_cause;
            return;
        }
        // Its spawn was lost, but the record has not changed since: all of it is in the later keyframe.
        const std::uint64_t since = coroutine.image.since_ticks;
        coroutine.image = *proof;
        coroutine.image.since_ticks = since;
        coroutine.identity_known = true;
        return;
    }
    coroutine.image.consistency = inspect::Consistency::kUnknown;
}

void Model::collect_coroutines(const inspect::StateImage* later) {
    coroutines_.for_each([&](std::uint32_t index, Coroutine& coroutine) {
        if (!coroutine.in_use) return;
        if (end_was_lost(coroutine)) return;
        coroutine.image.index = index;
        settle(coroutine, later);
        // Without an identity there is nobody to show; the loss itself is counted.
        if (!coroutine.identity_known || coroutine.image.identity == 0) return;
        image_.coroutines.push_back(coroutine.image);
        if (coroutine.image.consistency == inspect::Consistency::kUnknown) return;
        image_.select_arms.insert(image_.select_arms.end(), coroutine.arms.begin(), coroutine.arms.end());
    });
    const auto before = [](const auto& a, const auto& b) { return a.index < b.index; };
    if (!std::is_sorted(image_.coroutines.begin(), image_.coroutines.end(), before))
        std::sort(image_.coroutines.begin(), image_.coroutines.end(), before);
    std::stable_sort(image_.select_arms.begin(), image_.select_arms.end(),
                     [](const auto& a, const auto& b) { return a.coroutine < b.coroutine; });
}

void Model::collect_channels(const inspect::StateImage* later) {
    channels_.for_each([&](std::uint32_t index, Channel& channel) {
        if (!channel.live || end_was_lost(channel)) return;
        const bool gap = channel.operations_known && channel.steps < channel.top - channel.base;
        const bool stale = lost_until_ticks_ != 0 && channel.changed_ticks <= lost_until_ticks_;
        if (gap || stale || !channel.identity_known) {
            const inspect::ChannelImage* proof = later == nullptr ? nullptr : later->channel_at(index);
            if (proof != nullptr && proof->operations == channel.top &&
                proof->consistency != inspect::Consistency::kTorn) {
                channel.image = *proof;
                channel.identity_known = true;
            } else {
                channel.image.consistency = inspect::Consistency::kUnknown;
            }
        }
        if (!channel.identity_known) return;
        channel.image.length = static_cast<std::uint32_t>(channel.image.sent - channel.image.received);
        channel.image.senders_waiting = channel.image.receivers_waiting = 0;
        image_.channels.push_back(channel.image);
    });
    std::sort(image_.channels.begin(), image_.channels.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    std::unordered_map<std::uint32_t, inspect::ChannelImage*> by_index;
    for (inspect::ChannelImage& channel : image_.channels)
        by_index.emplace(channel.index, &channel);
    for (const inspect::CoroutineImage& coroutine : image_.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked) continue;
        const bool sends = coroutine.reason == wire::WaitReason::kChannelSend;
        if (!sends && coroutine.reason != wire::WaitReason::kChannelReceive) continue;
        const auto at = by_index.find(coroutine.wait_object);
        if (at != by_index.end()) ++(sends ? at->second->senders_waiting : at->second->receivers_waiting);
    }
    for (const inspect::SelectArmImage& arm : image_.select_arms) {
        const auto at = by_index.find(arm.channel);
        if (at != by_index.end())
            ++(arm.receives ? at->second->receivers_waiting : at->second->senders_waiting);
    }
}

// Where the memory of slabs lies that were made after the first keyframe, and how many slots MicroPools have.
void Model::name_slabs(const inspect::StateImage* later) {
    for (std::size_t p = 0; p < image_.pools.size(); ++p) {
        auto& slabs = image_.pools[p].slabs;
        for (std::size_t s = 0; s < slabs.size(); ++s) {
            inspect::SlabImage& slab = slabs[s];
            if (slab.stack_base == 0 && later != nullptr && p < later->pools.size() &&
                s < later->pools[p].slabs.size()) {
                const inspect::SlabImage& known = later->pools[p].slabs[s];
                slab.stack_base = known.stack_base;
                slab.slots = known.slots;
                slab.guards = known.guards;
                slab.guarded_slots = known.guarded_slots;
            }
            // Who is in it tells the least that it has.
            for (std::uint32_t word = 0; word < wire::kSlabWords; ++word) {
                if (slab.used[word] != 0)
                    slab.slots = std::max(
                        slab.slots, word * 64 + static_cast<std::uint32_t>(std::bit_width(slab.used[word])));
            }
        }
    }
}

// The word of a pool's bitmap whose bit slot % 64 stands for the slot; null when there can be no such slot.
std::uint64_t* Model::used_word(std::uint32_t pool, std::uint32_t slot) {
    const std::uint32_t slab = slot / wire::kSlotsPerSlab;
    if (pool >= image_.pools.size() || slab >= wire::kSlabsPerPoolMax) return nullptr;
    auto& slabs = image_.pools[pool].slabs;
    if (slab >= slabs.size()) slabs.resize(slab + 1);
    return &slabs[slab].used[slot % wire::kSlotsPerSlab / 64];
}

void Model::collect_pools(const inspect::StateImage* later) {
    if (lost_any_ || !pools_told_) {
        for (inspect::PoolImage& pool : image_.pools) {
            for (inspect::SlabImage& slab : pool.slabs)
                std::fill(std::begin(slab.used), std::end(slab.used), 0);
        }
    }
    const auto use = [&](std::uint32_t pool, std::uint32_t slot) {
        if (std::uint64_t* word = used_word(pool, slot)) *word |= 1ULL << slot % 64;
    };
    for (const inspect::CoroutineImage& coroutine : image_.coroutines)
        use(coroutine.pool, coroutine.slot);
    image_.stack_segments.clear();
    std::unordered_set<std::uint32_t> grown;
    for (const auto& [key, coroutine] : segments_) {
        image_.stack_segments.push_back(
            {coroutine, static_cast<std::uint32_t>(key), static_cast<std::uint8_t>(key >> 32)});
        use(static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key));
        grown.insert(coroutine);
    }
    name_slabs(later);
    for (inspect::CoroutineImage& coroutine : image_.coroutines) {
        const auto others = coroutine.flags & static_cast<std::uint8_t>(~wire::kCoroutineSegments);
        coroutine.flags = static_cast<std::uint8_t>(
            others | (grown.contains(coroutine.index) ? wire::kCoroutineSegments : 0));
    }
}

inspect::StateImage Model::finish(std::uint64_t ticks, const inspect::StateImage* later) {
    collect_coroutines(later);
    collect_channels(later);
    collect_waitables(later);
    collect_pools(later);
    if (later != nullptr) {
        for (std::size_t site = image_.sites.size(); site < later->sites.size(); ++site)
            image_.sites.push_back(later->sites[site]);
    }
    image_.read_begin_ticks = image_.read_end_ticks = std::max(ticks, image_.read_end_ticks);
    image_.torn_coroutines = image_.torn_channels = 0;
    for (const auto& row : image_.coroutines)
        image_.torn_coroutines += row.consistency == inspect::Consistency::kTorn ? 1 : 0;
    for (const auto& row : image_.channels)
        image_.torn_channels += row.consistency == inspect::Consistency::kTorn ? 1 : 0;
    for (std::size_t w = 0; w < image_.workers.size(); ++w)
        image_.workers[w].index = static_cast<std::uint32_t>(w);
    image_.index();
    return std::move(image_);
}

}  // namespace coroscope::traces
