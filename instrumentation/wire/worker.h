// Worker records: what a worker thread does now, and its own counters.
//
// One writer each: the worker's own thread, where nothing else is said (relaxed stores; a reader sees each counter whole, not all at one
// instant).
// Records of different workers never share a cache line.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "instrumentation/wire/coroutine_offsets.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

enum class WorkerState : std::uint32_t {
    kAbsent = 0,
    kScheduling = 1,
    kRunning = 2,
    kParked = 3,
    kEnded = 4,
    kHeld = 5,  // came to a scheduling point of a paused program
};

struct alignas(64) WorkerRecord {          // 256 bytes
    std::atomic<std::uint32_t> thread_id;  // kernel tid as the target sees it; 0 = no thread yet
    std::atomic<WorkerState> state;
    std::atomic<std::uint32_t> current;   // coroutine index; kNone
    std::atomic<std::uint32_t> ring;      // index of its ring; kNone before anybody listened
    std::uint32_t histogram_switch;       // index into kHistograms; kNone
    std::atomic<std::uint32_t> injected;  // coroutines taken from the shared queues; wraps
    std::uint64_t stack_low, stack_high;  // the worker's own stack, in the target's address space
    // Deadlines armed in its timing wheel, and the tick at which that wants to be looked at (0 = none). Writers: whoever holds the wheel's lock.
    std::atomic<std::uint64_t> timers_armed;
    std::atomic<std::uint64_t> timers_next_ticks;
    std::atomic<std::uint64_t> steals;               // coroutines taken from other workers' queues
    alignas(64) std::atomic<std::uint64_t> spawned;  // coroutines spawned by code on this worker
    std::atomic<std::uint64_t> exited;               // coroutines that ended here
    std::atomic<std::uint64_t> switches;             // resumes done here
    std::atomic<std::uint64_t> parks;                // times the thread went to sleep
    std::atomic<std::uint64_t> wakes;                // coroutines made ready from here
    std::atomic<std::uint64_t> failed, cancelled;    // of those that exited
    std::atomic<std::uint64_t> ready_length;  // coroutines in its own run queue; sampled every few switches
    alignas(64) std::atomic<std::int64_t> used[kPoolsMax];  // slots taken minus slots freed by this worker, per pool
};
static_assert(sizeof(WorkerRecord) == 256);

// What becomes of a worker's queues besides its own picking; cold. Same index as its WorkerRecord.
struct alignas(512) WorkerQueuesRecord {  // 1,536 bytes
    // Ready coroutines that may run on this worker only. Writers: holders of the Scheduler's lock.
    std::atomic<std::uint32_t> bound_length;
    std::uint32_t reserved[127];
    // Coroutines that this worker took from each other worker's queue; wraps. Writer: the worker.
    std::atomic<std::uint32_t> taken_from[kWorkersMax];
};
static_assert(sizeof(WorkerQueuesRecord) == 1536);

static_assert(offsetof(WorkerRecord, current) == COROSCOPE_WORKER_CURRENT);
static_assert(offsetof(WorkerRecord, switches) == COROSCOPE_WORKER_SWITCHES);

}  // namespace coroscope::wire
