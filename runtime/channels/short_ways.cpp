// Messages without leaving the coroutine's stack: into a buffer that has room, out of one that has items, and straight to or from a coroutine
// that waits. And handles: copied, and given back while others are left (50 instructions each instead of 500).
//
// What a message needs when nothing is out of the ordinary: a worker that nobody watches, a free lock, no select and no thread on the other side, an
// item of one or half a word. Anything else goes to channel_call (operations.cpp), nothing having happened, where the same is done in general. On
// the only worker half a buffered message takes 95 instructions here instead of 245, half one that is handed over 115 instead of 330.
//
// A call that has to wait enters the lock's section here and leaves it in wait_shortly (short_waits.cpp), on the worker's stack: what was
// seen is still so.
//
// A call ends here or jumps to cprime_park with its own frame gone.
//
// Thread: a coroutine's; on others they go to channel_call. Tested as every channel is, and in tests/unit/runtime/channel_micro_test.cpp.
#include <cstring>
#include <type_traits>

#include "runtime/channels/access.h"
#include "runtime/scheduler/short_ways.h"
#include "runtime/scheduler/short_ways_section.h"

// To the linker these functions keep to the room that growable code has below its limit (64 bytes): it need not ask for more.
asm(".section .note.GNU-split-stack, \"\", @progbits\n"
    ".section .note.GNU-no-split-stack, \"\", @progbits\n"
    ".text");

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// Whether one move copies the item.
[[gnu::always_inline]] inline bool is_small(std::uint32_t bytes) {
    return bytes == sizeof(std::uint64_t) || bytes == sizeof(std::uint32_t);
}
[[gnu::always_inline]] inline void copy_small(void* to, const void* from, std::uint32_t bytes) {
    if (bytes == sizeof(std::uint64_t)) {
        std::memcpy(to, from, sizeof(std::uint64_t));
    } else {
        std::memcpy(to, from, sizeof(std::uint32_t));
    }
}

[[gnu::always_inline]] inline std::byte* cell_at(const ChannelState& state, std::uint64_t position) {
    return state.buffer + position * state.cell_bytes;
}

// The one who has waited longest on the other side gets the caller's item, or gives his, and is to be made ready. kNone: it is none of the usual.
template <Side kSide>
[[gnu::always_inline]] inline std::uint32_t hand_over_shortly(Worker& worker, wire::ChannelRecord& channel,
                                                              std::uint32_t bytes, void* item) {
    constexpr bool kReceives = kSide == Side::receive;
    auto& first = kReceives ? channel.first_sender : channel.first_receiver;
    const std::uint32_t index = first.load(kRelaxed);
    if ((index & kArmBit) != 0) return wire::kNone;
    wire::CoroutineRecord& other = worker.records[index];
    const std::uint32_t next = other.next.load(kRelaxed);
    const bool next_is_arm = next != wire::kNone && (next & kArmBit) != 0;
    if (__builtin_expect(next_is_arm || !wakes_shortly(worker, other), 0)) return wire::kNone;
    auto& request = *reinterpret_cast<ChannelRequest*>(other.transfer);
    copy_small(kReceives ? item : request.item, kReceives ? request.item : item, bytes);
    {
        const RecordChange change(channel);
        first.store(next, kRelaxed);
        if (next == wire::kNone) {
            (kReceives ? channel.last_sender : channel.last_receiver).store(wire::kNone, kRelaxed);
        } else {
            worker.records[next].previous.store(wire::kNone, std::memory_order_release);
        }
        RecordChange::add(kReceives ? channel.senders_waiting : channel.receivers_waiting, ~0U);
        RecordChange::add(channel.sent, std::uint64_t{1});
        RecordChange::add(channel.received, std::uint64_t{1});
        RecordChange::add(channel.operations, 2U);
    }
    other.previous.store(index, std::memory_order_release);  // [channel.unlinked]
    request.status = Status::ok;
    request.link = 0;
    return index;
}

template <Side kSide>
[[gnu::always_inline]] inline void move_buffered(wire::ChannelRecord& channel, ChannelState& state,
                                                 std::uint32_t length, void* item) {
    constexpr bool kReceives = kSide == Side::receive;
    if constexpr (kReceives) {
        copy_small(item, cell_at(state, state.head), state.cell_bytes);
        state.head = state.head + 1 == channel.capacity ? 0 : state.head + 1;
    } else {
        const std::uint64_t end = std::uint64_t{state.head} + length;
        copy_small(cell_at(state, end < channel.capacity ? end : end - channel.capacity), item,
                   state.cell_bytes);
    }
    const RecordChange change(channel);
    channel.length.store(kReceives ? length - 1 : length + 1, kRelaxed);
    RecordChange::add(kReceives ? channel.received : channel.sent, std::uint64_t{1});
    static_cast<void>(change.operation());
}

// What a call may turn out to be, and what it tells its caller: whether it is done, or nothing, since it is.
enum class Call : std::uint8_t { never_waits, may_wait };
template <Call kCall>
using Answer = std::conditional_t<kCall == Call::may_wait, void, bool>;

// Nothing of it has happened: the general way, or word to the caller that it take one.
template <Side kSide, Call kCall>
[[gnu::always_inline]] inline Answer<kCall> generally(ChannelRequest* request) {
    if constexpr (kCall == Call::never_waits) {
        return false;
    } else {
        cprime_park(&channel_call<kSide, Items::bytes, Waits::forever>, request);
    }
}

// Not one of the buffer alone. In the section, which it leaves, or wait_shortly does. Jumped to.
template <Side kSide, Call kCall>
[[gnu::noinline]] CPRIME_SHORT_WAY Answer<kCall> hand_over_or_wait(ChannelRequest* request, Worker* worker, HandleId id,
                                                  wire::ChannelRecord& channel, ChannelState& state) {
    constexpr bool kReceives = kSide == Side::receive;
    const bool closed = (channel.flags.load(kRelaxed) & wire::kChannelClosed) != 0;
    if ((kReceives ? channel.first_sender : channel.first_receiver).load(kRelaxed) != wire::kNone) {
        const bool at_once = !closed && is_small(state.cell_bytes) && (!kReceives || channel.capacity == 0);
        // One that must answer cannot jump to tell_others.
        const bool may_tell = kCall == Call::may_wait || (worker->attention & kOthers) == 0;
        std::uint32_t other = wire::kNone;
        if (at_once && may_tell)
            other = hand_over_shortly<kSide>(*worker, channel, state.cell_bytes, request->item);
        if (__builtin_expect(other != wire::kNone, 1)) {
            note_user(id, worker, worker->current_index);
            leave_shortly(*worker, state.lock);
            request->status = Status::ok;
            make_ready_shortly(*worker, worker->records[other], other);
            if constexpr (kCall == Call::never_waits) {
                return true;
            } else {
                if (others_want_notice(*worker)) cprime_park(&tell_others, nullptr);
                return;
            }
        }
    } else if constexpr (kCall == Call::may_wait) {
        const std::uint32_t length = channel.length.load(kRelaxed);
        if (!closed && (kReceives ? length == 0 : length >= channel.capacity)) {
            note_user(id, worker, worker->current_index);
            return cprime_park(&wait_shortly<kSide>, request);
        }
    }
    leave_shortly(*worker, state.lock);
    return generally<kSide, kCall>(request);
}

template <Side kSide, Call kCall>
[[gnu::always_inline]] inline Answer<kCall> call_shortly(ChannelRequest* request) {
    constexpr bool kReceives = kSide == Side::receive;
    Worker* worker = usual_worker();
    const HandleId id = request->handle;
    if (worker == nullptr || generation_of(id) != g_channels.generation())
        return generally<kSide, kCall>(request);
    wire::ChannelRecord& channel = g_channels.channel(channel_of(id));
    ChannelState& state = g_channels.state(channel_of(id));
    if (!enter_shortly(*worker, state.lock)) return generally<kSide, kCall>(request);
    const std::uint32_t length = channel.length.load(kRelaxed);
    const std::uint32_t nobody = (kReceives ? channel.first_sender : channel.first_receiver).load(kRelaxed);
    const bool movable = kReceives ? length != 0 : length < channel.capacity;
    const bool open = kReceives || (channel.flags.load(kRelaxed) & wire::kChannelClosed) == 0;
    if (!movable || nobody != wire::kNone || !open || !is_small(state.cell_bytes))
        return hand_over_or_wait<kSide, kCall>(request, worker, id, channel, state);
    note_user(id, worker, worker->current_index);
    move_buffered<kSide>(channel, state, length, request->item);
    leave_shortly(*worker, state.lock);
    request->status = Status::ok;
    if constexpr (kCall == Call::never_waits) return true;
}

}  // namespace

extern "C" CPRIME_SHORT_WAY bool cprime_send_shortly(ChannelRequest* request) noexcept {
    return call_shortly<Side::send, Call::never_waits>(request);
}
extern "C" CPRIME_SHORT_WAY bool cprime_receive_shortly(ChannelRequest* request) noexcept {
    return call_shortly<Side::receive, Call::never_waits>(request);
}
extern "C" CPRIME_SHORT_WAY void cprime_send(ChannelRequest* request) noexcept {
    call_shortly<Side::send, Call::may_wait>(request);
}
extern "C" CPRIME_SHORT_WAY void cprime_receive(ChannelRequest* request) noexcept {
    call_shortly<Side::receive, Call::may_wait>(request);
}

CPRIME_SHORT_WAY HandleId copy_handle_shortly(HandleId id, std::uint32_t rights) noexcept {
    Worker* worker = usual_worker();
    if (worker == nullptr || generation_of(id) != g_channels.generation()) return 0;
    const std::uint32_t index = channel_of(id);
    SpinLock& lock = g_channels.state(index).lock;
    if (worker->free_handles == wire::kNone || !enter_shortly(*worker, lock)) return 0;
    {
        wire::ChannelRecord& channel = g_channels.channel(index);
        const RecordChange change(channel);
        count_handle(channel, rights, 1);
    }
    leave_shortly(*worker, lock);
    const wire::CoroutineDetail& self = detail(worker->current_index);
    const std::uint64_t adopting = self.private_word & kPrivateAdopting;
    const std::uint32_t handle = g_channels.take_own_handle(*worker);
    g_channels.describe_handle(handle, index, rights, adopting != 0 ? adopting : self.identity.load(kRelaxed));
    return (id & ~std::uint64_t{kHandleMask}) | handle;
}

extern "C" CPRIME_SHORT_WAY void cprime_release_handle(HandleId id) noexcept {
    if (id == 0) return;
    Worker* worker = usual_worker();
    if (worker == nullptr || generation_of(id) != g_channels.generation() ||
        !ChannelTables::may_keep_handle(*worker) ||
        !enter_shortly(*worker, g_channels.state(channel_of(id)).lock)) {
        return cprime_park(&channel_release, reinterpret_cast<void*>(id));
    }
    SpinLock& lock = g_channels.state(channel_of(id)).lock;
    wire::ChannelRecord& channel = g_channels.channel(channel_of(id));
    const std::uint32_t rights = g_channels.handle(handle_of(id)).rights.load(kRelaxed);
    const std::uint32_t senders = (rights & kMaySend) != 0 ? 1 : 0;
    const std::uint32_t receivers = (rights & kMayReceive) != 0 ? 1 : 0;
    const bool others_left = channel.sender_handles.load(kRelaxed) > senders &&
                             channel.receiver_handles.load(kRelaxed) > receivers;
    if (__builtin_expect(!others_left, 0)) {
        leave_shortly(*worker, lock);
        return cprime_park(&channel_release, reinterpret_cast<void*>(id));
    }
    {
        const RecordChange change(channel);
        count_handle(channel, rights, ~0U);
    }
    g_channels.give_own_handle(*worker, handle_of(id));
    leave_shortly(*worker, lock);
}

}  // namespace cprime::detail
