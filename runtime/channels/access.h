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

// There is no memory, or no record, for another one; says so and ends the program.
[[noreturn]] inline void no_room(const char* for_what) {
    std::fprintf(stderr,
                 "cprime: there is no room for another %s; fewer at once, or more memory, would help\n",
                 for_what);
    std::abort();
}

// A channel, found.
struct Found {
    std::uint32_t index;
    wire::ChannelRecord& record;
    ChannelState& state;

    WaitList senders() const { return WaitList::senders(record); }
    WaitList receivers() const { return WaitList::receivers(record); }
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
    wire::shared<std::uint64_t>& holder = g_channels.handle(handle_of(id)).holder;
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
// The same while the peer of a transfer that the caller is to complete waits for it: nobody else runs before that.
inline ResumePoint go_on_at_once(Worker* worker) {
    return worker != nullptr ? worker->current : nullptr;
}

// What a call of short_ways.cpp that has to wait hands to cprime_park; leaves the section that was entered there.
template <Side>
ResumePoint wait_shortly(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// cprime_release_handle where it is not done on the caller's stack. `handle`: the HandleId itself, as a pointer.
ResumePoint channel_release(Worker* worker, std::uint32_t coroutine, void* handle) noexcept;
// A further handle to the channel, if nothing is out of the ordinary; else 0. On a coroutine's stack.
HandleId copy_handle_shortly(HandleId handle, std::uint32_t rights) noexcept;

// Ends the wait of a select that the caller has claimed: takes its arms out of their lists, gives them back, and wakes the waiter, who
// finds that `fired` happened with `status`. Under no channel's lock.
void retire_select(Worker* worker, std::uint32_t first_arm, wire::WakeCause cause, std::uint64_t stamp);

// Says in the waiter's frame how its call ended. Whoever took it out, before wake().
inline void tell(const Waiter& waiter, Status status) {
    waiter.request->status = status;
    waiter.request->link = 0;
    if (!waiter.is_arm()) return;
    if (SelectRequest* select = g_arms.state(waiter.arm()).select; select != nullptr) {
        select->status = status;
        select->fired = status == Status::cancelled
                            ? kNoArmFired
                            : g_arms.record(waiter.arm()).position.load(std::memory_order_relaxed);
    }
}

// Wakes somebody who was taken out of a wait list and told how it ended. Under no channel's lock.
void wake_arm(Worker* worker, std::uint32_t arm, wire::WakeCause cause, std::uint64_t stamp);
inline void wake(Worker* worker, const Waiter& waiter, wire::WakeCause cause, std::uint64_t stamp) {
    if (__builtin_expect(waiter.is_arm(), 0)) {
        wake_arm(worker, waiter.arm(), cause, stamp);
    } else {
        make_ready(worker, waiter.number, cause, stamp);
    }
}
inline wire::WakeCause waker_kind(const Worker* worker) {
    return worker != nullptr ? wire::WakeCause::kCoroutine : wire::WakeCause::kOutside;
}

// Marks the channel closed, if it is not, and wakes everybody who waits. The lock is held at the call and let go in it. When it returns
// nobody is left in the wait lists, also where somebody else has closed the channel and is still about to wake them.
void close_and_unlock(Worker* worker, const Found& channel);

// What cancellers and timers call for a coroutine that waits on a channel; on several.
void install_channel_hooks();
void install_select_hook();

}  // namespace cprime::detail
