// Once: who runs it, and what becomes of those who wait for that.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/once_test.cpp.
#include "runtime/sync/misuse.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {

ResumePoint once_begin(Worker* worker, std::uint32_t me, void* argument) noexcept {
    auto& request = *static_cast<WaitRequest*>(argument);
    Locked once(*request.object, "Once::call", worker);
    request.state.flag = false;
    if (once.value() == wire::kOnceDone) {
        WaitableChange::add(once.record.served, std::uint64_t{1});
        return answer(once, request, Status::ok);
    }
    const std::uint64_t self = owner_identity(worker, me);
    if (once.value() == wire::kOnceNew) {
        once.serve(self, wire::kOnceRunning);
        request.state.flag = true;
        return answer(once, request, Status::ok);
    }
    if (once.owner() == self) {
        waits_for_itself(self, "calls", once.record, "do not call it from within its own function");
    }
    set_limit<Patience::kEndless>(request);
    return wait_for(once, me, request);
}

ResumePoint once_done(Worker* worker, std::uint32_t, void* object) noexcept {
    Locked once(*static_cast<Waitable*>(object), "Once::call", worker);
    once.change(wire::EventType::kLockRelease, 0, wire::kOnceDone);
    Woken woken;
    while (!once.nobody_waits()) {
        const ObjectWaiter next = once.oldest();
        once.take_out(next, Status::ok);
        WaitableChange::add(once.record.served, std::uint64_t{1});
        woken.add(next);
    }
    once.unlock();
    woken.wake(worker, cause_of(worker), once.stamp());
    return carry_on(worker);
}

// An exception went through: whoever has waited longest tries next.
ResumePoint once_failed(Worker* worker, std::uint32_t, void* object) noexcept {
    Locked once(*static_cast<Waitable*>(object), "Once::call", worker);
    once.change(wire::EventType::kLockRelease, 0, wire::kOnceNew);
    Woken woken;
    if (!once.nobody_waits()) {
        const ObjectWaiter next = once.oldest();
        once.take_out(next, Status::ok);
        next.request->state.flag = true;
        once.serve(next.owner(), wire::kOnceRunning);
        woken.add(next);
    }
    once.unlock();
    woken.wake(worker, cause_of(worker), once.stamp());
    return carry_on(worker);
}

}  // namespace cprime::detail
