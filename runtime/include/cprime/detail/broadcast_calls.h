// The runtime calls behind broadcast.h.
//
// Items lie in a ring of the runtime's. Bytes are copied into it and out of it; any other T travels in a node, made by its sender, counted, and
// copied from by each subscriber on its own stack: the ring holds one reference, a subscriber that copies one of its own. Whoever lets a node go
// last destroys it, on its own stack.
//
// Thread: any that may call the runtime. Not part of the public interface.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "cprime/detail/channel_calls.h"
#include "cprime/detail/waitable_calls.h"

namespace cprime::detail {

// The part that handles count. The rest is the runtime's (runtime/sync/broadcast.cpp).
struct BroadcastChannel {
    // Who writes: whoever copies or gives back a handle. Relaxed to add (who copies a handle has one); acq_rel to take away, so that whoever is last
    // sees what the others did.
    std::atomic<std::uint32_t> senders{1};
    std::atomic<std::uint32_t> references{1};  // senders and subscribers
};

struct BroadcastNode {
    // Writers: who copies from it, who lets it go. acq_rel to let go: the last one sees that all others have copied.
    std::atomic<std::uint32_t> references{1};
    BroadcastNode* next = nullptr;  // of several that are to be let go
};
template <typename T>
struct BroadcastItem : BroadcastNode {
    explicit BroadcastItem(T&& from) noexcept : item(static_cast<T&&>(from)) {}
    T item;
};

// Where a subscriber stands. In its handle; passed to the runtime by address.
struct Subscription {
    BroadcastChannel* channel = nullptr;
    std::uint64_t next = 0;    // position of the item that it gets next
    std::uint64_t missed = 0;  // items that were gone before it came for them
};

// In the caller's frame. state.flag, out with ok: nothing has happened yet, call again.
struct BroadcastRequest : WaitRequest {
    union {
        BroadcastChannel* channel;   // in, of a sender
        Subscription* subscription;  // in, of a subscriber
    };
    void* item;  // bytes: where from, or to. Else a BroadcastNode*: in, what is sent; out, what is received, or to be let go (null: none)
};
struct TimedBroadcastRequest : BroadcastRequest {
    bool begun = false;  // the runtime's, both: the limit counts from the first time
    std::int64_t until_ns = 0;
};

// `item_bytes`: of an item; 0: nodes. Ends the program with a sentence when there is no Runtime, no memory, or no capacity.
BroadcastChannel* make_broadcast(std::string_view name, std::uint32_t capacity, std::uint32_t item_bytes,
                                 bool lagging, const Place& where) noexcept;
// Each comes in three forms: Waits::until takes a TimedBroadcastRequest, Waits::never answers would_block.
template <Waits>
ResumePoint broadcast_send(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
template <Waits>
ResumePoint broadcast_receive(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// argument: Subscription*, with its channel. From the next item on.
ResumePoint broadcast_subscribe(Worker* worker, std::uint32_t coroutine, void* subscription) noexcept;
// argument: BroadcastRequest*. Out: item, a chain of nodes to be let go. Its channel is null afterwards.
ResumePoint broadcast_unsubscribe(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// argument: BroadcastChannel*.
ResumePoint broadcast_close(Worker* worker, std::uint32_t coroutine, void* channel) noexcept;
ResumePoint broadcast_sender_gone(Worker* worker, std::uint32_t coroutine, void* channel) noexcept;

template <typename T>
void let_node_go(BroadcastNode* node) noexcept {
    if (node->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    static_cast<BroadcastItem<T>*>(node)->~BroadcastItem();
    park<&channel_give_node>(node);
}

}  // namespace cprime::detail
