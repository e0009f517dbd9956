// Slot gates: how many slots of a class may be in use, and who waits for one. Between spawn and exit, which ask for slots and return
// them, and the pools, which have them.
//
// A class without slots_max that never waits has no gate: take() and give_back() are the pools' own allocate() and free(). Else every slot
// passes under the gate's lock:
//
//   take       in_use < max: ++in_use, then allocate() outside the lock; what it cannot get it takes back (leave())
//   wait       under the lock, once more: full? Then suspend and link, as parking.h says
//   give_back  somebody waits: the slot is *handed over*, bit, count and all, to who has waited longest; else free(), --in_use
//
// Handing over makes waiting exact: a slot that another worker owns, or that only one worker could map, serves whoever is first. Ticket
// numbers order coroutines and threads that are no workers in one queue.
//
// Why no slot is missed [slot.wait]: who waits is linked under the lock under which in_use was seen at its limit (or, when memory was refused,
// above zero), and every slot that comes back passes under the same lock. leave() lowers in_use without a slot to hand over: it wakes the
// first waiter to try again.
//
// The mark [slot.unlinked]: a coroutine that was taken out has itself as `previous`, so that a canceller which comes between that and
// make_ready() does not take it out again.
//
// Lock order: a gate's lock is taken first of all, before the pools' outside lock; nothing is woken under it.
//
// Thread: any; a worker passes itself, other threads nullptr. Tested in tests/unit/runtime/pool_config_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "cprime/detail/spawn_request.h"
#include "cprime/pool_config.h"
#include "runtime/scheduler/spin_lock.h"
#include "runtime/scheduler/thread_waiter.h"
#include "runtime/scheduler/worker.h"
#include "runtime/stacks/pools.h"

namespace cprime::detail {

// A slot, or why there is none.
struct SlotGrant {
    std::uint8_t pool = 0;
    std::uint32_t slot = wire::kNone;
    bool must_wait = false;  // call wait()
    bool refused = false;    // not at its limit: the kernel gave no memory
};

class SlotGates {
public:
    // Before the workers run. `config` makes sense (entry/pool_options.h).
    void start(Pools& pools, const PoolConfig& config);

    // A slot of that pool or, by policy, of a larger class's. Signals fall back on the emergency slots.
    SlotGrant take(Worker* worker, std::uint8_t pool) {
        if (__builtin_expect(!gates_[gate_of(pool)].closed, 1)) {
            const std::uint32_t slot = pools_->allocate(worker, pool);
            if (__builtin_expect(slot != wire::kNone, 1)) return {.pool = pool, .slot = slot};
        }
        return take_slowly(worker, pool);
    }
    // After a grant that says must_wait: parks the coroutine `index` (or blocks the thread) until request.step says how to go on.
    // Answers as any runtime call.
    ResumePoint wait(Worker* worker, std::uint32_t index, SpawnRequest& request, const SlotGrant& grant);
    // The slot's coroutine is gone.
    void give_back(Worker* worker, std::uint8_t pool, std::uint32_t slot) {
        if (__builtin_expect(gates_[gate_of(pool)].closed, 0) && pool != kPoolLocal) {
            give_back_at(worker, pool, slot);
        } else {
            pools_->free(worker, pool, slot);
        }
    }

    std::uint32_t waiting(std::uint8_t size_class) const {
        return gates_[size_class].waiting.load(std::memory_order_relaxed);
    }
    bool unlink(Worker* worker, std::uint32_t index, std::uint32_t size_class, std::uint32_t sequence,
                wire::WakeCause cause);

private:
    struct WaitingThread : ThreadWaiter {
        std::uint64_t ticket = 0;
    };
    struct Taken {  // out of the queue
        std::uint32_t coroutine = wire::kNone;
        ThreadWaiter* thread = nullptr;
        SpawnRequest* request = nullptr;
    };
    struct alignas(64) Gate {
        bool closed = false;  // constant: slots pass under the lock
        WhenFull when_full = WhenFull::next_class;
        std::uint64_t max = ~0ULL;
        SpinLock lock;  // guards what follows
        std::uint64_t in_use = 0;
        std::uint64_t next_ticket = 0;
        std::uint32_t first = wire::kNone;  // coroutines, linked by their records
        std::uint32_t last = wire::kNone;
        WaitingThread* first_thread = nullptr;
        WaitingThread* last_thread = nullptr;
        std::atomic<std::uint32_t> waiting{0};  // both; readers without the lock: statistics
    };
    static constexpr std::uint8_t kGateSignal = 4;
    static constexpr std::uint8_t kGateEmergency = 5;
    static constexpr std::uint8_t kGatesCount = 6;

    static constexpr std::uint8_t gate_of(std::uint8_t pool) {
        if (pool == kPoolSignal || pool == kPoolSignalSmall) return kGateSignal;
        return pool == kPoolEmergency ? kGateEmergency : class_of(pool);
    }
    static bool enter(Gate& gate);
    void leave(Worker* worker, Gate& gate);
    SlotGrant take_slowly(Worker* worker, std::uint8_t pool);
    SlotGrant take_from(Worker* worker, std::uint8_t pool);
    void give_back_at(Worker* worker, std::uint8_t pool, std::uint32_t slot);
    static void link(Gate& gate, std::uint32_t index, SpawnRequest& request);
    static void link_thread(Gate& gate, WaitingThread& waiter, SpawnRequest& request);
    static void unlink_coroutine(Gate& gate, std::uint32_t index);
    static Taken take_oldest(Gate& gate);
    static void wake(Worker* worker, const Taken& taken);

    Pools* pools_ = nullptr;
    Gate gates_[kGatesCount];
};

// UnlinkHook of WaitReason::kSlot, of the runtime's gates.
bool unlink_spawner(Worker* worker, std::uint32_t index, std::uint32_t size_class, std::uint32_t sequence,
                    wire::WakeCause cause);

}  // namespace cprime::detail
