// Links of coroutines and arms.
#include "runtime/channels/wait_list.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

wire::shown<std::uint32_t>& next_of(std::uint32_t number) {
    return (number & kArmBit) != 0 ? g_arms.record(number & ~kArmBit).next : record(number).next;
}
wire::shared<std::uint32_t>& previous_of(std::uint32_t number) {
    return (number & kArmBit) != 0 ? g_arms.record(number & ~kArmBit).previous : record(number).previous;
}
bool counts(std::uint32_t number) {
    return (number & kArmBit) == 0 || g_arms.record(number & ~kArmBit).coroutine.load(kRelaxed) != wire::kNone;
}

ChannelRequest& request_of(std::uint32_t number) {
    return (number & kArmBit) != 0 ? *g_arms.state(number & ~kArmBit).request
                                   : *reinterpret_cast<ChannelRequest*>(record(number).transfer);
}

bool is_select(std::uint32_t number) {
    return (number & kArmBit) != 0 && g_arms.state(number & ~kArmBit).select != nullptr;
}

}  // namespace

void WaitList::add(std::uint32_t number, ChannelRequest& request) {
    request.link = std::uint64_t{number} << 1 | 1;
    const std::uint32_t last = last_.load(kRelaxed);
    next_of(number).store(wire::kNone, kRelaxed);
    previous_of(number).store(last, std::memory_order_release);  // [channel.unlinked]
    (last == wire::kNone ? first_ : next_of(last)).store(number, kRelaxed);
    last_.store(number, kRelaxed);
    if (counts(number)) RecordChange::add(waiting_, 1U);
}

bool WaitList::anybody() {
    while (true) {
        const std::uint32_t number = first_.load(kRelaxed);
        if (number == wire::kNone) return false;
        if (!is_select(number)) return true;
        const std::uint32_t first_arm = g_arms.state(number & ~kArmBit).first;
        if ((g_arms.state(first_arm).claim.load(std::memory_order_acquire) & kClaimOpen) != 0) return true;
        remove(number);
    }
}

Waiter WaitList::take_oldest() {
    while (true) {
        const std::uint32_t number = first_.load(kRelaxed);
        if (number == wire::kNone) return {};
        const bool mine = !is_select(number) || g_arms.claim(number & ~kArmBit);
        // A claimed one's request is in a frame that stands still until whoever claimed it has taken this arm out: now.
        ChannelRequest* const request = mine ? &request_of(number) : nullptr;
        remove(number);
        if (mine) return {request, number};
    }
}

Waiter WaitList::take_oldest_thread() {
    for (std::uint32_t number = first_.load(kRelaxed); number != wire::kNone;
         number = next_of(number).load(kRelaxed)) {
        if ((number & kArmBit) == 0 || g_arms.state(number & ~kArmBit).thread == nullptr) continue;
        if (is_select(number) && !g_arms.claim(number & ~kArmBit)) continue;
        ChannelRequest& request = request_of(number);
        remove(number);
        return {&request, number};
    }
    return {};
}

void WaitList::remove(std::uint32_t number) {
    const std::uint32_t next = next_of(number).load(kRelaxed);
    const std::uint32_t previous = previous_of(number).load(kRelaxed);
    (previous == wire::kNone ? first_ : next_of(previous)).store(next, kRelaxed);
    if (next == wire::kNone) {
        last_.store(previous, kRelaxed);
    } else {
        previous_of(next).store(previous, std::memory_order_release);  // [channel.unlinked] as in add()
    }
    previous_of(number).store(number, std::memory_order_release);  // [channel.unlinked]
    if (counts(number)) RecordChange::add(waiting_, ~0U);
}

}  // namespace cprime::detail
