// The runtime calls behind call_channel.h: what its wrappers put into their frames, and the functions they hand to the stub.
//
// A call is one wait of its caller, from the request to the answer. Request and answer lie in the caller's frame: a server takes the one and
// leaves the other there. Bytes are copied by the runtime; objects are moved by the server, on its own stack, outside locks, while the caller is
// held where it is:
//   call_receive   the oldest call that nobody has taken; objects: its caller is held, and the server moves the request,
//   call_taken     and lets it go
//   call_answer    the caller is taken out of its wait; objects: the server moves the answer,
//   call_answered  and wakes it
//
// Thread: any that may call the runtime; a caller is a coroutine. Not part of the public interface.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "cprime/detail/waitable_calls.h"

namespace cprime::detail {

// The part of a call channel that handles count. The rest is the runtime's (runtime/sync/call_channel.cpp).
struct CallChannel {
    // Who writes: whoever copies or gives back a handle. Relaxed to add (who copies a handle has one); acq_rel to take away, so that whoever is last
    // sees what the others did.
    std::atomic<std::uint32_t> callers{1};
    std::atomic<std::uint32_t> servers{1};
    std::atomic<std::uint32_t> references{2};  // both of these, and calls that were taken and not answered
};

// A new one, with a handle for each side. Ends the program with a sentence when there is no Runtime or no memory.
CallChannel* make_call_channel(std::string_view name, const Place& where) noexcept;
// argument: CallChannel*. A handle goes; with the last one its side closes.
ResumePoint call_caller_gone(Worker* worker, std::uint32_t coroutine, void* channel) noexcept;
ResumePoint call_server_gone(Worker* worker, std::uint32_t coroutine, void* channel) noexcept;

// In the caller's frame until it is answered.
struct CallRequest : WaitRequest {
    CallChannel* channel;  // in
    void* request;         // in: Request*
    void* answer;          // in: where the answer goes
};
// Status: ok, closed, cancelled, timed_out; would_block for a thread that is no worker, which must not call.
ResumePoint call_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint call_wait_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// A call that was taken: who waits, and its number in the channel.
struct TakenCall {
    CallChannel* channel = nullptr;
    std::uint32_t coroutine = kNoCoroutine;
    std::uint32_t number = 0;
};
// `amount`, in: bytes of the request; 0: objects. state.flag, out with ok: nothing was taken yet, ask again.
struct ReceiveCallRequest : WaitRequest {
    TakenCall* call;  // in: its channel; out: the rest
    void* request;    // of bytes, in: where they go; of objects, out: the caller's
};
struct TimedReceiveCallRequest : ReceiveCallRequest {
    bool begun = false;  // the runtime's, both: the limit counts from the first time
    std::int64_t until_ns = 0;
};
ResumePoint call_receive(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint call_try_receive(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint call_receive_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// argument: TakenCall*.
ResumePoint call_taken(Worker* worker, std::uint32_t coroutine, void* call) noexcept;

struct AnswerRequest {
    TakenCall* call;  // in; its channel is null afterwards, but where call_answered() is to follow
    void* answer;  // in, of bytes: they; out, of objects: where the answer goes, and call_answered() is to follow
    std::uint32_t bytes;  // in; 0: objects
    Status status;  // in: ok, or closed, without an answer; out: ok, or closed when the caller waits no more
};
ResumePoint call_answer(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// argument: TakenCall*. The caller goes on without an answer; its channel is null afterwards.
ResumePoint call_unanswered(Worker* worker, std::uint32_t coroutine, void* call) noexcept;
// argument: TakenCall*. The caller goes on.
ResumePoint call_answered(Worker* worker, std::uint32_t coroutine, void* call) noexcept;

}  // namespace cprime::detail
