// The usual wait on a channel: what short_ways.cpp began on the coroutine's stack ends here on the worker's.
//
// The section of the channel's lock was entered there, and nothing has happened since; it is left once the coroutine stands in the wait list.
// Then the worker goes on with somebody else.
//
// Thread: a worker's. Tested as every channel is.
#include "runtime/channels/access.h"
#include "runtime/scheduler/short_ways.h"
#include "runtime/scheduler/switching.h"

namespace cprime::detail {

template <Side kSide>
ResumePoint wait_shortly(Worker* worker, std::uint32_t me, void* argument) noexcept {
    constexpr bool kReceives = kSide == Side::receive;
    constexpr auto kRelaxed = std::memory_order_relaxed;
    constexpr auto kReason = kReceives ? wire::WaitReason::kChannelReceive : wire::WaitReason::kChannelSend;
    auto& request = *static_cast<ChannelRequest*>(argument);
    const std::uint32_t index = channel_of(request.handle);
    SpinLock& lock = g_channels.state(index).lock;
    wire::CoroutineRecord& self = *worker->current;
    self.reason.store(kReason, kRelaxed);
    self.wait_object.store(index, kRelaxed);
    self.state.store(wire::CoroutineState::kParked, std::memory_order_release);  // [park.cancel]
    sync::light_fence();
    const std::uint8_t flags = self.flags.load(kRelaxed);
    constexpr auto kUnusual = wire::kCoroutineCancelRequested | wire::kCoroutineSegments;
    if (__builtin_expect((flags & kUnusual) != 0, 0)) {
        self.reason.store(wire::WaitReason::kNothing, kRelaxed);
        self.wait_object.store(wire::kNone, kRelaxed);
        self.state.store(wire::CoroutineState::kRunning, kRelaxed);
        leave_shortly(*worker, lock);
        return channel_call<kSide, Items::bytes, Waits::forever>(worker, me, argument);
    }
    wire::ChannelRecord& channel = g_channels.channel(index);
    {
        const RecordChange change(channel);
        static_cast<void>(change.operation());
        (kReceives ? WaitList::receivers(channel) : WaitList::senders(channel)).add_coroutine(me, self, request);
    }
    self.transfer = reinterpret_cast<std::uint64_t>(&request);
    put_away(*worker, self, me, flags, kReason, index, 0);
    leave_shortly(*worker, lock);  // published: nothing of the coroutine or its request is touched from here on
    return pick_next(*worker);
}

template ResumePoint wait_shortly<Side::send>(Worker*, std::uint32_t, void*) noexcept;
template ResumePoint wait_shortly<Side::receive>(Worker*, std::uint32_t, void*) noexcept;

}  // namespace cprime::detail
