// Workers in an image, the side pool of blocking calls, and what viewers hold.
//
// Value types without hidden state; everything in them may come from another process or a file. Tested in tests/unit/inspect.
#pragma once

#include <cstdint>
#include <vector>

#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/worker.h"

namespace coroscope::inspect {

struct WorkerImage {
    std::uint32_t index = 0;
    std::uint32_t thread_id = 0;
    wire::WorkerState state = wire::WorkerState::kAbsent;
    std::uint32_t current = wire::kNone;  // coroutine index
    std::uint32_t histogram_switch = wire::kNone;
    std::uint64_t stack_low = 0, stack_high = 0;
    std::uint64_t spawned = 0, exited = 0, switches = 0, parks = 0, wakes = 0, failed = 0, cancelled = 0;
    std::uint64_t timers_armed = 0;
    std::uint64_t timers_next_ticks = 0;  // 0 = none
    std::uint64_t ready_length = 0;       // coroutines in its own queue, as it noted last
    std::uint32_t bound_length = 0;       // ready, and may run here only
    std::uint32_t injected = 0;           // coroutines taken from the shared queues; wraps
    std::uint64_t steals = 0;             // coroutines taken from other workers' queues
    std::vector<std::uint32_t> taken_from;  // of those, by worker; as long as there are workers, or empty: none were
};

// The side pool of blocking calls (wire::SegmentHeader says what each is).
struct BlockingImage {
    std::uint32_t threads = 0, busy = 0, queued = 0, threads_most = 0;
    std::uint64_t calls = 0;
    bool operator==(const BlockingImage&) const = default;
};

// What viewers keep from running (wire::SegmentHeader says what each is).
struct PauseImage {
    bool everything = false;
    std::uint32_t chosen = 0;          // coroutines
    std::uint64_t steps_done = 0;      // number of the last step that is over
    std::uint64_t step_coroutine = 0;  // identity of whom it ran; 0 = nobody was ready
    bool operator==(const PauseImage&) const = default;
};

}  // namespace coroscope::inspect
