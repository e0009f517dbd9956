// Semaphores: permits go to whoever has waited longest, all that were asked for at once.
//
// Whoever comes while others wait stands behind them, also when there are permits enough for it: so a wish for many is served one day.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/semaphore_test.cpp.
#include "runtime/sync/misuse.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

template <Patience kPatience>
ResumePoint acquire(Worker* worker, std::uint32_t me, void* argument) {
    auto& request = *static_cast<WaitRequest*>(argument);
    Locked semaphore(*request.object, "Semaphore::acquire", worker);
    if (semaphore.value() >= request.amount && semaphore.nobody_waits()) {
        semaphore.serve(0, semaphore.value() - request.amount);
        return answer(semaphore, request, Status::ok);
    }
    if constexpr (kPatience == Patience::kNone) return answer(semaphore, request, Status::would_block);
    if (kPatience == Patience::kEndless && request.amount > semaphore.record.limit) {
        misuse(owner_identity(worker, me), "waits for more permits than there can ever be of",
               semaphore.record, "ask for fewer, or give it a larger limit");
    }
    set_limit<kPatience>(request);
    return wait_for(semaphore, me, request);
}

ResumePoint release(Worker* worker, std::uint32_t me, Waitable& object, std::uint32_t count) {
    Locked semaphore(object, "Semaphore::release", worker);
    const std::uint32_t permits = semaphore.value();
    if (count > semaphore.record.limit - permits) {
        misuse(owner_identity(worker, me), "releases more permits than the limit allows to", semaphore.record,
               "release only what was acquired, or give it a larger limit");
    }
    semaphore.change(wire::EventType::kLockRelease, 0, permits + count);
    Woken woken;
    semaphore_serve(semaphore, woken);
    semaphore.unlock();
    woken.wake(worker, cause_of(worker), semaphore.stamp());
    return carry_on(worker);
}

}  // namespace

void semaphore_serve(Locked& semaphore, Woken& woken) {
    while (!semaphore.nobody_waits()) {
        const ObjectWaiter next = semaphore.oldest();
        const std::uint32_t wanted = next.request->amount;
        if (wanted > semaphore.value()) return;
        semaphore.take_out(next, Status::ok);
        semaphore.serve(0, semaphore.value() - wanted);
        woken.add(next);
    }
}

ResumePoint semaphore_acquire(Worker* worker, std::uint32_t me, void* request) noexcept {
    return acquire<Patience::kEndless>(worker, me, request);
}
ResumePoint semaphore_acquire_one(Worker* worker, std::uint32_t me, void* argument) noexcept {
    static_cast<WaitRequest*>(argument)->amount = 1;
    return acquire<Patience::kEndless>(worker, me, argument);
}
ResumePoint semaphore_try_acquire(Worker* worker, std::uint32_t me, void* request) noexcept {
    return acquire<Patience::kNone>(worker, me, request);
}
ResumePoint semaphore_acquire_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return acquire<Patience::kTimed>(worker, me, request);
}

ResumePoint semaphore_release_one(Worker* worker, std::uint32_t me, void* object) noexcept {
    return release(worker, me, *static_cast<Waitable*>(object), 1);
}
ResumePoint semaphore_release(Worker* worker, std::uint32_t me, void* argument) noexcept {
    const auto& request = *static_cast<WaitRequest*>(argument);
    return release(worker, me, *request.object, request.amount);
}

}  // namespace cprime::detail
