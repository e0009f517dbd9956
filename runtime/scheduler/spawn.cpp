// Spawning: a control block, a slot, a closure, and then the child is everybody's. And the other end: exit.
#include <cxxabi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "cprime/detail/local_pool.h"
#include "cprime/detail/spawn_request.h"
#include "cprime/this_coroutine.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/eager_binding.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/child_first.h"
#include "runtime/scheduler/enqueue.h"
#include "runtime/scheduler/parking.h"
#include "runtime/signals/fault_ending.h"
#include "runtime/signals/out_of_memory.h"
#include "runtime/stacks/high_water.h"
#include "runtime/stacks/overflow.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {

using wire::CoroutineRecord;
using wire::CoroutineState;
using wire::SizeClass;

namespace {

static_assert(kRoomBesideClosure == kRoomBesideLocalClosure);

// The smallest class from `pool` upwards in which the closure leaves room for `frames` bytes.
std::uint8_t fitting_pool(const SpawnRequest& request, std::uint8_t pool, std::uint64_t frames,
                          const Pools& pools) {
    const std::uint64_t bytes = frames + request.type->bytes + request.type->alignment + kRoomBesideClosure;
    const auto holds = [&pools, frames](std::uint8_t at) -> std::uint64_t {
        const PoolGeometry& geometry = pools.geometry(at);
        return geometry.slot_bytes - (frames != 0 && geometry.colour_steps > 1 ? kColourBytesMax : 0);
    };
    while (pool < kPoolLarge && bytes > holds(pool))
        ++pool;
    return pool;
}

// The class that follows from what was said of the function (SizeClass + 1).
std::uint8_t declared_class(const SpawnRequest& request, const coro_metadata& said, const Pools& pools) {
    if (said.size_class != size_class::unspecified) return static_cast<std::uint8_t>(said.size_class);
    if (said.recursive && !said.bounded) return kPoolLarge + 1;
    const std::uint8_t least = said.bounded && !said.calls_foreign ? kPoolMicro : kPoolMedium;
    return fitting_pool(request, least, said.max_stack, pools) + 1;
}

[[gnu::noinline]] ClassAsked what_was_asked(const SpawnRequest& request, const Pools& pools) {
    ClassAsked asked{.wish = request.wish};
    if (request.place.unoptimised != 0 && !kSanitizer) asked.unoptimised = &request.place;
    if (request.stack_bytes != 0)
        asked.hint = fitting_pool(request, kPoolMicro, request.stack_bytes, pools) + 1;
    if (request.metadata != nullptr) {
        asked.declared = declared_class(request, *request.metadata, pools);
        asked.bound = request.metadata->bounded;
    }
    return asked;
}

// What the ladder of evidence says, or the smallest class above it in which the closure leaves room.
std::uint8_t choose_pool(const SpawnRequest& request, std::uint32_t site, const Pools& pools) {
    if ((request.flags & kSpawnSignal) != 0)
        return (request.flags & kSpawnSmallSignal) != 0 ? kPoolSignalSmall : kPoolSignal;
    const bool plain = request.stack_bytes == 0 && request.metadata == nullptr &&
                       request.place.unoptimised == 0;
    Sites& sites = g_runtime->sites;
    const auto chosen = static_cast<std::uint8_t>(
        __builtin_expect(plain, 1) ? sites.choose_class(site, request.wish)
                                   : sites.choose_class(site, what_was_asked(request, pools)));
    const std::uint8_t pool = fitting_pool(request, chosen, 0, pools);
    return pool == kPoolMedium && sites.wants_wide(site) ? kPoolWide : pool;
}

// The slot it was given while it waited, else one that is free.
SlotGrant take_slot(Worker* worker, SpawnRequest& request, std::uint32_t site) {
    const SpawnStep step = std::exchange(request.step, SpawnStep::done);
    if (request.local != nullptr)
        return {kPoolLocal, g_runtime->local_pools.allocate(worker, *request.local)};
    if (step == SpawnStep::given) return {request.pool, static_cast<std::uint32_t>(request.identity)};
    return g_runtime->gates.take(worker, choose_pool(request, site, g_runtime->pools));
}

// Where the closure goes: as high as its alignment allows, above the first frame.
std::uint64_t closure_address(const wire::StackBounds& bounds, const ClosureType& type) {
    const std::uint64_t alignment = std::max<std::uint64_t>(type.alignment, 16);
    return (bounds.high - type.bytes) & ~(alignment - 1);
}

wire::Priority priority_of(const SpawnRequest& request) {
    return (request.flags & kSpawnSignal) != 0 ? wire::Priority::kSignal
                                               : static_cast<wire::Priority>(request.priority);
}
bool is_special(const SpawnRequest& request) {
    return priority_of(request) != wire::Priority::kNormal || request.only_worker != wire::kAnyWorker;
}

// All spawns are out of the ordinary, as `how` says (SpawnsAre): the flags that this one gets besides.
[[gnu::noinline, gnu::cold]] std::uint8_t flags_of_all(SpawnRequest& request, std::uint8_t how) {
    std::uint8_t flags = 0;
    if ((how & kAllCancelled) != 0) flags |= wire::kCoroutineCancelRequested;
    if ((how & kAllChildFirst) != 0) request.flags |= kSpawnChildFirst;
    if ((how & kAllToPolicy) != 0) {
        flags |= wire::kCoroutineSpecial;
        g_runtime->scheduler.policy()->spawned(request.coroutine, request.deadline_ns);
    }
    return flags;
}

// `stack_limit`: of its first frame. Pool and slot stand.
void fill_record(SpawnRequest& request, std::uint64_t closure, std::uint64_t stack_limit) {
    CoroutineRecord& child = record(request.coroutine);
    std::uint8_t flags = wire::kCoroutineNeverRan;
    if ((request.flags & kSpawnHandle) != 0) flags |= wire::kCoroutineHandleHeld;
    if (is_special(request)) flags |= wire::kCoroutineSpecial;
    if (const std::uint8_t how = g_runtime->spawns_are.load(std::memory_order_relaxed);
        __builtin_expect(how != 0, 0)) {
        flags |= flags_of_all(request, how);
    }
    child.flags.store(flags, std::memory_order_relaxed);
    child.reason.store(wire::WaitReason::kNothing, std::memory_order_relaxed);
    child.wait_object.store(wire::kNone, std::memory_order_relaxed);
    child.next.store(wire::kNone, std::memory_order_relaxed);
    child.previous.store(wire::kNone, std::memory_order_relaxed);
    child.first_joiner.store(wire::kNone, std::memory_order_relaxed);
    child.caught_exceptions = 0;
    child.uncaught_exceptions = 0;
    child.transfer = 0;
    child.rsp.store(make_first_frame(closure, request.type->entry, reinterpret_cast<void*>(closure),
                                     stack_limit),
                    std::memory_order_relaxed);
    child.rip.store(reinterpret_cast<std::uint64_t>(&cprime_trampoline), std::memory_order_relaxed);
}

void fill_detail(const SpawnRequest& request, const Worker* worker, std::uint64_t spawner, std::uint32_t site) {
    wire::CoroutineDetail& child = detail(request.coroutine);
    // Identity first, then a live state (in spawn_commit): see still_alive().
    // Release: who learns from it that the index has a new owner sees what the earlier one did [join.ended].
    child.identity.store(request.identity, std::memory_order_release);
    child.spawner.store(spawner, std::memory_order_relaxed);
    // [coroutine.site] release: who reads a number of somebody else's coroutine reads what it names.
    child.site.store(site, std::memory_order_release);
    child.name.store(g_runtime->sites.name_of(site, request.name), std::memory_order_release);
    child.high_water_bytes.store(0, std::memory_order_relaxed);
    child.priority.store(priority_of(request), std::memory_order_relaxed);
    child.only_worker.store(static_cast<std::uint16_t>(request.only_worker), std::memory_order_relaxed);
    child.worker.store(worker != nullptr ? static_cast<std::uint8_t>(worker->index) : 0,
                       std::memory_order_relaxed);
    child.deadline_ticks.store(0, std::memory_order_relaxed);
    child.private_word = 0;
}

void set_adopting(const Worker* worker, std::uint32_t index, std::uint64_t identity) {
    if (worker == nullptr) {
        outside_adopting() = identity;
    } else {
        std::uint64_t& word = detail(index).private_word;
        word = (word & ~kPrivateAdopting) | identity;
    }
}

[[noreturn, gnu::cold]] void no_such_worker(std::uint32_t worker, std::uint32_t workers_count) {
    std::fprintf(stderr, "cprime: a coroutine was spawned for worker %u, but there are %u: 0 to %u\n", worker,
                 workers_count, workers_count - 1);
    std::abort();
}

ResumePoint back_to_caller(Worker* worker) {
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

ResumePoint spawn_begin(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<SpawnRequest*>(argument);
    RuntimeState& state = worker != nullptr ? *g_runtime : runtime("spawn");
    const std::uint32_t site = state.sites.find(request.place, request.name,
                                                reinterpret_cast<std::uint64_t>(request.type->entry));
    if (!sanitizer_admits()) return back_to_caller(worker);
    if (__builtin_expect(request.only_worker > state.workers_count, 0))
        no_such_worker(request.only_worker - 1, state.workers_count);
    const bool given = request.step == SpawnStep::given;  // then it was told when it was given
    const SlotGrant grant = take_slot(worker, request, site);
    if (__builtin_expect(grant.must_wait, 0)) return state.gates.wait(worker, index, request, grant);
    const auto [pool, slot] = std::pair(grant.pool, grant.slot);
    if (__builtin_expect(slot == wire::kNone, 0)) {
        if ((request.flags & kSpawnSignal) == 0) raise_out_of_stacks(pool);
        return back_to_caller(worker);
    }
    if (pool <= kPoolSmall || pool == kPoolLocal || pool == kPoolSignalSmall) warn_if_binding_is_lazy();
    const std::uint32_t child = state.records.allocate(worker);
    void* result = request.type->result_bytes != 0 ? std::malloc(request.type->result_bytes) : nullptr;
    if (child == wire::kNone || (request.type->result_bytes != 0 && result == nullptr)) {
        std::free(result);
        state.gates.give_back(worker, pool, slot);
        if (child != wire::kNone) state.records.free(worker, child);
        if ((request.flags & kSpawnSignal) == 0) raise_out_of_stacks(pool);
        return back_to_caller(worker);
    }
    // Now, not with the spawn: whoever looks at the pool before that finds the slot taken.
    if (emit::listening(wire::kCategoryPool) && !given)
        emit::probe::pool_allocate(ring_of(worker), emit::stamp(), slot, pool);
    request.coroutine = child;
    request.result = result;
    request.identity = state.records.new_identity(worker);
    if (pool == kPoolLocal) request.local->entries[slot % wire::kSlotsPerSlab] = {request.identity, child};
    const wire::StackBounds bounds = state.pools.bounds(pool, slot);
    CoroutineRecord& made = record(child);
    made.pool = pool;
    made.slot = slot;
    fill_detail(request, worker, current_identity(worker, index), site);
    sanitizer_create(child, state.pools.window(pool, slot));
    if (state.pools.has_canaries(pool)) state.pools.arm_canary(pool, slot);
    if (__builtin_expect(profiling_stacks(), 0)) {
        paint_stack(child);
        state.learned.spawned(site);
    }
    const std::uint64_t closure = closure_address(bounds, *request.type);
    fill_record(request, closure, Segments::own_limit(state.pools, pool, slot));
    request.closure = reinterpret_cast<void*>(closure);
    request.adopting_before = worker != nullptr ? detail(index).private_word & kPrivateAdopting
                                                : outside_adopting();
    set_adopting(worker, index, request.identity);
    return back_to_caller(worker);
}

ResumePoint spawn_commit(Worker* worker, std::uint32_t index, void* argument) noexcept {
    const auto& request = *static_cast<const SpawnRequest*>(argument);
    set_adopting(worker, index, request.adopting_before);
    const std::uint32_t child = request.coroutine;
    CoroutineRecord& made = record(child);
    const std::uint32_t sequence = made.sequence.load(std::memory_order_relaxed) + 2;
    made.sequence.store(sequence, std::memory_order_relaxed);
    // Release: who sees a live state sees the whole record, the identity first of all.
    made.state.store(CoroutineState::kReady, std::memory_order_release);
    if (emit::listening(wire::kCategoryCoroutine)) {
        const wire::CoroutineDetail& d = detail(child);
        emit::probe::spawn(
            ring_of(worker), emit::stamp(),
            {child, d.site.load(std::memory_order_relaxed), request.identity, made.slot, made.pool,
             made.flags.load(std::memory_order_relaxed),
             static_cast<std::uint8_t>(d.priority.load(std::memory_order_relaxed)),
             d.spawner.load(std::memory_order_relaxed), d.name.load(std::memory_order_relaxed), sequence});
    }
    // Counted before it can run: [scheduler.finished].
    if (worker == nullptr) {
        g_runtime->segment->header().outside_spawned.fetch_add(1, std::memory_order_release);
        g_runtime->scheduler.inject(child);
        return nullptr;
    }
    add(worker->record->spawned, 1);
    const bool special = (made.flags.load(std::memory_order_relaxed) & wire::kCoroutineSpecial) != 0;
    if (special) {
        g_runtime->scheduler.inject(child);
    } else if (__builtin_expect((request.flags & kSpawnChildFirst) != 0, 0)) {
        return run_child_first(*worker, index, child);
    } else {
        enqueue(*worker, child, false);
    }
    return keep_running(*worker);
}

ResumePoint spawn_abort(Worker* worker, std::uint32_t index, void* argument) noexcept {
    const auto& request = *static_cast<const SpawnRequest*>(argument);
    set_adopting(worker, index, request.adopting_before);
    CoroutineRecord& made = record(request.coroutine);
    std::free(request.result);
    sanitizer_destroy(request.coroutine);
    g_runtime->learned.spawn_failed(detail(request.coroutine).site.load(std::memory_order_relaxed));
    g_runtime->gates.give_back(worker, made.pool, made.slot);
    g_runtime->records.free(worker, request.coroutine);
    return back_to_caller(worker);
}

ResumePoint free_result(Worker* worker, std::uint32_t, void* memory) noexcept {
    std::free(memory);
    return back_to_caller(worker);
}

// On the coroutine's stack. Cancelled is an orderly end.
extern "C" void cprime_keep_escaped(void* exception) noexcept {
    abi::__cxa_begin_catch(exception);
    try {
        throw;
    } catch (const Cancelled&) {
    } catch (...) {
        std::exception_ptr failure = std::current_exception();
        park(&keep_failure, &failure);
    }
    abi::__cxa_end_catch();
}

ResumePoint keep_failure(Worker* worker, std::uint32_t index, void* argument) noexcept {
    const auto& exception = *static_cast<const std::exception_ptr*>(argument);
    wire::CoroutineDetail& self = detail(index);
    self.private_word |= kPrivateFailed;
    const std::uint64_t identity = self.identity.load(std::memory_order_relaxed);
    const std::uint32_t site = self.site.load(std::memory_order_relaxed);
    const std::uint32_t own_name = self.name.load(std::memory_order_relaxed);
    const std::uint32_t name = own_name != wire::kNone || site == wire::kNone
                                   ? own_name
                                   : g_runtime->sites.record(site).name;
    std::string text(g_runtime->segment->string(name));
    bool held = false;
    const bool abandoned = (record(index).flags.load(std::memory_order_relaxed) & wire::kCoroutineAbandoned) != 0;
    {
        // Under the join lock: a handle is dropped either before, and is not held any more, or after, and finds the failure.
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);
        held = (record(index).flags.load(std::memory_order_relaxed) & wire::kCoroutineHandleHeld) != 0;
        if (held) g_runtime->failures.add(identity, exception, text, abandoned);
    }
    if (!held) report_failure(text, identity, exception);
    return keep_running(*worker);
}

// On the worker's stack; the coroutine's own is done with. Nothing of it may be touched after its slot and record are free.
extern "C" ResumePoint cprime_exit_coroutine(Worker* worker, std::uint32_t index, void*) noexcept {
    CoroutineRecord& self = record(index);
    const wire::CoroutineDetail& about = detail(index);
    check_stack(*worker, index, self.rsp.load(std::memory_order_relaxed));
    // It may have ended without its first park.
    if (worker->parks_until_depth == 1) worker->parks_until_depth = worker->parks_until_next;
    const std::uint32_t high_water = high_water_at_exit(index);
    const std::uint8_t flags = self.flags.load(std::memory_order_relaxed);
    if (__builtin_expect((flags & wire::kCoroutineSegments) != 0, 0))
        g_runtime->segments.release(*worker, index);
    const bool abandoned = (flags & wire::kCoroutineAbandoned) != 0;
    const auto status = abandoned                                        ? wire::ExitStatus::kAbandoned
                        : (about.private_word & kPrivateFailed) != 0       ? wire::ExitStatus::kFailed
                        : (flags & wire::kCoroutineCancelRequested) != 0 ? wire::ExitStatus::kCancelled
                                                                         : wire::ExitStatus::kFinished;
    const std::uint64_t stamp = emit::stamp();
    worker->switch_stamp = stamp;
    const std::uint32_t sequence = self.sequence.load(std::memory_order_relaxed) + 1;
    emit::probe::exit(worker->ring, stamp, index, sequence, status,
                      about.identity.load(std::memory_order_relaxed), high_water);
    emit::probe::pool_free(worker->ring, stamp, self.slot, self.pool);
    worker->record->current.store(wire::kNone, std::memory_order_relaxed);
    worker->record->state.store(wire::WorkerState::kScheduling, std::memory_order_relaxed);
    const std::uint8_t pool = self.pool;
    const std::uint32_t slot = self.slot;
    TakenJoiners joiners;
    {
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);  // [join.lock]
        joiners = take_joiners(index);
        if (__builtin_expect(abandoned, 0)) leave_in_grave(index);
        self.state.store(CoroutineState::kExited, std::memory_order_relaxed);
        self.sequence.store(sequence, std::memory_order_release);
    }
    sanitizer_destroy(index);
    const bool failed = status == wire::ExitStatus::kFailed || abandoned;
    wake_joiners(*worker, joiners, failed, stamp);
    g_runtime->gates.give_back(worker, pool, slot);
    if (__builtin_expect(!abandoned, 1)) {  // else the record stays, on the stack that nobody uses again
        self.state.store(CoroutineState::kFree, std::memory_order_release);
        g_runtime->records.free(worker, index);
    }
    if (failed) add(worker->record->failed, 1);
    if (status == wire::ExitStatus::kCancelled) add(worker->record->cancelled, 1);
    // [scheduler.finished] release, and last: who sees it counted sees everything it did.
    worker->record->exited.store(worker->record->exited.load(std::memory_order_relaxed) + 1,
                                 std::memory_order_release);
    worker->current = &worker->home;
    worker->current_index = wire::kNone;
    return pick_next(*worker);
}

}  // namespace cprime::detail
