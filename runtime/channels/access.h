// What every channel operation does first: find the channel of a handle, note who uses it, find the ring to tell.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "instrumentation/emit/probes.h"
#include "runtime/channels/channel_tables.h"
#include "runtime/channels/wait_list.h"

namespace cprime::detail {

// A call that its caller may not make; says so in one sentence and ends the program.
[[noreturn]] inline void misuse_of_handle(const char* call, HandleId id) {
    const char* why = id == 0 ? "an empty handle (default-made, moved from or reset)"
                              : "a handle of a runtime that has ended";
    std::fprintf(stderr, "cprime: %s was called on %s\n", call, why);
    std::abort();
}

// A channel, found.
struct Found {
    std::uint32_t index;
    wire::ChannelRecord& record;
    ChannelState& state;

    WaitList senders() const { return WaitList::senders(record, state); }
    WaitList receivers() const { return WaitList::receivers(record, state); }
    bool closed() const { return (record.flags.load(std::memory_order_relaxed) & wire::kChannelClosed) != 0; }
};

inline Found find_channel(HandleId id, const char* call) {
    if (__builtin_expect(id == 0 || generation_of(id) != g_channels.generation(), 0))
        misuse_of_handle(call, id);
    const std::uint32_t index = channel_of(id);
    return {index, g_channels.channel(index), g_channels.state(index)};
}

// The handle was last used by this one.
inline void note_user(HandleId id, const Worker* worker, std::uint32_t coroutine) {
    const std::uint64_t identity = current_identity(worker, coroutine);
    std::atomic<std::uint64_t>& holder = g_channels.handle(handle_of(id)).holder;
    // Written only when it changes: a handle that one coroutine keeps stays a shared line.
    if (holder.load(std::memory_order_relaxed) != identity) holder.store(identity, std::memory_order_relaxed);
}

// For the probes: the calling thread's ring, asked for only when somebody listens.
inline emit::RingWriter* ring_for(const Worker* worker) {
    if (worker != nullptr) return worker->ring;
    return emit::listening(wire::kEventCategories) ? emit::thread_writer() : nullptr;
}

// What a runtime call answers when its caller goes on.
inline ResumePoint go_on(Worker* worker) {
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

// Wakes somebody who was taken out of a wait list and whose request says how it ended. Under no channel's lock.
inline void wake(Worker* worker, const Waiter& waiter, wire::WakeCause cause, std::uint64_t stamp) {
    if (waiter.thread != nullptr) {
        waiter.thread->wake();
    } else {
        make_ready(worker, waiter.coroutine, cause, stamp);
    }
}
inline wire::WakeCause waker_kind(const Worker* worker) {
    return worker != nullptr ? wire::WakeCause::kCoroutine : wire::WakeCause::kOutside;
}

// Marks the channel closed and wakes everybody who waits. The lock is held at the call and let go in it. No effect on a closed one.
void close_and_unlock(Worker* worker, const Found& channel);

// What cancellers call for a coroutine that waits on a channel.
void install_channel_hooks();

}  // namespace cprime::detail
