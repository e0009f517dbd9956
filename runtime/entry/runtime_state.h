// RuntimeState: the one runtime of this process, as its parts find each other.
//
// Made by cprime::Runtime before the first worker starts, taken apart in its destructor after the last worker ended. Parts
// reach it through g_runtime from the worker's stack or from outside threads; it knows everybody, nobody owns it but Runtime.
//
// Thread: the pointer is constant while workers exist. runtime() is for entry points that outside threads may call at the
// wrong time: it ends the process with one sentence when there is no runtime, or in a forked child.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "instrumentation/emit/agent.h"
#include "instrumentation/emit/probes.h"
#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/emit/state_segment.h"
#include "runtime/blocking/blocking_pool.h"
#include "runtime/entry/first_viewer.h"
#include "runtime/learning/learned_sites.h"
#include "runtime/scheduler/coroutine_records.h"
#include "runtime/scheduler/failures.h"
#include "runtime/scheduler/joiners.h"
#include "runtime/scheduler/reaper.h"
#include "runtime/scheduler/scheduler.h"
#include "runtime/scheduler/timers.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stacks/local_pools.h"
#include "runtime/stacks/pools.h"
#include "runtime/stacks/segments.h"
#include "runtime/stacks/sites.h"
#include "runtime/stacks/slot_gates.h"
#include "runtime/stacks/trim.h"

namespace cprime::detail {

// What is out of the ordinary about every spawn; a spawn reads one byte, mostly 0.
enum SpawnsAre : std::uint8_t {
    kAllCancelled = 1U << 0,   // by shutdown()
    kAllToPolicy = 1U << 1,    // RuntimeOptions::policy
    kAllChildFirst = 1U << 2,  // RuntimeOptions::child_first
};

struct RuntimeState {
    std::unique_ptr<emit::StateSegment> segment;
    std::unique_ptr<emit::RingSegment> rings;
    FirstViewer first_viewer;            // outlives the agent, which calls it
    std::unique_ptr<emit::Agent> agent;  // null with CPRIME_STATE_PLANE=off
    std::unique_ptr<Worker[]> workers;
    std::uint32_t workers_count = 0;
    bool profile_always = false;  // CPRIME_PROFILE=1, or it learns
    std::string learn_file;       // CPRIME_LEARN; "" = it does not learn
    std::string wrong_file;       // where overflows are told to the next run that learns
    std::atomic<bool> shutting_down{
        false};  // writer: shutdown(); what is spawned from then on is cancelled from its start
    // SpawnsAre: what holds for all spawns from now on. Writers: Runtime's constructor, shutdown(); readers: spawns; relaxed, since who is spawned
    // meanwhile is asked to end by Runtime::wait().
    std::atomic<std::uint8_t> spawns_are{0};
    Scheduler scheduler;
    Timers timers;
    BlockingPool blocking;
    CoroutineRecords records;
    Pools pools;
    LocalPools local_pools;
    SlotGates gates;
    Trimmer trimmer;
    Sites sites;
    LearnedSites learned;
    Segments segments;
    Joiners joiners;
    Failures failures;
    Reaper reaper;
};

[[gnu::visibility("hidden")]] extern RuntimeState* g_runtime;  // writer: Runtime's constructor and destructor

// g_runtime, or the end of the process with one sentence that names `call`.
RuntimeState& runtime(const char* call);

// One sentence on stderr ("cprime: ..."), then the end of the process with that exit code.
[[noreturn]] void fatal(const std::string& sentence, int exit_code);

// Asks every coroutine that is alive to end, and every one spawned from now on. Any thread, on a worker's own stack.
void cancel_everybody(Worker* worker);

// Whether stacks are painted at spawn and scanned at exit.
inline bool profiling_stacks() {
    return emit::listening(wire::kProfileStacks) || g_runtime->profile_always;
}

}  // namespace cprime::detail
