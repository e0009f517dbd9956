// Idle coroutines: those that wait for something that may never come, for longer than is reasonable. They can be listed, and reaped by cancellation.
//
//   for (const auto& one : cprime::idle_coroutines(std::chrono::minutes(5)))
//       log(one.name, one.file, one.line, one.waits_for, one.idle_for);
//   cprime::reap_idle(std::chrono::minutes(5));                       // asks all of these to end
//   cprime::run({.reap_idle_after = std::chrono::minutes(5)}, ...);   // the same by itself, as long as the Runtime lives
//
// Who is idle: a coroutine that is parked and has not run since some earlier sweep. Not those that wait for themselves to go on (sleep, a
// timeout, an interval), those that join somebody (their wait ends with the other's), those in a blocking call, and those that hold a StayIdle.
// A coroutine that is woken and parks again between two sweeps counts as active, even when it found nothing to do.
//
// How it is known without a clock in any switch: every call here sweeps over all coroutines, and notes of each its change count, which every switch
// keeps anyway, and when it was first seen with that count. So "idle for 5 minutes" means: two sweeps that were 5 minutes apart saw the same count.
// The first call in a Runtime finds nobody idle (unless the limit is 0), and what is found depends on sweeps being made: by these calls, or by
// reap_idle_after, which makes four in its time. idle_for is never more than the truth, and less by at most the time between two sweeps.
//
// Reaping is cancelling: each of the coroutine's calls that would wait answers `cancelled`, so that its function returns and destructors run. One
// that became active between the sweep and the cancellation is cancelled all the same.
//
// Thread: any while a Runtime lives, coroutines included. A sweep blocks the calling thread, a worker as well, for some 10 ns a coroutine.
// Switches pay nothing; each coroutine that was swept over costs 24 bytes. Tested in tests/unit/runtime/idle_test.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "cprime/detail/nanoseconds.h"
#include "cprime/detail/park.h"
#include "cprime/detail/spawn_request.h"

namespace cprime {

// One that is idle, as the sweep found it. Texts stay valid while the Runtime lives.
struct IdleCoroutine {
    std::uint64_t id;
    std::string_view name;  // its own, else that of its site
    std::string_view file;  // where it was spawned
    std::uint32_t line;
    std::uint32_t place;         // how the runtime finds it
    std::string_view waits_for;  // "channel-receive", "mutex", "suspended" ...
    std::chrono::nanoseconds idle_for;

    // Asks it to end. False when it had ended.
    bool cancel() const noexcept {
        detail::HandleRequest request{place, id, false};
        detail::park<&detail::cancel_coroutine>(&request);
        return request.found;
    }
};

namespace detail {

struct IdleRequest {
    std::int64_t limit_ns;
    bool cancel;  // instead of listing
    bool out_of_memory = false;
    std::size_t count = 0;           // found, or cancelled
    IdleCoroutine* found = nullptr;  // from malloc; the caller's
};
ResumePoint sweep_idle(Worker* worker, std::uint32_t coroutine, void* request) noexcept;
// *(bool*)argument: whether the caller may be idle from now on. Becomes what was so before.
ResumePoint set_stay_idle(Worker* worker, std::uint32_t coroutine, void* yes) noexcept;

}  // namespace detail

// Sweeps, and lists who has been idle for at least `limit`, in no particular order. Throws std::bad_alloc.
template <typename Rep, typename Period>
std::vector<IdleCoroutine> idle_coroutines(std::chrono::duration<Rep, Period> limit) {
    detail::IdleRequest request{detail::nanoseconds_of(limit), false};
    detail::park<&detail::sweep_idle>(&request);
    const std::unique_ptr<IdleCoroutine, decltype(&std::free)> found(request.found, &std::free);
    if (request.out_of_memory) throw std::bad_alloc();
    return {request.found, request.found + request.count};
}

// Sweeps, and asks all who have been idle for at least `limit` to end. How many these are. Fits a Micro stack.
template <typename Rep, typename Period>
[[gnu::always_inline]] inline std::size_t reap_idle(std::chrono::duration<Rep, Period> limit) noexcept {
    detail::IdleRequest request{detail::nanoseconds_of(limit), true};
    detail::park<&detail::sweep_idle>(&request);
    return request.count;
}

// While it lives, the coroutine that made it is not idle, however long it waits: for those whose trade is to wait, such as a server's acceptor.
// Made and destroyed by the same coroutine; does nothing on a thread that is no worker. They nest.
class StayIdle {
public:
    [[gnu::always_inline]] StayIdle() noexcept { detail::park<&detail::set_stay_idle>(&stays_); }
    [[gnu::always_inline]] ~StayIdle() { detail::park<&detail::set_stay_idle>(&stays_); }
    StayIdle(const StayIdle&) = delete;
    StayIdle& operator=(const StayIdle&) = delete;

private:
    bool stays_ = true;  // what to make it; then what it was before
};

}  // namespace cprime
