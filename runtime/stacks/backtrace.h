// Backtrace: the frames of a coroutine whose stack gave out, on stderr, from a fault handler or from the worker's own stack.
//
// The unwinder is the one that throws the program's exceptions (libgcc's), so nothing is linked in. It starts at the caller and walks
// out: from the handler over the signal's frame, or from the runtime's call over cprime_park's, into the coroutine's own frames. What lies
// before the first of these is not shown, and the walk is over at the trampoline.
//
// It takes no lock and allocates nothing (libgcc finds its tables by _dl_find_object; only a program that registers frames by hand,
// as a JIT compiler does, brings a lock back). A stack or table so damaged that the walk faults ends it with a line that says so, and the
// caller goes on: the fault handler, asked first thing by backtrace_faulted(), jumps back here.
//
// Thread: one at a time in a process; the caller sees to that. Tested in tests/unit/runtime/{backtrace,overflow}_test.cpp.
#pragma once

#include <cstdint>

namespace cprime::detail {

// Writes the coroutine's frames, innermost first, one a line; a frame that called itself is one line with a count. `rip`: the coroutine's
// innermost address: of the instruction that faulted, else the one its call into the runtime returns to (`faulted` tells them apart).
void say_backtrace(std::uint64_t rip, bool faulted);

// Runs walk(argument), which may fault: then it is left where it stands, and the answer is false. By who may say a backtrace.
bool walk_guarded(void (*walk)(void*), void* argument);

// First thing in a handler of SIGSEGV and SIGBUS: does not return when the calling thread is in one of these.
void backtrace_faulted();

}  // namespace cprime::detail
