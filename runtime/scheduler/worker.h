// Worker: one thread that runs coroutines, and everything that only this thread touches.
//
// The record that viewers see (wire::WorkerRecord) lives in the segment; what stands here is private. Runtime calls run
// on the worker's own stack, from `stack_top` downwards, below the frame that `home` remembers.
//
// Thread: all members belong to the worker's thread, but for those marked otherwise. A pointer to a Worker is good until
// the next switch: never keep one on a coroutine's stack.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>

#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/worker.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/idle_workers.h"
#include "runtime/scheduler/ready_queue.h"
#include "runtime/scheduler/run_queue.h"
#include "runtime/stacks/worker_slots.h"
#include "runtime/switch/worker_offsets.h"

namespace cprime::detail {

namespace wire = coroscope::wire;
namespace emit = coroscope::emit;

// The per-thread exception state of the C++ runtime (Itanium ABI, 2.2.2); each coroutine has its own.
struct EhGlobals {
    void* caught_exceptions;
    unsigned int uncaught_exceptions;
};

// Worker::attention.
inline constexpr std::uint32_t kLongWays = 1;  // no membarrier, CPRIME_PROFILE: no short ways (short_ways.h)
inline constexpr std::uint32_t kOthers = 4;    // there are several workers
inline constexpr std::uint32_t kOwnOrder = 2;  // ready coroutines do not run in the order in which they became ready

struct alignas(64) Worker {
    // --- read and written by the assembly
    std::uint64_t stack_top = 0;                // where runtime calls start on this worker's stack
    wire::CoroutineRecord* current = nullptr;   // that runs, or ran last; &home between coroutines
    std::uint32_t current_index = wire::kNone;  // of `current`; kNone for home
    alignas(8) std::uint32_t sampling = 0;  // 1: stamp the next call's entry, which makes it 2: stamp its exit
    std::uint32_t attention = 0;  // constant: kLongWays, kOwnOrder; not 0: the short yield does not apply. Read with `sampling`
    std::uint64_t stamp_in = 0;   // ticks at the stub's entry, if sampling
    std::uint64_t stamp_out = 0;  // ticks right before the next coroutine's first instruction
    // Control block of the thread's own function: a runtime call that answers with it ends cprime_enter().
    alignas(64) wire::CoroutineRecord home{};

    wire::CoroutineRecord* records = nullptr;  // all control blocks; constant
    EhGlobals* eh_globals = nullptr;           // this thread's
    wire::WorkerRecord* record = nullptr;      // in the segment
    std::uint32_t picks_left = 1;              // until the next look at the shared queues and the timers
    std::uint32_t parks_until_depth = 1;       // until the next park whose depth its site is told
    std::uint64_t resumed_rsp = 0;             // stack pointer that the running coroutine was continued with
    std::uint64_t slice_began = 0;  // ticks at which somebody of higher priority was first seen waiting for this one; 0 = not
    RunQueue queue;  // coroutines that will run here next; others steal from it

    // --- the scheduler's
    std::uint32_t index = 0;
    bool several_workers = false;         // constant
    bool profile_always = false;          // CPRIME_PROFILE=1; constant
    std::uint32_t parks_until_next = 61;  // what parks_until_depth becomes next
    std::uint32_t urgent_in_a_row = 0;    // picks of higher priority while others stood in `queue`
    std::uint32_t chaos_round = 0;        // of the seed that `random` comes from (chaos.h)
    std::uint32_t watched = 0;            // the other worker that Scheduler::relieve() looks at,
    std::uint64_t watched_switches = 0;   // what it had switched by then,
    std::uint64_t watched_since = 0;      // and when that was, in ticks
    ReadyQueue bound;                     // that may run here only; under the Scheduler's lock
    wire::WorkerQueuesRecord* shown_queues = nullptr;  // in the segment; constant
    std::uint64_t random = 0x9e3779b97f4a7c15ULL;      // state of a xorshift; not 0
    emit::RingWriter* ring = nullptr;                  // for the probes
    std::uint64_t switch_stamp = 0;  // taken by the suspend, shared by the resume after it; 0 = none

    // --- spawn's
    std::uint64_t identity_next = 0;  // block of identities: [next, end)
    std::uint64_t identity_end = 0;
    WorkerSlots slots;                         // free stacks by pool
    std::uint32_t free_records = wire::kNone;  // list of unused control blocks, linked by `next`
    std::uint32_t free_records_count = 0;
    std::uint32_t free_handles = wire::kNone;  // list of unused handle records, linked by `holder` (channels/channel_tables.h)
    std::uint32_t free_handles_count = 0;

    // --- switch histogram
    wire::HistogramRecord* histogram = nullptr;
    std::uint32_t sample_countdown = 1;  // switches until the next one is stamped
    bool sample_pending = false;         // both stamps stand once the present call has returned
    void* asan_fake_stack = nullptr;     // of the worker's own stack while a coroutine runs

    // --- shared
    alignas(64) Sleeper sleeper;  // how it searches, sleeps and is woken
    // Of `bound`. Writer: holders of the Scheduler's lock. Reader: the worker, as a hint, relaxed: what it announces is looked up under the lock.
    sync::atomic<std::uint32_t> bound_length{0};
    // Last request that it has trimmed its stacks for, and how many bytes that gave; futex. Writer: the worker, and trim() called by it.
    sync::atomic<std::uint32_t> trim_served{0};
    std::uint64_t trim_bytes = 0;
    // Futex [worker.ready]: the thread has set itself up. Writer: the worker, release; reader: who starts the workers, acquire.
    sync::atomic<std::uint32_t> ready_to_run{0};
    pthread_t thread{};
    std::uint64_t stack_low = 0, stack_high = 0;  // the thread's own stack; constant
    void* tsan_fiber = nullptr;                   // TSan's name of the thread's own stack; constant
};
static_assert(sync::kModelled || offsetof(Worker, stack_top) == CPRIME_WORKER_STACK_TOP);
static_assert(sync::kModelled || offsetof(Worker, current) == CPRIME_WORKER_CURRENT);
static_assert(sync::kModelled || offsetof(Worker, current_index) == CPRIME_WORKER_CURRENT_INDEX);
static_assert(sync::kModelled || offsetof(Worker, sampling) == CPRIME_WORKER_SAMPLING);
static_assert(sync::kModelled || offsetof(Worker, stamp_in) == CPRIME_WORKER_STAMP_IN);
static_assert(sync::kModelled || offsetof(Worker, stamp_out) == CPRIME_WORKER_STAMP_OUT);
static_assert(sync::kModelled || offsetof(Worker, attention) == CPRIME_WORKER_SAMPLING + 4);
static_assert(sync::kModelled || offsetof(Worker, home) == CPRIME_WORKER_HOME);
static_assert(sync::kModelled || offsetof(Worker, records) == CPRIME_WORKER_RECORDS);
static_assert(sync::kModelled || offsetof(Worker, eh_globals) == CPRIME_WORKER_EH_GLOBALS);
static_assert(sync::kModelled || offsetof(Worker, record) == CPRIME_WORKER_SHOWN);
static_assert(sync::kModelled || offsetof(Worker, picks_left) == CPRIME_WORKER_PICKS_LEFT);
static_assert(sync::kModelled || offsetof(Worker, parks_until_depth) == CPRIME_WORKER_PARKS_UNTIL_DEPTH);
static_assert(sync::kModelled || offsetof(Worker, resumed_rsp) == CPRIME_WORKER_RESUMED_RSP);
static_assert(sync::kModelled || offsetof(Worker, slice_began) == CPRIME_WORKER_SLICE_BEGAN);
static_assert(sync::kModelled || offsetof(Worker, queue) == CPRIME_WORKER_QUEUE);
static_assert(CPRIME_WORKER_HOME_RSP == CPRIME_WORKER_HOME + COROSCOPE_COROUTINE_RSP);

}  // namespace cprime::detail
