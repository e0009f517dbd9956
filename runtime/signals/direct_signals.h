// Direct handlers as the rest of the runtime sees them (cprime/direct_signal.h): a Runtime without a signal thread shows their counts.
//
// Thread: the one that makes and destroys the Runtime, but for what is marked.
#pragma once

#include <cstdint>

namespace cprime::detail {

// From now on, until detach, handlers count in the runtime's records, too; detach waits for those that are just counting.
void attach_direct_signals();
void detach_direct_signals();

// Whether the system calls us there. Any thread.
bool is_direct_handler(const void* handler);

// What "stat" prints. Async-signal-safe, any thread.
struct DirectFigures {
    bool has_runtime = false;
    std::uint64_t workers = 0, alive = 0, spawned = 0, switches = 0;
};
DirectFigures direct_figures();
// Arrivals, and handlers that have returned.
std::uint64_t direct_arrived(int number);
std::uint64_t direct_finished(int number);

}  // namespace cprime::detail
