// Fiber annotations: what AddressSanitizer and ThreadSanitizer must be told around every change of stack.
//
// In ordinary builds the assembly does not call them, and what is left tells valgrind, if that is where the program runs. The four
// functions named after places are called by park_x86_64.S in between the two stacks, so they are not instrumented themselves.
//
// Thread: the worker's own; create and destroy: whoever spawns or ends the coroutine; admits: any.
#pragma once

#include <cstdint>

#include "instrumentation/wire/pool.h"
#include "runtime/switch/switch.h"
#include "runtime/switch/valgrind.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CPRIME_FIBER_ANNOTATIONS 1
#endif
// A function that runs in between two stacks.
#define CPRIME_UNINSTRUMENTED __attribute__((no_sanitize("address"), no_sanitize("thread"), noinline))

namespace cprime::detail {

#ifdef CPRIME_FIBER_ANNOTATIONS

inline constexpr bool kSanitizer = true;

// Whether another coroutine may live: TSan dies, without a word, at 8,128 fibers of 830 KiB each, so that 2,000 are the most it
// gets. Says so, once, where the answer is no.
bool sanitizer_admits();
// On the worker's thread at its start.
void sanitizer_start(Worker& worker);
void sanitizer_create(std::uint32_t coroutine, const coroscope::wire::StackBounds& bounds);
void sanitizer_destroy(std::uint32_t coroutine);

extern "C" {
// On the coroutine's stack, about to leave it for `function`; on the worker's, just arrived; about to leave it for `record`; arrived.
void cprime_sanitizer_leave_coroutine(Worker* worker, ParkFunction function);
void cprime_sanitizer_on_worker(Worker* worker);
void cprime_sanitizer_leave_worker(Worker* worker, coroscope::wire::CoroutineRecord* record);
void cprime_sanitizer_on_coroutine(Worker* worker);
}

#else

inline constexpr bool kSanitizer = false;
inline bool sanitizer_admits() {
    return true;
}
inline void sanitizer_start(Worker&) {}
inline void sanitizer_create(std::uint32_t coroutine, const coroscope::wire::StackBounds& bounds) {
    valgrind_create(coroutine, bounds);
}
inline void sanitizer_destroy(std::uint32_t coroutine) {
    valgrind_destroy(coroutine);
}

#endif

}  // namespace cprime::detail
