// Nurseries: who lives in one is counted in its record; whoever waits for it waits until nobody does.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/nursery_test.cpp.
#include "cprime/detail/cancel_calls.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

// Nobody lives in a nursery that has no record in this Runtime: it was never used, or all have ended with theirs.
bool is_empty_for_good(const Waitable& object) {
    return g_waitables.find_existing(object) == wire::kNone;
}

ResumePoint wait(Worker* worker, std::uint32_t me, WaitRequest& request, bool firm) {
    if (is_empty_for_good(*request.object)) {
        request.state.status = Status::ok;
        return carry_on(worker);
    }
    Locked nursery(*request.object, "Nursery::wait", worker);
    if (nursery.value() == 0) return answer(nursery, request, Status::ok);
    set_limit<Patience::kEndless>(request);
    request.state.firm = firm && worker != nullptr;
    request.state.cancelled_before = false;
    return wait_for(nursery, me, request);
}

}  // namespace

ResumePoint nursery_enter(Worker* worker, std::uint32_t, void* object) noexcept {
    Locked nursery(*static_cast<Waitable*>(object), "Nursery::spawn", worker);
    nursery.change(wire::EventType::kNotify, 0, nursery.value() + 1);
    nursery.unlock();
    return carry_on(worker);
}

ResumePoint nursery_leave(Worker* worker, std::uint32_t, void* object) noexcept {
    Locked nursery(*static_cast<Waitable*>(object), "Nursery", worker);
    nursery.change(wire::EventType::kNotify, 0, nursery.value() - 1);
    Woken woken;
    while (nursery.value() == 0 && !nursery.nobody_waits()) {
        const ObjectWaiter next = nursery.oldest();
        nursery.take_out(next, Status::ok);
        nursery.serve(0, 0);
        woken.add(next);
    }
    nursery.unlock();  // the object may be gone from here on
    woken.wake(worker, cause_of(worker), nursery.stamp());
    return carry_on(worker);
}

ResumePoint nursery_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait(worker, me, *static_cast<WaitRequest*>(request), false);
}
ResumePoint nursery_wait_firmly(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait(worker, me, *static_cast<WaitRequest*>(request), true);
}

}  // namespace cprime::detail
