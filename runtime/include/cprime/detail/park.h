// cprime_park: the one door from user code into the runtime.
//
// Every runtime call that a coroutine makes is a small always-inlined wrapper that fills a request on the caller's
// stack and calls cprime_park(function, &request). The assembly stub saves the registers that a call must preserve,
// leaves the coroutine's stack, and calls `function` on the worker's own stack, so that a 256-byte slot holds user
// frames only. The function answers with the coroutine that runs next: often the same one. Because the wrapper is
// inlined, the return address of the stub, which the control block keeps as `rip`, lies in the user's own function.
//
// Called by a thread that is no worker, the stub calls function(nullptr, kNoCoroutine, argument) on that thread's stack;
// the function then blocks the thread where it would have parked a coroutine.
//
// Thread: any. Never from a signal handler. Not part of the public interface.
#pragma once

#include <atomic>
#include <cstdint>

namespace cprime::detail {

struct Worker;

inline constexpr std::uint32_t kNoCoroutine = 0xffffffffU;

// Address of the control block that the stub continues; opaque outside the runtime.
using ResumePoint = void*;

// A runtime call: runs on the worker's stack; results travel in the request that `argument` points to.
using ParkFunction = ResumePoint (*)(Worker* worker, std::uint32_t coroutine, void* argument) noexcept;

extern "C" void cprime_park(ParkFunction function, void* argument) noexcept;

// How many coroutines of higher priority than normal are ready and have no worker yet. Writer: the scheduler, under its lock; readers: every
// worker, as a hint; relaxed, since what it announces is looked up under that lock. While chaos is on kUrgentChaos is added: then nothing
// goes the short way, and every runtime call asks whether to go on. So it is while a viewer holds anything: kUrgentHold.
inline constexpr std::uint32_t kUrgentChaos = 1U << 31;
inline constexpr std::uint32_t kUrgentHold = 1U << 30;
inline constexpr std::uint32_t kUrgentLengths = kUrgentHold - 1;
extern "C" std::atomic<std::uint32_t> cprime_urgent;

// Where a wrapper finds the address of the function it calls: in a variable, not in its code. To a linker an address in the code is a
// call, for which growable code would have to ask for the room of ordinary code (runtime/growable).
template <ParkFunction function>
inline ParkFunction park_target = function;

// Calls the stub and keeps the compiler from turning that into a jump, which would drop the caller's frame.
template <ParkFunction function>
[[gnu::always_inline]] inline void park(void* argument) noexcept {
    cprime_park(park_target<function>, argument);
    asm volatile("" ::: "memory");
}
[[gnu::always_inline]] inline void park(ParkFunction function, void* argument) noexcept {
    cprime_park(function, argument);
    asm volatile("" ::: "memory");
}

}  // namespace cprime::detail
