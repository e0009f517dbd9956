// Quarantine, the fresh stack, and what runs on it.
#include "runtime/signals/fault_ending.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "cprime/spawn.h"
#include "instrumentation/base/signal_name.h"
#include "instrumentation/emit/signal_probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/signals/app_signals.h"
#include "runtime/signals/faults.h"
#include "runtime/signals/nests.h"
#include "runtime/signals/signal_records.h"
#include "runtime/signals/signal_run.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Ending {
    std::shared_ptr<const FaultInfo> info;
    std::uint32_t index;
    bool bare;        // it has faulted while it was ending: nothing of the program's runs any more
    bool of_handler;  // it was the handler of another fault, which would be told of its own ones for ever
};

// The coroutine that calls.
[[gnu::noinline]] void mark_handler_of_faults() {
    detail(cprime_current_worker->current_index).private_word |= kPrivateSignal;
}

void spawn_handler(const std::shared_ptr<const FaultInfo>& info) {
    const std::shared_ptr<const Faults::Rule> rule = g_faults.rule(info->number);
    if (rule == nullptr) return;
    const std::string name = coroscope::base::signal_name(info->number);
    SpawnRequest request;
    request.name = name;
    request.place = rule->place;
    request.flags = kSpawnSignal;
    const auto handle = [rule, info] {
        mark_handler_of_faults();
        rule->handler(*info);
    };
    if (try_spawn_closure(request, handle)) return;
    std::fprintf(stderr,
                 "cprime: the handler of faults is not told of %s in coroutine %llu: there is no memory for "
                 "a coroutine\n",
                 name.c_str(), static_cast<unsigned long long>(info->coroutine));
}

// Endings under way, by coroutine: one that faults again while it ends leaves nobody to free the first.
std::mutex g_endings_lock;  // guards g_endings
std::unordered_map<std::uint32_t, std::unique_ptr<Ending>> g_endings;

Ending* keep_ending(std::unique_ptr<Ending> ending) {
    const std::lock_guard<std::mutex> hold(g_endings_lock);
    std::unique_ptr<Ending>& kept = g_endings[ending->index];
    kept = std::move(ending);
    return kept.get();
}
void forget_ending(std::uint32_t index) {
    const std::lock_guard<std::mutex> hold(g_endings_lock);
    g_endings.erase(index);
}

// Whether the program's own signals count on it.
bool ran_handlers(std::uint32_t index) {
    return (detail(index).private_word & kPrivateAnswers) != 0;
}

// The coroutine's last function, on its fresh stack.
void finish_faulted(void* argument) {
    const Ending& ending = *static_cast<const Ending*>(argument);
    if (!ending.bare) {
        run_defers(ending.index);
        if (!ending.of_handler) spawn_handler(ending.info);
    }
    if (ran_handlers(ending.index)) {
        if (ending.bare) {
            g_app_signals.give_up_after_fault();
        } else {
            g_app_signals.go_on_after_fault();
        }
    }
    const Fault fault(ending.info);
    forget_ending(ending.index);
    throw fault;
}

Ending* make_ending(const Worker& worker, std::uint32_t index, const FaultSeen& seen, bool bare) {
    auto info = std::make_shared<FaultInfo>();
    info->number = seen.number;
    info->code = seen.code;
    info->address = seen.address;
    info->rip = seen.rip;
    info->coroutine = detail(index).identity.load(kRelaxed);
    const std::uint32_t site = detail(index).site.load(kRelaxed);
    const std::uint32_t own_name = detail(index).name.load(kRelaxed);
    info->name = g_runtime->segment->string(
        own_name != wire::kNone || site == wire::kNone ? own_name : g_runtime->sites.record(site).name);
    if (site != wire::kNone) info->site = g_runtime->sites.text(site);
    info->worker = worker.index;
    info->report.assign(seen.text, seen.text_bytes);
    const bool of_handler = (detail(index).private_word & kPrivateSignal) == kPrivateSignal;
    return keep_ending(std::make_unique<Ending>(Ending{std::move(info), index, bare, of_handler}));
}

// The coroutine leaves its stack, segments and all, and goes on at the beginning of another one.
void move_to(Worker& worker, std::uint32_t index, const SlotGrant& fresh, Ending* ending) {
    wire::CoroutineRecord& self = record(index);
    const Pools& pools = g_runtime->pools;
    const std::uint8_t gone = wire::kCoroutineSegments | wire::kCoroutineGrown;
    g_faults.count_quarantined(1 + g_runtime->segments.forget(index));
    sanitizer_destroy(index);
    {
        // Who asks a handle for the class of the stack does it under this lock.
        const std::lock_guard<SpinLock> hold(g_runtime->joiners.locks[index]);
        self.pool = fresh.pool;
        self.slot = fresh.slot;
    }
    sanitizer_create(index, pools.window(fresh.pool, fresh.slot));
    if (pools.has_canaries(fresh.pool)) g_runtime->pools.arm_canary(fresh.pool, fresh.slot);
    self.flags.fetch_and(static_cast<std::uint8_t>(~gone), kRelaxed);
    self.flags.fetch_or(wire::kCoroutineAbandoned, kRelaxed);
    std::uint64_t& word = detail(index).private_word;
    word &= ~(kPrivateAdopting | kPrivatePainted | kPrivateScanned);
    if (ending->bare) word |= kPrivateEndsBare;
    worker.eh_globals->caught_exceptions = nullptr;  // those that it was handling are never done with
    worker.eh_globals->uncaught_exceptions = 0;
    const wire::StackBounds bounds = pools.bounds(fresh.pool, fresh.slot);
    const std::uint64_t top = bounds.high & ~std::uint64_t{15};
    self.rsp.store(
        make_first_frame(top, &finish_faulted, ending, Segments::own_limit(pools, fresh.pool, fresh.slot)),
        kRelaxed);
    self.rip.store(reinterpret_cast<std::uint64_t>(&cprime_trampoline), kRelaxed);
    worker.resumed_rsp = self.rsp.load(kRelaxed);
}

[[noreturn]] void no_stack_to_end_on(std::uint32_t index) {
    std::fprintf(stderr,
                 "cprime: coroutine %llu cannot be abandoned: there is no stack for it to end on, in the "
                 "signal pool or the emergency "
                 "pool; raise their limits (cprime/pool_config.h)\n",
                 static_cast<unsigned long long>(detail(index).identity.load(kRelaxed)));
    std::abort();
}

}  // namespace

ResumePoint end_faulted(Worker* worker, std::uint32_t index, void* argument) noexcept {
    const FaultSeen& seen = *static_cast<const FaultSeen*>(argument);
    wire::CoroutineRecord& self = record(index);
    g_faults.dig(index, {self.pool, self.slot, seen.rsp, seen.rip});
    const bool bare = (self.flags.load(kRelaxed) & wire::kCoroutineAbandoned) != 0;
    const SlotGrant fresh = g_runtime->gates.take(worker, kPoolSignal);
    if (fresh.slot == wire::kNone) no_stack_to_end_on(index);
    move_to(*worker, index, fresh, make_ending(*worker, index, seen, bare));

    wire::SignalRecord& counts = g_signal_records.of(seen.number);
    counts.delivered.fetch_add(1, kRelaxed);
    counts.finished.fetch_add(1, kRelaxed);
    counts.failed.fetch_add(1, kRelaxed);
    const std::uint64_t stamp = emit::stamp();
    emit::probe::fault(worker->ring, stamp, static_cast<std::uint32_t>(seen.number),
                       seen.replaces ? wire::FaultOutcome::kReplaced : wire::FaultOutcome::kAbandoned,
                       static_cast<std::uint32_t>(seen.code), seen.address, seen.rip);
    emit::probe::pool_allocate(worker->ring, stamp, fresh.slot, fresh.pool);
    signal_ends_by_fault(*worker, index);
    return worker->current;
}

namespace {
// Written before anybody can fault: several workers may at once.
const wire::SavedFrame g_end_of_stack = {0, 0, 0, 0, 0, 0, 0, reinterpret_cast<std::uint64_t>(&cprime_trampoline)};
}  // namespace

const wire::SavedFrame* end_of_stack() {
    return &g_end_of_stack;
}

void leave_in_grave(std::uint32_t index) {
    const Grave grave = g_faults.bury(index);
    wire::CoroutineRecord& self = record(index);
    self.pool = grave.pool;
    self.slot = grave.slot;
    self.rsp.store(grave.rsp, kRelaxed);
    self.rip.store(grave.rip, kRelaxed);
}

}  // namespace cprime::detail
