// Arena: where `new` takes memory from while a model's program runs.
//
// Within an execution nothing is used again, so that every use of freed memory is seen; after it everything is taken back at once,
// so that executions that are abandoned half-way leak nothing, and addresses are the same in each. This is why the checker
// replaces operator new and delete of the whole test program: outside a program they are malloc and free.
#pragma once

#include <cstddef>

namespace model::arena {

// Whether `new` comes from the arena. Set by the engine around each stretch of a program's own code.
void set_active(bool active);
// Forgets everything that was allocated.
void reset();
// How often this execution has freed something.
std::size_t freed_times();
// Whether `address` lies in memory that this execution has freed.
bool is_freed(const void* address);

}  // namespace model::arena
