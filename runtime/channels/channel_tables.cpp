// Free lists of channel and handle records, chunks of private states, totals by name.
#include "runtime/channels/channel_tables.h"

#include "runtime/channels/channels.h"

namespace cprime::detail {

constinit ChannelTables g_channels;

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}

void ChannelTables::start(emit::StateSegment& segment) {
    segment_ = &segment;
    channels_ = segment.records<wire::ChannelRecord>(wire::SectionKind::kChannels);
    handles_ = segment.records<wire::HandleRecord>(wire::SectionKind::kHandles);
    totals_ = segment.records<wire::ChannelTotalsRecord>(wire::SectionKind::kChannelTotals);
    // Record 0: channels without a name.
    CHECK(segment.allocate_records(wire::SectionKind::kChannelTotals, 1) == 0);
    totals_[0].name = wire::kNone;
    totals_of_name_ = std::make_unique<std::unordered_map<std::uint32_t, std::uint32_t>>();
    threads_cancelled_.store(false, kRelaxed);
    generations_ = generations_ % kGenerationMax + 1;
    generation_.store(generations_, kRelaxed);
}

void ChannelTables::stop() {
    generation_.store(0, kRelaxed);
    const std::lock_guard<SpinLock> hold(lock_);
    free_channels_.clear();
    first_free_handle_ = wire::kNone;
    channels_count_.store(0, kRelaxed);
    totals_of_name_.reset();
    segment_ = nullptr;
}

ChannelState* ChannelTables::find_state(std::uint32_t index) {
    if (index >= kChunksMost * kStatesPerChunk) return nullptr;
    ChannelState* chunk = chunks_[index / kStatesPerChunk].load(std::memory_order_acquire);  // [channel.states]
    return chunk == nullptr ? nullptr : &chunk[index % kStatesPerChunk];
}

std::uint32_t ChannelTables::take_channel() {
    const std::lock_guard<SpinLock> hold(lock_);
    if (!free_channels_.empty()) {
        const std::uint32_t index = free_channels_.back();
        free_channels_.pop_back();
        return index;
    }
    const std::uint32_t index = segment_->allocate_records(wire::SectionKind::kChannels, 1);
    if (index == wire::kNone) return index;
    auto& chunk = chunks_[index / kStatesPerChunk];
    if (chunk.load(kRelaxed) == nullptr) {
        // [channel.states] release: whoever finds the chunk finds its states made.
        chunk.store(new ChannelState[kStatesPerChunk], std::memory_order_release);
    }
    channels_count_.store(index + 1, std::memory_order_release);
    return index;
}

void ChannelTables::give_channel(std::uint32_t index) {
    const std::lock_guard<SpinLock> hold(lock_);
    free_channels_.push_back(index);
}

std::uint32_t ChannelTables::take_handle(std::uint32_t channel, std::uint32_t rights, std::uint64_t holder) {
    std::uint32_t index = wire::kNone;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        if (first_free_handle_ == wire::kNone) {
            std::uint32_t count = kHandlesPerRefill;
            std::uint32_t first = segment_->allocate_records(wire::SectionKind::kHandles, count);
            if (first == wire::kNone)
                first = segment_->allocate_records(wire::SectionKind::kHandles, count = 1);
            if (first == wire::kNone) return wire::kNone;
            for (std::uint32_t i = 0; i < count; ++i) {
                handles_[first + i].channel.store(wire::kNone, kRelaxed);
                handles_[first + i].holder.store(i + 1 < count ? first + i + 1 : wire::kNone, kRelaxed);
            }
            first_free_handle_ = first;
        }
        index = first_free_handle_;
        first_free_handle_ = static_cast<std::uint32_t>(handles_[index].holder.load(kRelaxed));
    }
    handles_[index].holder.store(holder, kRelaxed);
    handles_[index].rights.store(rights, kRelaxed);
    // Release: a viewer that sees the channel sees right and holder.
    handles_[index].channel.store(channel, std::memory_order_release);
    return index;
}

void ChannelTables::give_handle(std::uint32_t index) {
    // First of all it is free: a viewer must not take the link for a holder.
    handles_[index].channel.store(wire::kNone, std::memory_order_release);
    const std::lock_guard<SpinLock> hold(lock_);
    handles_[index].rights.store(0, kRelaxed);
    handles_[index].holder.store(first_free_handle_, kRelaxed);
    first_free_handle_ = index;
}

ChannelTables::Name ChannelTables::intern(std::string_view name) {
    if (name.empty()) return {};
    const std::uint32_t string = segment_->intern(name);
    if (string == wire::kNone) return {};
    const std::lock_guard<std::mutex> hold(names_lock_);
    const auto [found, is_new] = totals_of_name_->try_emplace(string, 0);
    if (is_new) {
        const std::uint32_t index = segment_->allocate_records(wire::SectionKind::kChannelTotals, 1);
        if (index != wire::kNone) {  // no room: counted with the unnamed
            totals_[index].name = string;
            found->second = index;
        }
    }
    return {string, found->second};
}

void ChannelTables::count_gone(std::uint32_t totals, std::uint64_t sent, std::uint64_t received) {
    totals_[totals].sent.fetch_add(sent, kRelaxed);
    totals_[totals].received.fetch_add(received, kRelaxed);
}

}  // namespace cprime::detail
