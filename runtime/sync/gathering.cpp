// Barriers and latches: so many must have come before anybody goes on.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/{barrier,latch}_test.cpp.
#include "runtime/sync/misuse.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

// Lets everybody through; the record's lock is let go.
ResumePoint open(Locked& object) {
    Woken woken;
    while (!object.nobody_waits()) {
        const ObjectWaiter next = object.oldest();
        object.take_out(next, Status::ok);
        next.request->state.flag = false;
        WaitableChange::add(object.record.served, std::uint64_t{1});
        woken.add(next);
    }
    object.unlock();
    woken.wake(object.worker(), cause_of(object.worker()), object.stamp());
    return carry_on(object.worker());
}

template <Patience kPatience>
ResumePoint wait_for_latch(Worker* worker, std::uint32_t me, void* argument) {
    auto& request = *static_cast<WaitRequest*>(argument);
    Locked latch(*request.object, "Latch::wait", worker);
    if (latch.value() == 0) {
        WaitableChange::add(latch.record.served, std::uint64_t{1});
        return answer(latch, request, Status::ok);
    }
    if constexpr (kPatience == Patience::kNone) return answer(latch, request, Status::would_block);
    set_limit<kPatience>(request);
    return wait_for(latch, me, request);
}

}  // namespace

// A party that has to wait counts from before it waits: whoever refuses or ends its wait takes the count back (waiter_left).
ResumePoint barrier_arrive(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<WaitRequest*>(argument);
    Locked barrier(*request.object, "Barrier::arrive_and_wait", worker);
    if (barrier.value() + 1 < barrier.record.limit) {
        barrier.change(wire::EventType::kNotify, 0, barrier.value() + 1);
        set_limit<Patience::kEndless>(request);
        return wait_for(barrier, me, request);
    }
    barrier.serve(0, 0);
    request.state.status = Status::ok;
    request.state.flag = true;
    return open(barrier);
}

ResumePoint latch_count_down(Worker* worker, std::uint32_t me, void* argument) noexcept {
    const auto& request = *static_cast<WaitRequest*>(argument);
    Locked latch(*request.object, "Latch::count_down", worker);
    const std::uint32_t before = latch.value();
    if (request.amount > before) {
        misuse(owner_identity(worker, me), "counts below zero", latch.record,
               "make it with a count that covers everybody who counts down");
    }
    latch.change(wire::EventType::kNotify, 0, before - request.amount);
    if (latch.value() == 0) return open(latch);
    latch.unlock();
    return carry_on(worker);
}

ResumePoint latch_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait_for_latch<Patience::kEndless>(worker, me, request);
}
ResumePoint latch_try_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait_for_latch<Patience::kNone>(worker, me, request);
}
ResumePoint latch_wait_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait_for_latch<Patience::kTimed>(worker, me, request);
}

}  // namespace cprime::detail
