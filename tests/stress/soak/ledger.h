// What is left: of the runtime when nobody is alive, and of the process when no runtime is.
//
// Thread: one that is no worker, while no coroutine lives.
#pragma once

#include <cstdint>

namespace cprime::soak {

// Ends the soak with a sentence if the runtime holds a coroutine, a slot, an arm, a deadline, a channel, a handle, an object, a failure or a blocking
// call, or an item is alive.
void check_runtime();

struct Process {
    std::uint64_t descriptors = 0;  // open now
    std::uint64_t threads = 0;
    std::uint64_t heap_bytes = 0;  // in use; 0 under sanitizers, which have a heap of their own
    std::uint64_t resident_bytes = 0;
};
Process look_at_process();

}  // namespace cprime::soak
