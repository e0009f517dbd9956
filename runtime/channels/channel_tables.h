// The records of channels and handles in the segment, and what belongs to a channel but is nobody else's business.
//
//   ChannelRecord  (wire/channel.h, in the segment)   counts, wait list ends, flags: what a viewer reads
//   ChannelState   (here, private memory)             lock, buffer
//
// Both have the same index. A state is never given back, only used again: a stale index still finds a lock [channel.stale].
//
// A HandleId packs what a handle is: generation:17 | buffered:1 | channel:22 | handle:24. The generation counts
// runtimes of this process, so that a handle that outlives its runtime is told from one of the next.
//
// Invariants
//   C1  ChannelRecord and ChannelState are read and changed under the state's lock only; a change is bracketed by the record's
//       sequence (RecordChange), so that a viewer sees it whole or knows that it did not.
//   C2  length = sent - received, and every change of either, of closing and of blocking adds one to `operations`.
//   C3  No lock of this folder is held while user code runs. Several channels' are held by a select only, taken in the order of their indices.
//
// Thread: any that may call the runtime. Blocks for spin locks only (and for a mutex where a name is new).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cprime/detail/channel_calls.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/channel.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/sequenced_change.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

struct alignas(64) ChannelState {
    SpinLock lock;
    bool frames = false;               // items stay in their sender's frame (see channel_calls.h)
    std::uint32_t cell_bytes = 0;      // of one item in the buffer: sizeof(T), or a pointer to a node
    std::uint32_t head = 0;            // cell of the oldest item
    std::byte* buffer = nullptr;       // capacity cells; nullptr when unbuffered
    void (*destroy)(void*) = nullptr;  // of a node
};

// Brackets a change of a channel header [channel.sequence].
using RecordChange = SequencedChange<wire::ChannelRecord>;

// Adds `difference` to the counts of handles that may do what `rights` says. Inside a RecordChange.
[[gnu::always_inline]] inline void count_handle(wire::ChannelRecord& record, std::uint32_t rights,
                                                std::uint32_t difference) {
    if ((rights & kMaySend) != 0) RecordChange::add(record.sender_handles, difference);
    if ((rights & kMayReceive) != 0) RecordChange::add(record.receiver_handles, difference);
}

inline constexpr std::uint32_t kGenerationMax = (1U << 17) - 1;
inline constexpr HandleId make_handle_id(std::uint32_t generation, bool buffered, std::uint32_t channel,
                                         std::uint32_t handle) {
    return static_cast<std::uint64_t>(generation) << 47 | (buffered ? kBufferedBit : 0) |
           static_cast<std::uint64_t>(channel) << 24 | handle;
}
inline constexpr std::uint32_t generation_of(HandleId id) {
    return static_cast<std::uint32_t>(id >> 47);
}
inline constexpr std::uint32_t channel_of(HandleId id) {
    return static_cast<std::uint32_t>(id >> 24) & ((1U << 22) - 1);
}
inline constexpr std::uint32_t kHandleMask = (1U << 24) - 1;
inline constexpr std::uint32_t handle_of(HandleId id) {
    return static_cast<std::uint32_t>(id) & kHandleMask;
}
static_assert(coroscope::wire::kChannelsMax <= 1U << 22 && coroscope::wire::kHandlesMax <= 1U << 24);

class ChannelTables {
public:
    void start(emit::StateSegment& segment);
    void stop();

    // Generation of the runtime that lives; 0 = none.
    std::uint32_t generation() const { return generation_.load(std::memory_order_relaxed); }
    bool threads_cancelled() const { return threads_cancelled_.load(std::memory_order_relaxed); }
    void cancel_threads() { threads_cancelled_.store(true, std::memory_order_relaxed); }
    // A thread that is no worker is about to wait, under the lock of what it waits for; has done with the records of the wait.
    void thread_waits() { threads_waiting_.fetch_add(1, std::memory_order_relaxed); }
    void thread_goes_on() { threads_waiting_.fetch_sub(1, std::memory_order_release); }  // [channel.threads]
    std::uint32_t threads_waiting() const { return threads_waiting_.load(std::memory_order_acquire); }

    wire::ChannelRecord& channel(std::uint32_t index) { return channels_[index]; }
    wire::HandleRecord& handle(std::uint32_t index) { return handles_[index]; }
    ChannelState& state(std::uint32_t index) {
        return chunks_[index / kStatesPerChunk].load(std::memory_order_acquire)[index % kStatesPerChunk];
    }
    // The same for an index that may be stale; nullptr when there never was such a channel.
    ChannelState* find_state(std::uint32_t index);
    std::uint32_t channels_count() const { return channels_count_.load(std::memory_order_acquire); }

    // Index of a channel record that is not in use, with its state; kNone when there is no room.
    std::uint32_t take_channel();
    void give_channel(std::uint32_t index);
    // Index of a handle record that names the channel; kNone when there is no room. Workers have unused ones of their own, a thread
    // that is none (null) takes and gives the shared ones.
    std::uint32_t take_handle(Worker* worker, std::uint32_t channel, std::uint32_t rights, std::uint64_t holder);
    void give_handle(Worker* worker, std::uint32_t index);
    // The worker's share of it, without a lock and a call. take: kNone when the worker has none left; give: only while it may keep more.
    [[gnu::always_inline]] std::uint32_t take_own_handle(Worker& worker) {
        const std::uint32_t index = worker.free_handles;
        if (index != coroscope::wire::kNone) {
            worker.free_handles = static_cast<std::uint32_t>(
                handles_[index].holder.load(std::memory_order_relaxed));
            --worker.free_handles_count;
        }
        return index;
    }
    [[gnu::always_inline]] void describe_handle(std::uint32_t index, std::uint32_t channel,
                                                std::uint32_t rights, std::uint64_t holder) {
        handles_[index].holder.store(holder, std::memory_order_relaxed);
        handles_[index].rights.store(rights, std::memory_order_relaxed);
        // Release: a viewer that sees the channel sees right and holder.
        handles_[index].channel.store(channel, std::memory_order_release);
    }
    [[gnu::always_inline]] static bool may_keep_handle(const Worker& worker) {
        return worker.free_handles_count < 2 * kHandlesPerRefill;
    }
    [[gnu::always_inline]] void give_own_handle(Worker& worker, std::uint32_t index) {
        worker.free_handles = free_handle(index, worker.free_handles);
        ++worker.free_handles_count;
    }

    std::uint64_t next_identity() { return next_identity_.fetch_add(1, std::memory_order_relaxed); }
    // The string of a name and the totals of all channels so called; a new name gets a record of its own.
    struct Name {
        std::uint32_t string = coroscope::wire::kNone;
        std::uint32_t totals = 0;
    };
    Name intern(std::string_view name);
    void count_created(std::uint32_t totals) {
        totals_[totals].channels.fetch_add(1, std::memory_order_relaxed);
    }
    void count_gone(std::uint32_t totals, std::uint64_t sent, std::uint64_t received);

private:
    static constexpr std::uint32_t kStatesPerChunk = sync::kModelled ? 4 : 1024;
    static constexpr std::uint32_t kChunksMost = sync::kModelled
                                                     ? 1
                                                     : coroscope::wire::kChannelsMax / kStatesPerChunk;
    static constexpr std::uint32_t kHandlesPerRefill = sync::kModelled ? 2 : 64;

    // A list of unused handle records.
    struct HandleList {
        std::uint32_t first = coroscope::wire::kNone;
        std::uint32_t count = 0;
    };
    // Unused from now on, before `next` in a list. Returns it.
    [[gnu::always_inline]] std::uint32_t free_handle(std::uint32_t index, std::uint32_t next) {
        // First of all it is free: a viewer must not take the link for a holder.
        handles_[index].channel.store(coroscope::wire::kNone, std::memory_order_release);
        handles_[index].rights.store(0, std::memory_order_relaxed);
        handles_[index].holder.store(next, std::memory_order_relaxed);
        return index;
    }
    HandleList take_shared_handles(std::uint32_t most);

    emit::StateSegment* segment_ = nullptr;
    wire::ChannelRecord* channels_ = nullptr;
    wire::HandleRecord* handles_ = nullptr;
    wire::ChannelTotalsRecord* totals_ = nullptr;

    // Writer: start and stop. Readers: any thread, to tell stale handles; relaxed, since whoever has a handle of this
    // generation got it from a thread that saw the runtime start.
    sync::atomic<std::uint32_t> generation_{0};
    std::uint32_t generations_ = 0;
    sync::atomic<bool> threads_cancelled_{
        false};  // writer: shutdown, before it takes each channel's lock in turn
    // Writers: such threads. Reader: the end of the runtime, which takes the records away when it is 0 [channel.threads].
    sync::atomic<std::uint32_t> threads_waiting_{0};
    sync::atomic<std::uint32_t> channels_count_{
        0};  // records ever used; writer: holder of lock_, after state and record stand
    sync::atomic<std::uint64_t> next_identity_{1};  // of channels; only uniqueness matters

    SpinLock lock_;  // guards the free lists
    std::vector<std::uint32_t> free_channels_;
    std::uint32_t first_free_handle_ = coroscope::wire::kNone;  // that no worker keeps; linked through HandleRecord::holder

    std::mutex names_lock_;
    std::unique_ptr<std::unordered_map<std::uint32_t, std::uint32_t>> totals_of_name_;  // lives from start to stop

    // Writer: holder of lock_, release: the states are made [channel.states]. Readers: anybody, acquire. Never replaced, never freed.
    std::array<sync::atomic<ChannelState*>, kChunksMost> chunks_{};
};

// Hidden, here and elsewhere: found without a look at the global offset table.
[[gnu::visibility("hidden")]] extern ChannelTables g_channels;

}  // namespace cprime::detail
