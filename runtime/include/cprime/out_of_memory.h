// OutOfMemory: the application signal that the runtime raises itself, when there is no stack for another coroutine or no memory from the allocator.
//
//   cprime::signals().handle<cprime::OutOfMemory>([](const cprime::OutOfMemory&) {
//       cache.clear();
//       cprime::reap_idle(std::chrono::seconds(30));                     // idle.h: asks those to end that wait for too long
//       cprime::trim();                                                  // pools.h: stacks that are free go back to the kernel
//   });
//
// It is raised, once it has a handler, at a spawn that gets no stack (which then fails as ever: the handler cannot help that one), and, with
// answer_failed_allocations(), by operator new. Its coroutine stands on one of the emergency stacks that were backed by memory from the start
// (PoolConfig::emergency_slots), and nothing is allocated on its way there. While one is being answered further ones are *coalesced*: counted, no
// more.
//
// Thread: any. Tested in tests/unit/runtime/out_of_memory_test.cpp and runtime/examples/out_of_memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "cprime/app_signal.h"

namespace cprime {

struct OutOfMemory {
    enum class Source : std::uint8_t { stacks, allocator };
    Source source = Source::allocator;
    std::string_view pool = {};  // stacks: which gave none; "micro", "medium" ...

    std::string_view message() const noexcept;
};

// From now on, until the Runtime ends, operator new that finds no memory raises OutOfMemory; a coroutine waits for the handler, at most for
// `patience_ms`, and tries again as often as handlers end in time and two were not in vain. Then, and on other threads at once, std::bad_alloc is
// thrown as ever. Replaces std::get_new_handler(), and puts it back at the end.
//
// A coroutine that allocates while it holds what the handler wants (a lock) keeps it waiting for that long.
void answer_failed_allocations(unsigned patience_ms = 1000);

}  // namespace cprime
