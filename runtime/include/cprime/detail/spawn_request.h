// What the spawn templates and the runtime tell each other. Not part of the public interface.
//
// A spawn is two runtime calls, with user code in between:
//   spawn_begin   (worker's stack)  a control block and a stack for the child; where its closure goes. Once more, when it had to wait
//   user code     (caller's stack)  the closure is constructed there: captures are moved straight onto the child's stack
//   spawn_commit  (worker's stack)  the child is published; or spawn_abort, when a capture's constructor threw
// Between the two, channel handles that are made or moved belong to the child already.
//
// Thread: any, one spawn each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string_view>

#include "cprime/detail/park.h"
#include "cprime/metadata.h"
#include "cprime/place.h"
#include "cprime/result.h"

namespace cprime::detail {

struct LocalPool;

// What the runtime must know of a closure's type; one constant object a type.
struct ClosureType {
    void (*entry)(void* closure);  // runs and destroys the closure, on the coroutine's stack
    std::size_t bytes;
    std::size_t alignment;
    std::size_t result_bytes;  // of the counted result record to allocate; 0 = none
};

enum SpawnFlag : std::uint8_t {
    kSpawnHandle = 1U << 0,      // a join handle will be held
    kSpawnSignal = 1U << 1,      // made by the signal thread: own pool, runs before others
    kSpawnChildFirst = 1U << 2,  // it runs at once, and the spawner becomes ready
    kSpawnSmallSignal = 1U << 3,  // with kSpawnSignal: a small slot will do
};

// How the caller of spawn_begin goes on. A spawn may have to wait for a stack, and is then begun a second time.
enum class SpawnStep : std::uint8_t {
    done = 0,   // `coroutine` says whether it was made
    again,      // call spawn_begin again: there may be a slot now
    given,      // the same, and the slot is there: number `identity` of pool `pool`
    cancelled,  // it was asked to end while it waited
};

struct SpawnRequest {
    // in
    const ClosureType* type = nullptr;
    std::string_view name;
    Place place;
    std::uint8_t wish = 0;  // size_class; 0 = none
    std::uint8_t flags = 0;
    std::uint8_t priority = 2;      // wire::Priority
    std::uint32_t only_worker = 0;  // index + 1 of the worker that it is bound to; 0 = any
    LocalPool* local = nullptr;  // the MicroPool to take the slot from
    std::uint32_t stack_bytes = 0;            // of its frames; 0 = not said
    const coro_metadata* metadata = nullptr;  // of the function; null: none
    // out
    SpawnStep step = SpawnStep::done;
    std::uint8_t pool = 0;                   // with SpawnStep::given
    std::uint32_t coroutine = kNoCoroutine;  // kNoCoroutine: no memory for another one
    std::uint64_t identity = 0;              // while it waits for a slot: its place in the queue
    void* closure = nullptr;                 // uninitialised memory on the child's stack
    void* result = nullptr;                  // uninitialised memory of type->result_bytes
    union {
        std::int64_t deadline_ns = 0;   // in: steady_clock's, for a SchedulingPolicy; 0 = none
        std::uint64_t adopting_before;  // between begin and commit
    };

    void slot_given(std::uint8_t of_pool, std::uint32_t slot) noexcept {
        step = SpawnStep::given;
        pool = of_pool;
        identity = slot;
    }
};

ResumePoint spawn_begin(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint spawn_commit(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// The same, on the caller's own stack where nothing is out of the ordinary.
extern "C" void cprime_spawn_commit(SpawnRequest* request) noexcept;
ResumePoint spawn_abort(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

struct JoinRequest {
    std::uint32_t target = kNoCoroutine;
    std::uint64_t identity = 0;
    Status status = Status::ok;             // ok: the target is gone; cancelled: the caller was asked to end
    bool may_have_failed = false;           // ask take_failure
    std::exception_ptr* failure = nullptr;  // where take_failure puts what escaped the target
    bool abandoned = false;  // out of take_failure: the target has not let go of its result
};
ResumePoint join_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// The same on the caller's own stack, where the target has ended. False: nothing has happened.
extern "C" bool cprime_join_shortly(JoinRequest* request) noexcept;
// Somebody else has joined by the same handle meanwhile: ends the program with a sentence.
ResumePoint joined_at_once(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// After join_coroutine said ok and that the target may have failed: what escaped it, or null.
ResumePoint take_failure(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

struct HandleRequest {
    std::uint32_t target = kNoCoroutine;
    std::uint64_t identity = 0;
    bool found = false;      // it was still alive
    bool abandoned = false;  // out of drop_handle: it has not let go of its result
};
ResumePoint cancel_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint drop_handle(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// Makes the coroutine ready if it has suspended itself; found: it had.
ResumePoint resume_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

struct DescribeRequest {
    std::uint32_t target = kNoCoroutine;
    std::uint64_t identity = 0;
    bool alive = false;           // false: it has ended, and nothing below is filled
    std::uint8_t size_class = 0;  // of its stack, as wire::SizeClass
    std::string_view name;        // valid while the runtime lives
};
ResumePoint describe_coroutine(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// The running coroutine ends by this exception (std::exception_ptr*): kept for the joiner, or reported. Taken from *exception.
ResumePoint keep_failure(Worker* worker, std::uint32_t coroutine, void* exception) noexcept;
// Gives the memory of a result record back.
ResumePoint free_result(Worker* worker, std::uint32_t coroutine, void* memory) noexcept;

}  // namespace cprime::detail
