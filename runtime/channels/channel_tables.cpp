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

ChannelTables::HandleList ChannelTables::take_shared_handles(std::uint32_t most) {
    const std::lock_guard<SpinLock> hold(lock_);
    if (first_free_handle_ == wire::kNone) {
        std::uint32_t count = kHandlesPerRefill;
        std::uint32_t first = segment_->allocate_records(wire::SectionKind::kHandles, count);
        if (first == wire::kNone)
            first = segment_->allocate_records(wire::SectionKind::kHandles, count = 1);
        if (first == wire::kNone) return {};
        for (std::uint32_t i = count; i-- > 0;)
            first_free_handle_ = free_handle(first + i, first_free_handle_);
    }
    HandleList taken{.first = first_free_handle_, .count = 1};
    std::uint32_t last = taken.first;
    const auto next_of = [this](std::uint32_t index) {
        return static_cast<std::uint32_t>(handles_[index].holder.load(kRelaxed));
    };
    while (taken.count < most && next_of(last) != wire::kNone) {
        last = next_of(last);
        ++taken.count;
    }
    first_free_handle_ = next_of(last);
    handles_[last].holder.store(wire::kNone, kRelaxed);
    return taken;
}

std::uint32_t ChannelTables::take_handle(Worker* worker, std::uint32_t channel, std::uint32_t rights,
                                         std::uint64_t holder) {
    std::uint32_t index = worker != nullptr ? take_own_handle(*worker) : take_shared_handles(1).first;
    if (worker != nullptr && index == wire::kNone) {
        const HandleList more = take_shared_handles(kHandlesPerRefill);
        worker->free_handles = more.first;
        worker->free_handles_count = more.count;
        index = take_own_handle(*worker);
    }
    if (index != wire::kNone) describe_handle(index, channel, rights, holder);
    return index;
}

void ChannelTables::give_handle(Worker* worker, std::uint32_t index) {
    if (worker != nullptr && may_keep_handle(*worker)) {
        give_own_handle(*worker, index);
        return;
    }
    const std::lock_guard<SpinLock> hold(lock_);
    first_free_handle_ = free_handle(index, first_free_handle_);
    // A worker that has kept enough gives half of it with this one.
    for (std::uint32_t n = 0; worker != nullptr && n < kHandlesPerRefill; ++n)
        first_free_handle_ = free_handle(take_own_handle(*worker), first_free_handle_);
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
