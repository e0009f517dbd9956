// The runtime calls behind mutex.h, semaphore.h and their kin: what an object consists of, what a wrapper puts into its frame, and the
// functions it hands to the stub.
//
// An object is a handful of constants and the number of its record in the state plane, taken at its first use in each Runtime: owner,
// value and waiters live in the record (wire/waitable.h), where Coroscope reads them. So a lock and its unlock cost one locked instruction each,
// on the record's line; no lock of the scheduler, no heap.
//
// Before the first use in a Runtime, and between two, an object has no record: making and destroying it touches nothing but itself, so
// it may be static. Then `value_kept` is what a next Runtime begins with (permits, what a latch has left, whether an event is set).
//
// Thread: any that may call the runtime. Not part of the public interface.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "cprime/detail/park.h"
#include "cprime/place.h"
#include "cprime/result.h"

namespace cprime::detail {

enum class WaitableKind : std::uint8_t {  // = wire::WaitableKind
    mutex = 1,
    shared_mutex,
    condition,
    semaphore,
    barrier,
    latch,
    event,
    once,
    call,
    nursery,
};

struct Waitable;
// argument: Waitable*. The object ends: its record goes. Ends the program with a sentence when somebody holds it or waits for it.
ResumePoint waitable_destroyed(Worker* worker, std::uint32_t coroutine, void* object) noexcept;

// What every object consists of. It is named by its address while it is in use: neither copied nor moved.
struct Waitable {
    static constexpr std::uint64_t kNoRecord = ~0ULL;

    constexpr Waitable(WaitableKind of_kind, std::string_view its_name, const Place& place,
                       std::uint32_t first_value = 0, std::uint32_t its_limit = 0) noexcept
        : value_kept(first_value),
          fixed_limit(its_limit),
          name_text(its_name.data()),
          name_bytes(static_cast<std::uint32_t>(its_name.size())),
          its_kind(of_kind),
          made_at(place) {}
    Waitable(const Waitable&) = delete;
    Waitable& operator=(const Waitable&) = delete;
    [[gnu::always_inline]] ~Waitable() {
        if (record.load(std::memory_order_relaxed) != kNoRecord) park<&waitable_destroyed>(this);
    }

    // Generation of the runtime:32 | index of the record:32. Writer: the first user in a runtime, after the record stands (release); readers:
    // users (acquire) [waitable.record].
    std::atomic<std::uint64_t> record{kNoRecord};
    std::uint32_t value_kept;         // while there is no record
    const std::uint32_t fixed_limit;  // by kind, as in wire::WaitableRecord
    const char* const name_text;
    const std::uint32_t name_bytes;
    const WaitableKind its_kind;
    const Place made_at;
};

// One call. Lives in the caller's frame, where others find it while the caller waits. As small as can be: it is what a call costs of a 256-byte
// stack. Wrappers fill what their call reads, and no more.
struct WaitRequest {
    struct State {
        std::uint32_t ticket;   // the runtime's: order of arrival
        Status status;          // out
        bool flag;              // out: barrier: the caller was last; once: the caller must run it. Firm: see waiting.h
        bool firm;              // the runtime's: it waits even when it was cancelled
        bool cancelled_before;  // the runtime's: while it waits firmly, that it had been cancelled
    };
    union {
        Waitable* object;  // in
        State state;
    };
    std::int64_t timeout_ns;  // in, of calls with a time limit; below 0 counts as 0
    std::uint32_t amount;     // in: permits, or counts; the runtime's: how a shared mutex is wanted
};
static_assert(sizeof(WaitRequest) == 24);

// A wait for a condition, and then for the mutex.
struct ConditionRequest : WaitRequest {
    Waitable* mutex;  // in
    Status outcome;   // out: of the wait for the condition
    bool released;    // the runtime's: the mutex was, and must be taken again
};

ResumePoint mutex_lock(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint mutex_try_lock(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint mutex_lock_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint mutex_unlock(Worker* worker, std::uint32_t coroutine,
                         void* object) noexcept;  // argument: Waitable*

ResumePoint shared_mutex_lock(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint shared_mutex_try_lock(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint shared_mutex_lock_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint shared_mutex_unlock(Worker* worker, std::uint32_t coroutine, void* object) noexcept;
ResumePoint shared_mutex_lock_shared(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint shared_mutex_try_lock_shared(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint shared_mutex_lock_shared_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint shared_mutex_unlock_shared(Worker* worker, std::uint32_t coroutine, void* object) noexcept;

ResumePoint condition_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint condition_wait_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// The second half of a wait: takes the mutex again if it was released.
ResumePoint condition_relock(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint condition_notify_one(Worker* worker, std::uint32_t coroutine, void* object) noexcept;
ResumePoint condition_notify_all(Worker* worker, std::uint32_t coroutine, void* object) noexcept;

ResumePoint semaphore_acquire(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint semaphore_acquire_one(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint semaphore_try_acquire(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint semaphore_acquire_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint semaphore_release(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint semaphore_release_one(Worker* worker, std::uint32_t coroutine, void* object) noexcept;

ResumePoint barrier_arrive(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

ResumePoint latch_count_down(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint latch_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint latch_try_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint latch_wait_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

ResumePoint event_set(Worker* worker, std::uint32_t coroutine, void* object) noexcept;
ResumePoint event_reset(Worker* worker, std::uint32_t coroutine, void* object) noexcept;
ResumePoint event_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint event_try_wait(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint event_wait_for(Worker* worker, std::uint32_t coroutine, void* request) noexcept;

// `flag`: the caller must run it, and then say how that ended.
ResumePoint once_begin(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
ResumePoint once_done(Worker* worker, std::uint32_t coroutine, void* object) noexcept;
ResumePoint once_failed(Worker* worker, std::uint32_t coroutine, void* object) noexcept;

// A barrier that nobody could ever pass. Ends the program with one sentence.
[[noreturn]] void barrier_of_nobody(std::string_view name, const Place& where) noexcept;
// A semaphore that begins with more permits than its limit. The same.
[[noreturn]] void semaphore_begins_beyond(std::string_view name, const Place& where) noexcept;

template <typename Rep, typename Period>
[[gnu::always_inline]] inline std::int64_t timeout_ns(std::chrono::duration<Rep, Period> duration) noexcept {
    return std::chrono::ceil<std::chrono::nanoseconds>(duration).count();
}

// A call that says how it ended. The calls that wait without a limit are written out instead: without optimisation even an inlined function keeps
// its arguments in the frame of whoever calls, and that frame may have 100 bytes.
template <ParkFunction kCall>
[[gnu::always_inline]] inline Result<void> try_call(Waitable* object) noexcept {
    WaitRequest request;
    request.object = object;
    park<kCall>(&request);
    return request.state.status;
}
template <ParkFunction kCall>
[[gnu::always_inline]] inline Result<void> timed_call(Waitable* object, std::int64_t timeout_ns) noexcept {
    WaitRequest request;
    request.object = object;
    request.timeout_ns = timeout_ns;
    park<kCall>(&request);
    return request.state.status;
}

}  // namespace cprime::detail
