// Sends into a buffer that has room, and receives from one that has items, without leaving the coroutine's stack.
//
// What a message through a buffer needs when nothing is out of the ordinary: one worker, whose locks are biased (scheduler/worker_bias.h), nobody who
// watches, nobody who waits on the other side, an item of one word. Anything else answers false, nothing having happened, and the caller parks
// (operations.cpp), where the same is done in general. Half a buffered message takes 60 instructions here instead of 245.
//
// These run on a coroutine's stack, which may have 64 bytes left: each uses less than cprime_park would (its saved frame), which the build checks
// (-Wstack-usage), and calls nothing.
//
// Thread: a coroutine's; on others they answer false. Tested as every buffered channel is, and in tests/unit/runtime/channel_micro_test.cpp.
#include <cstring>

#include "runtime/channels/access.h"

// To the linker these functions keep to the room that growable code has below its limit (64 bytes): it need not ask for more.
asm(".section .note.GNU-split-stack, \"\", @progbits\n"
    ".section .note.GNU-no-split-stack, \"\", @progbits\n"
    ".text");

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// The caller's worker, if a short way may be tried at all.
[[gnu::always_inline]] inline Worker* usual_worker() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return nullptr;
#else
    Worker* worker = cprime_current_worker;
    const bool usual = worker != nullptr && (worker->attention | worker->sampling) == 0 &&
                       (emit::g_listen.mask.load(kRelaxed) | cprime_urgent.load(kRelaxed)) == 0;
    return usual ? worker : nullptr;
#endif
}

[[gnu::always_inline]] inline void count_moved(wire::ChannelRecord& record, wire::shown<std::uint64_t>& moved,
                                               std::uint32_t length) {
    const RecordChange change(record);
    record.length.store(length, kRelaxed);
    RecordChange::add(moved, std::uint64_t{1});
    static_cast<void>(change.operation());
}

[[gnu::always_inline]] inline std::byte* cell_at(const ChannelState& state, std::uint64_t position) {
    return state.buffer + position * sizeof(std::uint64_t);
}

}  // namespace

extern "C" bool cprime_send_shortly(ChannelRequest* request) noexcept {
    const Worker* worker = usual_worker();
    const HandleId id = request->handle;
    if (worker == nullptr || generation_of(id) != g_channels.generation() || !worker_bias().enter())
        return false;
    wire::ChannelRecord& record = g_channels.channel(channel_of(id));
    ChannelState& state = g_channels.state(channel_of(id));
    const std::uint32_t length = record.length.load(kRelaxed);
    const bool usual = length < record.capacity && state.cell_bytes == sizeof(std::uint64_t) &&
                       record.first_receiver.load(kRelaxed) == wire::kNone &&
                       (record.flags.load(kRelaxed) & wire::kChannelClosed) == 0;
    if (__builtin_expect(!usual, 0)) {
        worker_bias().leave();
        return false;
    }
    note_user(id, worker, worker->current_index);
    const std::uint64_t end = std::uint64_t{state.head} + length;
    std::memcpy(cell_at(state, end < record.capacity ? end : end - record.capacity), request->item,
                sizeof(std::uint64_t));
    count_moved(record, record.sent, length + 1);
    worker_bias().leave();
    request->status = Status::ok;
    return true;
}

extern "C" bool cprime_receive_shortly(ChannelRequest* request) noexcept {
    const Worker* worker = usual_worker();
    const HandleId id = request->handle;
    if (worker == nullptr || generation_of(id) != g_channels.generation() || !worker_bias().enter())
        return false;
    wire::ChannelRecord& record = g_channels.channel(channel_of(id));
    ChannelState& state = g_channels.state(channel_of(id));
    const std::uint32_t length = record.length.load(kRelaxed);
    const bool usual = length != 0 && state.cell_bytes == sizeof(std::uint64_t) &&
                       record.first_sender.load(kRelaxed) == wire::kNone;
    if (__builtin_expect(!usual, 0)) {
        worker_bias().leave();
        return false;
    }
    note_user(id, worker, worker->current_index);
    std::memcpy(request->item, cell_at(state, state.head), sizeof(std::uint64_t));
    state.head = state.head + 1 == record.capacity ? 0 : state.head + 1;
    count_moved(record, record.received, length - 1);
    worker_bias().leave();
    request->status = Status::ok;
    return true;
}

}  // namespace cprime::detail
