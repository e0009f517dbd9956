// Call channels: one record for those who have called, one for the servers that wait for them.
//
// A caller stands in the list of `callers` from its request to its answer, in the order in which it came; cancellers and timers find it
// there, whether its call was taken or not. Its ticket is the number of its call: below `first_untaken` it was taken. A server that answers looks the
// caller up by index and number, under the record's lock: a caller that has gone meanwhile, or calls again, is not mistaken for it.
//
// While a server moves an object out of a caller's frame, the caller's wait is firm (waiting.h); whoever wanted to end it meanwhile has left word,
// which call_taken() reads. For the other direction the caller is taken out of the list first.
//
// A server waits for `servers` to be notified and then looks again. Nobody is missed: a caller is linked before it notifies, and a server takes
// the lock of `servers` before it lets that of `callers` go [call.servers]. Both locks in this order, never the other way round.
//
// Trade-off: to take a call costs a step for each that was taken and not answered yet, or for each that was not taken, whichever are fewer.
//
// Thread: as in waiting.h. Tested in tests/unit/runtime/call_channel_test.cpp.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "cprime/detail/call_channel_calls.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/sync/waiting.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct CallCore : CallChannel {
    CallCore(std::string_view name, const Place& where)
        : of_callers(WaitableKind::call, name, where),
          of_servers(WaitableKind::condition, name, where),
          generation(g_waitables.generation()) {}

    Waitable of_callers, of_servers;
    const std::uint32_t generation;
    // Under the lock of of_callers' record:
    std::uint32_t first_untaken = 0;  // tickets from here on
    bool no_callers = false, no_servers = false;

    bool is_outlived() const { return generation != g_waitables.generation(); }
};

CallCore& core_of(CallChannel* channel) {
    return *static_cast<CallCore*>(channel);
}

// Goes with its last handle, and the last call that was taken. No destructor: it would park, and here is a worker's stack.
void let_go(Worker* worker, CallCore& core) {
    if (core.references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (!core.is_outlived()) {
        static_cast<void>(waitable_destroyed(worker, kNoCoroutine, &core.of_callers));
        static_cast<void>(waitable_destroyed(worker, kNoCoroutine, &core.of_servers));
    }
    std::free(&core);
}

bool is_untaken(const CallCore& core, std::uint32_t coroutine) {
    return static_cast<std::int32_t>(request_of(coroutine).state.ticket - core.first_untaken) >= 0;
}

// Who has waited longest of those whose calls nobody has taken; they stand behind all others.
std::uint32_t first_untaken(const CallCore& core, const wire::WaitableRecord& callers) {
    std::uint32_t from_front = callers.first.load(kRelaxed), from_back = callers.last.load(kRelaxed);
    if (from_back == wire::kNone || !is_untaken(core, from_back)) return wire::kNone;
    while (!is_untaken(core, from_front)) {
        const std::uint32_t before = record(from_back).previous.load(kRelaxed);
        if (before == wire::kNone || !is_untaken(core, before)) return from_back;
        from_back = before;
        from_front = record(from_front).next.load(kRelaxed);
    }
    return from_front;
}

// Whether that caller still waits for that call.
bool still_waits(const Locked& callers, const TakenCall& call) {
    const wire::CoroutineRecord& caller = record(call.coroutine);
    return !is_taken_out(call.coroutine) && caller.state.load(kRelaxed) == wire::CoroutineState::kParked &&
           caller.reason.load(kRelaxed) == wire::WaitReason::kCall &&
           caller.wait_object.load(kRelaxed) == callers.index() &&
           request_of(call.coroutine).state.ticket == call.number;
}

// Takes everybody who waits for the servers' condition out, at most so many. Under the lock of of_callers.
void notify_servers(CallCore& core, Worker* worker, std::uint32_t at_most, Woken& woken) {
    Locked servers(core.of_servers, "Caller::call", worker);
    for (; at_most != 0 && !servers.nobody_waits(); --at_most) {
        const ObjectWaiter next = servers.oldest();
        servers.take_out(next, Status::ok);
        woken.add(next);
    }
    servers.unlock();
}

template <Patience kPatience>
ResumePoint call(Worker* worker, std::uint32_t me, CallRequest& request) {
    CallCore& core = core_of(request.channel);
    const bool outlived = worker == nullptr && core.is_outlived();
    if (worker == nullptr || outlived) {
        request.state.status = outlived ? Status::closed : Status::would_block;
        return nullptr;
    }
    if (core.is_outlived()) {
        request.state.status = Status::closed;
        return keep_running(*worker);
    }
    Locked callers(core.of_callers, "Caller::call", worker);
    if (core.no_servers) return answer(callers, request, Status::closed);
    set_limit<kPatience>(request);
    request.state.flag = false;
    if (cancel_requested(me)) return answer(callers, request, Status::cancelled);
    if (request.timeout_ns == 0) return answer(callers, request, Status::timed_out);
    if (!suspend_for(callers, me, request)) return answer(callers, request, Status::cancelled);
    Woken woken;
    notify_servers(core, worker, 1, woken);  // [call.servers]
    callers.unlock();  // published: nothing of `me`, `request` or `core` is touched from here on
    woken.wake(worker, wire::WakeCause::kCoroutine, callers.stamp());
    return pick_next(*worker);
}

// The first call that nobody has taken goes to the caller of this. Objects: whoever called is held until call_taken().
bool take_call(CallCore& core, const Locked& callers, ReceiveCallRequest& request) {
    const std::uint32_t coroutine = first_untaken(core, callers.record);
    if (coroutine == wire::kNone) return false;
    auto& caller = static_cast<CallRequest&>(request_of(coroutine));
    request.call->coroutine = coroutine;
    request.call->number = caller.state.ticket;
    core.first_untaken = caller.state.ticket + 1;
    core.references.fetch_add(1, kRelaxed);
    if (request.amount != 0) {
        std::memcpy(request.request, caller.request, request.amount);
    } else {
        caller.state.firm = true;
        caller.state.cancelled_before = false;
        request.request = caller.request;
    }
    return true;
}

template <Patience kPatience>
ResumePoint receive(Worker* worker, std::uint32_t me, ReceiveCallRequest& request) {
    CallCore& core = core_of(request.call->channel);
    request.state.flag = false;
    if (core.is_outlived()) {
        request.state.status = Status::closed;
        return carry_on(worker);
    }
    Locked callers(core.of_callers, "Server::receive", worker);
    if (take_call(core, callers, request)) return answer(callers, request, Status::ok);
    if (core.no_callers) return answer(callers, request, Status::closed);
    if constexpr (kPatience == Patience::kNone) return answer(callers, request, Status::would_block);
    if constexpr (kPatience == Patience::kTimed) {
        auto& timed = static_cast<TimedReceiveCallRequest&>(request);
        const std::int64_t now_ns = monotonic_ns();
        if (!timed.begun) timed.until_ns = add_ns(now_ns, request.timeout_ns);
        timed.begun = true;
        request.timeout_ns = timed.until_ns - now_ns;
    }
    Locked servers(core.of_servers, "Server::receive", worker);  // [call.servers]
    callers.unlock();
    set_limit<kPatience>(request);
    request.state.flag = true;
    return wait_for(servers, me, request);
}

// The last server is gone: whoever was not taken is told. Others may still be answered.
void close_for_callers(CallCore& core, Worker* worker) {
    Locked callers(core.of_callers, "Server::reset", worker);
    core.no_servers = true;
    callers.change(wire::EventType::kNotify, 0, 1);
    Woken woken;
    for (std::uint32_t coroutine; (coroutine = first_untaken(core, callers.record)) != wire::kNone;) {
        const ObjectWaiter caller{&request_of(coroutine), nullptr, coroutine};
        callers.take_out(caller, Status::closed);
        woken.add(caller);
    }
    callers.unlock();
    woken.wake(worker, wire::WakeCause::kClose, callers.stamp());
}

void close_for_servers(CallCore& core, Worker* worker) {
    Locked callers(core.of_callers, "Caller::reset", worker);
    core.no_callers = true;
    Woken woken;
    notify_servers(core, worker, ~0U, woken);
    callers.unlock();
    woken.wake(worker, wire::WakeCause::kClose, callers.stamp());
}

struct MakeRequest {
    std::string_view name;
    const Place* where;
    CallCore* made;
};

ResumePoint make_call(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& request = *static_cast<MakeRequest*>(argument);
    runtime("call_channel");
    // The name lies behind it: the state plane reads it at the first use.
    void* const memory = std::malloc(sizeof(CallCore) + request.name.size());
    if (memory == nullptr) fatal("there is no memory for another call channel", 1);
    char* const name = static_cast<char*>(memory) + sizeof(CallCore);
    std::copy_n(request.name.data(), request.name.size(), name);
    request.made = ::new (memory) CallCore({name, request.name.size()}, *request.where);
    return carry_on(worker);
}

}  // namespace

CallChannel* make_call_channel(std::string_view name, const Place& where) noexcept {
    MakeRequest request{name, &where, nullptr};
    park(&make_call, &request);
    return request.made;
}

ResumePoint call_caller_gone(Worker* worker, std::uint32_t, void* channel) noexcept {
    CallCore& core = core_of(static_cast<CallChannel*>(channel));
    const bool last = core.callers.fetch_sub(1, std::memory_order_acq_rel) == 1;
    if (last && !core.is_outlived()) close_for_servers(core, worker);
    let_go(worker, core);
    return carry_on(worker);
}

ResumePoint call_server_gone(Worker* worker, std::uint32_t, void* channel) noexcept {
    CallCore& core = core_of(static_cast<CallChannel*>(channel));
    const bool last = core.servers.fetch_sub(1, std::memory_order_acq_rel) == 1;
    if (last && !core.is_outlived()) close_for_callers(core, worker);
    let_go(worker, core);
    return carry_on(worker);
}

ResumePoint call_wait(Worker* worker, std::uint32_t me, void* request) noexcept {
    return call<Patience::kEndless>(worker, me, *static_cast<CallRequest*>(request));
}
ResumePoint call_wait_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return call<Patience::kTimed>(worker, me, *static_cast<CallRequest*>(request));
}

ResumePoint call_receive(Worker* worker, std::uint32_t me, void* request) noexcept {
    return receive<Patience::kEndless>(worker, me, *static_cast<ReceiveCallRequest*>(request));
}
ResumePoint call_try_receive(Worker* worker, std::uint32_t me, void* request) noexcept {
    return receive<Patience::kNone>(worker, me, *static_cast<ReceiveCallRequest*>(request));
}
ResumePoint call_receive_for(Worker* worker, std::uint32_t me, void* request) noexcept {
    return receive<Patience::kTimed>(worker, me, *static_cast<ReceiveCallRequest*>(request));
}

ResumePoint call_taken(Worker* worker, std::uint32_t, void* argument) noexcept {
    const auto& call = *static_cast<TakenCall*>(argument);
    Locked callers(core_of(call.channel).of_callers, "Server::receive", worker);
    WaitRequest& request = request_of(call.coroutine);
    request.state.firm = false;
    const bool cancelled = cancel_requested(call.coroutine);
    if (!cancelled && !request.state.flag) {
        callers.unlock();
        return carry_on(worker);
    }
    callers.take_out({&request, nullptr, call.coroutine}, cancelled ? Status::cancelled : Status::timed_out);
    callers.unlock();
    make_ready(worker, call.coroutine, cancelled ? wire::WakeCause::kCancel : wire::WakeCause::kTimer);
    return carry_on(worker);
}

namespace {

ResumePoint answer_with(Worker* worker, AnswerRequest& request, Status status) {
    request.status = Status::closed;
    const TakenCall call = *request.call;
    CallCore& core = core_of(call.channel);
    if (!core.is_outlived()) {
        Locked callers(core.of_callers, "Call::reply", worker);
        if (still_waits(callers, call)) {
            auto& caller = static_cast<CallRequest&>(request_of(call.coroutine));
            if (status == Status::ok && request.bytes != 0)
                std::memcpy(caller.answer, request.answer, request.bytes);
            request.answer = caller.answer;
            request.status = status;
            callers.take_out({&caller, nullptr, call.coroutine}, status);
            callers.serve(0, callers.value());
            callers.unlock();
            if (request.bytes == 0)
                return carry_on(worker);  // call_answered() comes when the answer is there
            make_ready(worker, call.coroutine, cause_of(worker), callers.stamp());
        } else {
            callers.unlock();
        }
    }
    request.call->channel = nullptr;
    let_go(worker, core);
    return carry_on(worker);
}

}  // namespace

ResumePoint call_answer(Worker* worker, std::uint32_t, void* request) noexcept {
    return answer_with(worker, *static_cast<AnswerRequest*>(request), Status::ok);
}
ResumePoint call_unanswered(Worker* worker, std::uint32_t, void* call) noexcept {
    constexpr std::uint32_t kNotObjects = 1;  // nothing is to follow
    AnswerRequest request{static_cast<TakenCall*>(call), nullptr, kNotObjects, Status::closed};
    return answer_with(worker, request, Status::closed);
}

ResumePoint call_answered(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& call = *static_cast<TakenCall*>(argument);
    make_ready(worker, call.coroutine, cause_of(worker));
    let_go(worker, core_of(std::exchange(call.channel, nullptr)));
    return carry_on(worker);
}

}  // namespace cprime::detail
