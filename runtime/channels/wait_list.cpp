// Links and tickets.
#include "runtime/channels/wait_list.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

ChannelRequest& request_of(std::uint32_t index) {
    return *reinterpret_cast<ChannelRequest*>(record(index).transfer);
}
ChannelRequest& request_of(const ThreadWaiter& waiter) {
    return *static_cast<ChannelRequest*>(waiter.transfer);
}

std::uint32_t ticket_of(std::uint32_t index) {
    return static_cast<std::uint32_t>(request_of(index).link >> 32);
}
std::uint32_t ticket_of(const ThreadWaiter& waiter) {
    return static_cast<const WaitingThread&>(waiter).ticket;
}

}  // namespace

void WaitList::add_coroutine(std::uint32_t index, ChannelRequest& request) {
    request.link = std::uint64_t{next_ticket_++} << 32 | index << 1 | 1;
    const std::uint32_t last = last_.load(kRelaxed);
    wire::CoroutineRecord& added = record(index);
    added.next.store(wire::kNone, kRelaxed);
    added.previous.store(last, std::memory_order_release);  // [channel.unlinked]
    (last == wire::kNone ? first_ : record(last).next).store(index, kRelaxed);
    last_.store(index, kRelaxed);
    RecordChange::add(waiting_, 1U);
}

void WaitList::add_thread(WaitingThread& waiter, ChannelRequest& request) {
    request.link = reinterpret_cast<std::uint64_t>(&waiter);
    waiter.ticket = next_ticket_++;
    waiter.transfer = &request;
    waiter.next = nullptr;
    waiter.previous = threads_.last;
    (threads_.last == nullptr ? threads_.first : threads_.last->next) = &waiter;
    threads_.last = &waiter;
}

Waiter WaitList::take_oldest() {
    const std::uint32_t index = first_.load(kRelaxed);
    ThreadWaiter* thread = threads_.first;
    const bool coroutine_first = thread == nullptr ||
                                 (index != wire::kNone &&
                                  static_cast<std::int32_t>(ticket_of(index) - ticket_of(*thread)) < 0);
    if (coroutine_first) {
        ChannelRequest& request = request_of(index);
        remove_coroutine(index);
        return {&request, nullptr, index};
    }
    return take_oldest_thread();
}

Waiter WaitList::take_oldest_thread() {
    ThreadWaiter* thread = threads_.first;
    threads_.first = thread->next;
    (thread->next == nullptr ? threads_.last : thread->next->previous) = nullptr;
    return {&request_of(*thread), thread, wire::kNone};
}

void WaitList::remove_coroutine(std::uint32_t index) {
    wire::CoroutineRecord& removed = record(index);
    const std::uint32_t next = removed.next.load(kRelaxed);
    const std::uint32_t previous = removed.previous.load(kRelaxed);
    (previous == wire::kNone ? first_ : record(previous).next).store(next, kRelaxed);
    (next == wire::kNone ? last_ : record(next).previous).store(previous, std::memory_order_release);
    removed.previous.store(index, std::memory_order_release);  // [channel.unlinked]
    RecordChange::add(waiting_, ~0U);
}

}  // namespace cprime::detail
