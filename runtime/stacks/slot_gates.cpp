// Entering, waiting, handing over.
#include "runtime/stacks/slot_gates.h"

#include <mutex>

#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/tables.h"
#include "runtime/signals/signals.h"

namespace cprime::detail {

using wire::kNone;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

SpawnRequest& request_of(std::uint32_t index) {
    return *reinterpret_cast<SpawnRequest*>(record(index).transfer);
}

}  // namespace

void SlotGates::start(Pools& pools, const PoolConfig& config) {
    pools_ = &pools;
    const ClassPool* classes[] = {&config.micro, &config.small, &config.medium, &config.large};
    for (std::uint8_t i = 0; i < 4; ++i) {
        Gate& gate = gates_[i];
        gate.when_full = classes[i]->when_full;
        if (classes[i]->slots_max != 0) gate.max = classes[i]->slots_max;
        gate.closed = classes[i]->slots_max != 0 || gate.when_full == WhenFull::wait;
    }
    // Both always: the signal thread may wait for what comes back.
    if (config.signal_slots_max != 0) gates_[kGateSignal].max = config.signal_slots_max;
    gates_[kGateSignal].closed = true;
    gates_[kGateEmergency].max = config.emergency_slots;
    gates_[kGateEmergency].closed = true;
}

bool SlotGates::enter(Gate& gate) {
    const std::lock_guard<SpinLock> hold(gate.lock);
    if (gate.in_use >= gate.max) return false;
    ++gate.in_use;
    return true;
}

void SlotGates::leave(Worker* worker, Gate& gate) {
    Taken taken;
    {
        const std::lock_guard<SpinLock> hold(gate.lock);
        --gate.in_use;
        taken = take_oldest(gate);
    }
    if (taken.request == nullptr) return;
    taken.request->step = SpawnStep::again;
    wake(worker, taken);
}

SlotGrant SlotGates::take_from(Worker* worker, std::uint8_t pool) {
    // The emergency slab is the threads'.
    Worker* const from = pool == kPoolEmergency ? nullptr : worker;
    Gate& gate = gates_[gate_of(pool)];
    if (gate.closed && !enter(gate)) return {.pool = pool};
    const std::uint32_t slot = pools_->allocate(from, pool);
    if (slot == kNone && gate.closed) leave(worker, gate);
    return {.pool = pool, .slot = slot, .refused = slot == kNone};
}

SlotGrant SlotGates::take_slowly(Worker* worker, std::uint8_t pool) {
    while (true) {
        SlotGrant grant = take_from(worker, pool);
        if (grant.slot != kNone || pool == kPoolEmergency) return grant;
        if (pool == kPoolSignalSmall) {
            pool = kPoolSignal;
        } else if (pool == kPoolSignal) {
            pool = kPoolEmergency;
        } else if (pool == kPoolWide) {
            pool = kPoolMedium;  // a narrower window is better than none
        } else if (gates_[pool].when_full == WhenFull::wait) {
            grant.must_wait = true;
            return grant;
        } else if (gates_[pool].when_full == WhenFull::error || pool == kPoolLarge) {
            return grant;
        } else {
            ++pool;
        }
    }
}

ResumePoint SlotGates::wait(Worker* worker, std::uint32_t index, SpawnRequest& request,
                            const SlotGrant& grant) {
    const auto go_on = [&](SpawnStep step) -> ResumePoint {
        request.step = step;
        return worker != nullptr ? keep_running(*worker) : nullptr;
    };
    Gate& gate = gates_[grant.pool];
    gate.lock.lock();
    if (!grant.refused && gate.in_use < gate.max) {  // somebody returned one meanwhile
        gate.lock.unlock();
        return go_on(SpawnStep::again);
    }
    if (gate.in_use == 0) {  // memory was refused, and nobody has any to return
        gate.lock.unlock();
        return go_on(SpawnStep::done);
    }
    if (worker == nullptr) {
        WaitingThread waiter;
        link_thread(gate, waiter, request);
        gate.lock.unlock();
        waiter.wait();
        return nullptr;
    }
    record(index).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(*worker, index, wire::WaitReason::kSlot, grant.pool)) {
        gate.lock.unlock();
        return go_on(SpawnStep::cancelled);
    }
    link(gate, index, request);
    gate.lock.unlock();
    return pick_next(*worker);
}

void SlotGates::give_back_at(Worker* worker, std::uint8_t pool, std::uint32_t slot) {
    pools_->shrink(pool, slot);  // may enter the kernel: before the lock
    Gate& gate = gates_[gate_of(pool)];
    Taken taken;
    {
        const std::lock_guard<SpinLock> hold(gate.lock);
        taken = take_oldest(gate);
        if (taken.request == nullptr) {
            pools_->free(worker, pool, slot);
            --gate.in_use;
        }
    }
    if (taken.request == nullptr) {
        if (gate_of(pool) >= kGateSignal) signal_slot_is_back();
        return;
    }
    taken.request->slot_given(pool, slot);
    if (emit::listening(wire::kCategoryPool)) emit::probe::pool_allocate(ring_of(worker), 0, slot, pool);
    wake(worker, taken);
}

bool SlotGates::unlink(Worker* worker, std::uint32_t index, std::uint32_t size_class, std::uint32_t sequence,
                       wire::WakeCause cause) {
    if (size_class > kPoolLarge) return false;
    Gate& gate = gates_[size_class];
    {
        const std::lock_guard<SpinLock> hold(gate.lock);
        // Acquire: what still_parked() reads is not older than the mark.
        if (record(index).previous.load(std::memory_order_acquire) == index) return false;  // [slot.unlinked]
        if (!still_parked(index, wire::WaitReason::kSlot, size_class, sequence)) return false;
        unlink_coroutine(gate, index);
        request_of(index).step = SpawnStep::cancelled;
    }
    make_ready(worker, index, cause);
    return true;
}

bool unlink_spawner(Worker* worker, std::uint32_t index, std::uint32_t size_class, std::uint32_t sequence,
                    wire::WakeCause cause) {
    return g_runtime->gates.unlink(worker, index, size_class, sequence, cause);
}

void SlotGates::link(Gate& gate, std::uint32_t index, SpawnRequest& request) {
    request.identity = gate.next_ticket++;
    wire::CoroutineRecord& added = record(index);
    added.next.store(kNone, kRelaxed);
    added.previous.store(gate.last, std::memory_order_release);  // [slot.unlinked]
    if (gate.last == kNone) {
        gate.first = index;
    } else {
        record(gate.last).next.store(index, kRelaxed);
    }
    gate.last = index;
    gate.waiting.fetch_add(1, kRelaxed);
}

void SlotGates::link_thread(Gate& gate, WaitingThread& waiter, SpawnRequest& request) {
    waiter.ticket = gate.next_ticket++;
    waiter.transfer = &request;
    if (gate.last_thread == nullptr) {
        gate.first_thread = &waiter;
    } else {
        gate.last_thread->next = &waiter;
    }
    gate.last_thread = &waiter;
    gate.waiting.fetch_add(1, kRelaxed);
}

void SlotGates::unlink_coroutine(Gate& gate, std::uint32_t index) {
    wire::CoroutineRecord& removed = record(index);
    const std::uint32_t next = removed.next.load(kRelaxed);
    const std::uint32_t previous = removed.previous.load(kRelaxed);
    if (previous == kNone) {
        gate.first = next;
    } else {
        record(previous).next.store(next, kRelaxed);
    }
    if (next == kNone) {
        gate.last = previous;
    } else {
        record(next).previous.store(previous, std::memory_order_release);
    }
    removed.previous.store(index, std::memory_order_release);  // [slot.unlinked]
    gate.waiting.fetch_sub(1, kRelaxed);
}

// The one with the lowest ticket; no request when nobody waits.
SlotGates::Taken SlotGates::take_oldest(Gate& gate) {
    WaitingThread* const thread = gate.first_thread;
    const std::uint32_t index = gate.first;
    if (index != kNone && (thread == nullptr || request_of(index).identity < thread->ticket)) {
        unlink_coroutine(gate, index);
        return {index, nullptr, &request_of(index)};
    }
    if (thread == nullptr) return {};
    gate.first_thread = static_cast<WaitingThread*>(thread->next);
    if (gate.first_thread == nullptr) gate.last_thread = nullptr;
    gate.waiting.fetch_sub(1, kRelaxed);
    return {kNone, thread, static_cast<SpawnRequest*>(thread->transfer)};
}

void SlotGates::wake(Worker* worker, const Taken& taken) {
    if (taken.thread != nullptr) {
        taken.thread->wake();
    } else {
        make_ready(worker, taken.coroutine,
                   worker != nullptr ? wire::WakeCause::kCoroutine : wire::WakeCause::kOutside);
    }
}

}  // namespace cprime::detail
