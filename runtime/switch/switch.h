// C++ names of the assembly in park_x86_64.S, and the frame a new coroutine starts from.
//
// Thread: see each function. Measured by the `switch` bench; tested in tests/unit/runtime/switch_test.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cprime/detail/park.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/stack_segment_offsets.h"
#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// The limit of the running stack; 0 on a thread's own.
inline std::uint64_t running_stack_limit() {
    std::uint64_t limit;
    asm volatile("movq %%fs:%c1, %0" : "=r"(limit) : "i"(COROSCOPE_STACK_LIMIT_TLS));
    return limit;
}
inline void set_running_stack_limit(std::uint64_t limit) {
    asm volatile("movq %0, %%fs:%c1" : : "r"(limit), "i"(COROSCOPE_STACK_LIMIT_TLS));
}

extern "C" {
// The calling thread's worker; nullptr on threads that are none. Read it only on a worker's own stack or on such a thread,
// never on a coroutine's: the compiler may keep the address over a switch.
extern thread_local constinit Worker* cprime_current_worker __attribute__((tls_model("initial-exec")));

// The worker's thread runs coroutines, `record` first, until a runtime function answers with the home record.
void cprime_enter(Worker* worker, coroscope::wire::CoroutineRecord* record) noexcept;

// Saves the calling context to *save_rsp and continues the one at to_rsp: a bare frame, which is a SavedFrame without its stack limit.
// Any thread; knows no worker.
void cprime_switch(void** save_rsp, void* to_rsp) noexcept;

// Ticks between two stamps taken back to back with the instructions of a measured switch. The worker's thread.
std::uint64_t cprime_stamp_pair(Worker* worker) noexcept;

// Addresses only.
void cprime_trampoline();
void cprime_park_end();

// Called by the trampoline, on a stack with room for it, with an exception that escaped the entry function.
void cprime_keep_escaped(void* exception) noexcept;

// function(argument) where the stack has at least `bytes` left; grow_x86_64.S. Any thread.
void cprime_call_on_bigger_stack(void (*function)(void*), void* argument, std::uint64_t bytes);

// Called by the trampoline when the entry function has returned.
ResumePoint cprime_exit_coroutine(Worker* worker, std::uint32_t coroutine, void* nothing) noexcept;
}

// Lays out the first frame of a coroutine below `top` (a multiple of 16): entry(argument), then cprime_exit_coroutine.
// `stack_limit`: see stacks/segments.h; 0 = this stack does not grow by segment. Returns the stack pointer to continue from.
inline std::uint64_t make_first_frame(std::uint64_t top, void (*entry)(void*), void* argument,
                                      std::uint64_t stack_limit = 0) {
    auto* frame = reinterpret_cast<coroscope::wire::SavedFrame*>(top) - 1;
    *frame = {};
    frame->stack_limit = stack_limit;
    frame->rbx = reinterpret_cast<std::uint64_t>(entry);
    frame->r12 = reinterpret_cast<std::uint64_t>(argument);
    frame->return_address = reinterpret_cast<std::uint64_t>(&cprime_trampoline);
    return reinterpret_cast<std::uint64_t>(frame);
}

// The same for cprime_switch.
inline void* make_first_bare_frame(std::uint64_t top, void (*entry)(void*), void* argument) {
    return reinterpret_cast<void*>(make_first_frame(top, entry, argument) + sizeof(std::uint64_t));
}
static_assert(offsetof(coroscope::wire::SavedFrame, stack_limit) == 0);

}  // namespace cprime::detail
