// Channels: queues that coroutines and threads share. Each item goes to one receiver.
//
//   auto [numbers, inbox] = cprime::make_channel<int>("numbers", 16);
//   cprime::spawn("count", [numbers = std::move(numbers)] { for (int i = 0; i < 100; ++i) numbers.send(i); });
//   while (auto number = inbox.receive()) use(*number);      // ends when the last sender is gone
//
// Capacity 0, the default: a sender waits until a receiver has taken its item. Capacity n: n items lie ready before senders
// wait. Who waits is served in the order of arrival, and gets the item directly.
//
// What may be done with a channel is the handle's type: Sender<T>, Receiver<T>, or Channel<T> for both. Handles are small
// (8 bytes), may be copied, and count: a channel closes with its last sender or its last receiver, and goes with its last
// handle. A handle moved into a coroutine at its spawn belongs to that coroutine; Coroscope takes from this who could still
// wake whom.
//
// Calls that wait park the coroutine; on a thread that is no worker they block the thread. They answer with a Result:
//   ok           the item was sent, or is here
//   closed       nothing was sent; or the channel is closed and empty
//   cancelled    it would have had to wait, and this coroutine has been asked to end
//   would_block  only from try_send and try_receive: it would have had to wait
//   timed_out    only from send_for and receive_for: it waited as long as it was told to
//
//   send(item)         waits while there is no room (unbuffered: no receiver). An item that can be copied byte by byte is; any other one is moved
//                      from, but only when the answer is ok, or copied on the caller's stack where it is given as an lvalue
//   receive()          the oldest item. Waits while there is none; what was sent before the channel was closed is still delivered
//   send_for, receive_for, try_send, try_receive    the same, waiting at most so long, or not at all
//   close()            ends the channel for everybody: whoever waits is woken with `closed`, later sends answer `closed`, what is in the
//                      buffer can still be received. Never waits; closing twice is no mistake
//
// To wait for one of several channels at once: cprime/select.h.
//
// T is nothrow-movable. Its moves and its destructor run on the stacks of those who send and receive, never under a lock; a move
// must not itself wait for anything.
//
// Thread: coroutines, and other threads while the Runtime lives. Sending and receiving through one handle object from several at
// once is safe, but Coroscope then knows only its last user: give each a copy. Tested in tests/unit/runtime, tests/model and tests/stress.
#pragma once

#include <cstdint>
#include <string_view>

#include "cprime/detail/channel_handle.h"
#include "cprime/result.h"

namespace cprime {

template <typename T>
class Channel;

// May send and close. Does not receive.
template <typename T>
class [[nodiscard]] Sender : public detail::Handle<T, detail::kMaySend> {
    using Base = detail::Handle<T, detail::kMaySend>;

public:
    Sender() noexcept = default;
    // The sending side of a channel that one holds both sides of.
    Sender(const Channel<T>& channel) noexcept;

    using Base::close;
    using Base::send;
    using Base::send_for;
    using Base::try_send;
};

// May receive. Does not send, does not close; the channel closes when the last receiver is gone.
template <typename T>
class [[nodiscard]] Receiver : public detail::Handle<T, detail::kMayReceive> {
    using Base = detail::Handle<T, detail::kMayReceive>;

public:
    Receiver() noexcept = default;
    Receiver(const Channel<T>& channel) noexcept;

    using Base::receive;
    using Base::receive_for;
    using Base::try_receive;
};

// May do both, and is what a channel is made by. It counts as a sender and as a receiver: a coroutine that waits for the
// others to finish must not hold one.
template <typename T>
class [[nodiscard]] Channel : public detail::Handle<T, detail::kMaySend | detail::kMayReceive> {
    using Base = detail::Handle<T, detail::kMaySend | detail::kMayReceive>;

public:
    // A new channel. `name` is how Coroscope shows it ("" = by number); channels of one name share their totals. `capacity` in
    // items. Ends the program with a sentence when no Runtime lives.
    explicit Channel(std::string_view name = {}, std::uint32_t capacity = 0,
                     const Place& where = CPRIME_HERE) noexcept
        : Base(detail::make_channel_handle(name, capacity, detail::item_type<T>(), where)) {}

    Sender<T> sender() const noexcept { return Sender<T>(*this); }
    Receiver<T> receiver() const noexcept { return Receiver<T>(*this); }

    using Base::close;
    using Base::receive;
    using Base::receive_for;
    using Base::send;
    using Base::send_for;
    using Base::try_receive;
    using Base::try_send;
};

template <typename T>
Sender<T>::Sender(const Channel<T>& channel) noexcept : Base(channel) {}
template <typename T>
Receiver<T>::Receiver(const Channel<T>& channel) noexcept : Base(channel) {}

template <typename T>
struct ChannelEnds {
    Sender<T> sender;
    Receiver<T> receiver;
};
// A new channel as its two ends: auto [sender, receiver] = make_channel<int>("name", 16).
template <typename T>
[[nodiscard]] ChannelEnds<T> make_channel(std::string_view name = {}, std::uint32_t capacity = 0,
                                          const Place& where = CPRIME_HERE) noexcept {
    const Channel<T> channel(name, capacity, where);
    return {channel.sender(), channel.receiver()};
}

}  // namespace cprime
