// OutOfMemory as the rest of the runtime sees it (cprime/out_of_memory.h).
//
// What its coroutine needs is made while there is memory: the signal itself, its record, its site, the entry of its list of scopes. So raising it
// allocates nothing but a slot, which may be an emergency one.
//
// Thread: as marked. Tested in tests/unit/runtime/out_of_memory_test.cpp.
#pragma once

#include <cstdint>

#include "cprime/app_signal.h"

namespace cprime::detail {

// A spawn got no stack of that pool: raises OutOfMemory if it has a handler. Any thread, a worker on its own stack, no lock held.
void raise_out_of_stacks(std::uint8_t pool) noexcept;

// What a handler of OutOfMemory is wrapped in, and what must stand before it is registered. Throws std::bad_alloc.
HeldHandler prepare_out_of_memory(HeldHandler handler);

// What is kept ready is given back, and so is std::new_handler. After the last coroutine.
void forget_out_of_memory();

}  // namespace cprime::detail
