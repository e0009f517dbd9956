// Events: set, and who is let through by that.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/event_test.cpp.
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

template <Patience kPatience>
ResumePoint wait(Worker* worker, std::uint32_t me, void* argument) {
    auto& request = *static_cast<WaitRequest*>(argument);
    Locked event(*request.object, "Event::wait", worker);
    if (event.value() != 0) {
        event.serve(0, event.record.limit != 0 ? 0 : 1);
        return answer(event, request, Status::ok);
    }
    if constexpr (kPatience == Patience::kNone) return answer(event, request, Status::would_block);
    set_limit<kPatience>(request);
    return wait_for(event, me, request);
}

}  // namespace

ResumePoint event_set(Worker* worker, std::uint32_t, void* object) noexcept {
    Locked event(*static_cast<Waitable*>(object), "Event::set", worker);
    const bool resets_itself = event.record.limit != 0;
    event.change(wire::EventType::kNotify, 0, 1);
    Woken woken;
    while (event.value() != 0 && !event.nobody_waits()) {
        const ObjectWaiter next = event.oldest();
        event.take_out(next, Status::ok);
        event.serve(0, resets_itself ? 0 : 1);
        woken.add(next);
    }
    event.unlock();
    woken.wake(worker, cause_of(worker), event.stamp());
    return carry_on(worker);
}

ResumePoint event_reset(Worker* worker, std::uint32_t, void* object) noexcept {
    Locked event(*static_cast<Waitable*>(object), "Event::reset", worker);
    event.change(wire::EventType::kNotify, 0, 0);
    event.unlock();
    return carry_on(worker);
}

ResumePoint event_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait<Patience::kEndless>(worker, me, request);
}
ResumePoint event_try_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait<Patience::kNone>(worker, me, request);
}
ResumePoint event_wait_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return wait<Patience::kTimed>(worker, me, request);
}

}  // namespace cprime::detail
