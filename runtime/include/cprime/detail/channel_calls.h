// The runtime calls behind channel.h: what a wrapper puts into its frame, and the functions it hands to the stub.
//
// Items cross in one of three ways, decided by the type and the capacity:
//   bytes   T is trivially copyable: the runtime copies it under the channel's lock, from frame to buffer or frame to frame.
//   nodes   any other T, buffered: the sender moves it into a node of its own; the runtime passes the pointer as bytes.
//   frames  any other T, unbuffered: it stays in the sender's frame. Whichever side comes second is given the other's
//           request (the peer), moves the item on its own stack, outside locks, and then calls channel_complete.
//
// Thread: any that may call the runtime. Not part of the public interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "cprime/detail/park.h"
#include "cprime/place.h"
#include "cprime/result.h"

namespace cprime {

// What a channel has moved and holds, at one instant. For statistics and tests.
struct ChannelStatistics {
    std::uint64_t sent = 0, received = 0;
    std::uint32_t length = 0, capacity = 0;                    // items
    std::uint32_t senders_waiting = 0, receivers_waiting = 0;  // coroutines
    bool closed = false;
};

namespace detail {

// Names a handle record, its channel and the runtime they belong to; 0 = empty.
using HandleId = std::uint64_t;
inline constexpr HandleId kBufferedBit = 1ULL << 46;  // the channel has a buffer

inline constexpr std::uint32_t kMaySend = 1;  // = wire::kHandleSend
inline constexpr std::uint32_t kMayReceive = 2;

// One send or receive. Lives in the caller's frame, where the other side finds it while the caller waits. As small as can be: it is
// what a channel call costs of a 256-byte stack.
struct ChannelRequest {
    union {
        HandleId handle;  // in
        Status status;    // out
    };
    void* item;  // send: what goes; receive: where it comes to
    std::uint64_t link;  // while the caller waits: who it is (waiter.h); out, for frames: the peer's request, 0 = nothing to move

    [[gnu::always_inline]] ChannelRequest* peer() const noexcept {
        return reinterpret_cast<ChannelRequest*>(link);
    }
};
static_assert(sizeof(ChannelRequest) == 24);

// The same with a time after which the caller does not want to wait any more.
struct TimedChannelRequest : ChannelRequest {
    std::int64_t timeout_ns;
};

enum class Side : std::uint8_t { send, receive };
enum class Items : std::uint8_t { bytes, frames };
enum class Waits : std::uint8_t { forever, never, until };

// argument: ChannelRequest*, with Waits::until a TimedChannelRequest*. `bytes` copies; `frames` may answer ok with a peer; `never` answers
// would_block instead of waiting, `until` timed_out.
template <Side, Items, Waits>
ResumePoint channel_call(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// The same, on the caller's own stack, where it can be done at once and nothing is out of the ordinary: true, with the request's status.
// False: nothing has happened, and channel_call is to be called. Of bytes, or of nodes.
extern "C" bool cprime_send_shortly(ChannelRequest* request) noexcept;
extern "C" bool cprime_receive_shortly(ChannelRequest* request) noexcept;
// The same, and otherwise what channel_call<..., bytes, forever> does, the caller parked as by cprime_park: nothing is left to be called.
extern "C" void cprime_send(ChannelRequest* request) noexcept;
extern "C" void cprime_receive(ChannelRequest* request) noexcept;
// The item has been moved between request and peer: the peer may go on.
ResumePoint channel_complete(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// Several sends and receives of which one is to happen (select.h). In the caller's frame, like the requests it points to.
struct SelectRequest {
    ChannelRequest* const* arms;   // by position; one whose handle is 0 is never ready
    std::uint32_t receives;        // bit n: arm n receives
    std::uint32_t frames;          // bit n: items of arm n cross as frames
    std::int64_t timeout_ns;       // kWaitForEver, kDoNotWait, else how long at most
    std::uint8_t count;            // of arms, at most kSelectArmsMax
    std::uint8_t fired;            // out: position of the arm that happened, with status ok or closed
    Status status;                 // out
};
inline constexpr std::uint32_t kSelectArmsMax = 32;
inline constexpr std::uint8_t kNoArmFired = 0xff;
inline constexpr std::int64_t kWaitForEver = -1;
inline constexpr std::int64_t kDoNotWait = -2;
ResumePoint channel_select(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// Memory for one node, and its return; on the worker's stack, so that a small one need not hold malloc's frames.
struct NodeRequest {
    std::size_t bytes;
    std::size_t alignment;
    void* node;
};
ResumePoint channel_take_node(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint channel_give_node(Worker* worker, std::uint32_t coroutine, void* node) noexcept;

// What a channel must know about its items.
struct ItemType {
    std::uint32_t bytes;
    bool trivially_copyable;
    void (*destroy)(void* item);  // ~T(); nullptr when that does nothing
};

// Makes a channel with one handle for both directions. Ends the program with a sentence when there is no runtime or no room.
HandleId make_channel_handle(std::string_view name, std::uint32_t capacity, const ItemType& type,
                             const Place& where) noexcept;
// A further handle to the same channel; 0 for an empty or outlived one.
HandleId copy_handle(HandleId handle, std::uint32_t rights) noexcept;
// The handle was moved: it belongs to whoever holds it now. Returns it.
HandleId adopt_handle(HandleId handle) noexcept;
// Gives a handle back: with the last one for a direction the channel closes, with the last one at all it goes. 0 or an outlived one is no
// mistake. For channels of bytes; a coroutine that ends on a small stack needs no more frames for it than its own.
extern "C" void cprime_release_handle(HandleId handle) noexcept;
[[gnu::always_inline]] inline void release_bytes_handle(HandleId handle) noexcept {
    cprime_release_handle(handle);
    asm volatile("" ::: "memory");  // no jump, which would drop the caller's frame
}
// The same for channels of objects: items that are left are destroyed here, on the caller's stack, outside locks.
void release_object_handle(HandleId handle) noexcept;
// No more items: everybody who waits is woken with `closed`.
void close_channel(HandleId handle) noexcept;

ChannelStatistics channel_statistics(HandleId handle) noexcept;

}  // namespace detail
}  // namespace cprime
