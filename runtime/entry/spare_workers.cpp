// Spares, and the way from one thread to the next.
#include "runtime/entry/spare_workers.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/futex.h>

#include "runtime/entry/runtime_state.h"
#include "runtime/entry/worker_threads.h"
#include "runtime/scheduler/futex.h"
#include "runtime/signals/fault_ending.h"
#include "runtime/signals/faults.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {

SpareWorkers g_spare_workers;

namespace {

constexpr unsigned kWaitingMost = 2;

// Writes no variable of the thread, not even errno.
[[gnu::always_inline]] inline long bare_call(long number, long first, long second, long third) {
    long answer;
    register long fourth asm("r10") = 0;
    asm volatile("syscall"
                 : "=a"(answer)
                 : "a"(number), "D"(first), "S"(second), "d"(third), "r"(fourth)
                 : "rcx", "r11", "memory");
    return answer;
}

}  // namespace

void SpareWorkers::prepare() {
    if (kSanitizer) return;
    const std::lock_guard<std::mutex> hold(lock_);
    unsigned waiting = 0;
    for (const Spare& spare : spares_) {
        const std::uint32_t state = spare.state.load(std::memory_order_relaxed);
        if (state == kStarting || state == kWaiting) ++waiting;
    }
    for (Spare& spare : spares_) {
        if (waiting == kWaitingMost) return;
        if (spare.state.load(std::memory_order_acquire) != kFree) continue;
        spare.state.store(kStarting, std::memory_order_relaxed);
        if (!make_worker_thread(&spare.thread, &SpareWorkers::main, &spare)) {
            spare.state.store(kFree, std::memory_order_relaxed);
            return;
        }
        ++waiting;
    }
}

bool SpareWorkers::reserve(const Worker& worker) {
    for (Spare& spare : spares_) {
        std::uint32_t state = spare.state.load(std::memory_order_relaxed);
        if ((state != kStarting && state != kWaiting) ||
            !spare.state.compare_exchange_strong(state, kReserved, std::memory_order_relaxed)) {
            continue;
        }
        spare.worker.store(const_cast<Worker*>(&worker), std::memory_order_relaxed);
        return true;
    }
    return false;
}

void SpareWorkers::stop() {
    for (Spare& spare : spares_) {
        pthread_t thread{};
        {
            const std::lock_guard<std::mutex> hold(lock_);
            std::uint32_t state = spare.state.load(std::memory_order_relaxed);
            if (state == kFree) continue;
            thread = spare.thread;
            spare.state.store(kStopping, std::memory_order_relaxed);
        }
        futex_wake(spare.state, 1);
        pthread_join(thread, nullptr);
        spare.state.store(kFree, std::memory_order_relaxed);
    }
}

void* SpareWorkers::main(void* argument) {
    g_spare_workers.wait_and_serve(*static_cast<Spare*>(argument));
    return nullptr;
}

void SpareWorkers::wait_and_serve(Spare& spare) {
    pthread_setname_np(pthread_self(), "cprime-spare");
    std::uint32_t state = kStarting;
    spare.state.compare_exchange_strong(state, kWaiting, std::memory_order_relaxed);
    while (true) {
        state = spare.state.load(std::memory_order_acquire);  // [spare.given]
        if (state == kStopping) return;
        if (state == kGiven) break;
        futex_wait(spare.state, state);
    }
    Worker& worker = *spare.worker.load(std::memory_order_relaxed);
    const pthread_t before = worker.thread;
    worker.thread = pthread_self();
    // The thread before us has ended once it can be joined; then nobody stands on its stacks.
    pthread_join(before, nullptr);
    const FaultSeen& seen = g_faults.seen(worker);
    munmap(reinterpret_cast<void*>(seen.alternate_stack), seen.alternate_stack_bytes);
    spare.state.store(kFree, std::memory_order_release);
    prepare();
    g_faults.count_replaced();
    take_over_worker(worker);
}

void leave_worker(Worker* worker) noexcept {
    for (SpareWorkers::Spare& spare : g_spare_workers.spares_) {
        if (spare.state.load(std::memory_order_relaxed) != SpareWorkers::kReserved ||
            spare.worker.load(std::memory_order_relaxed) != worker) {
            continue;
        }
        spare.state.store(SpareWorkers::kGiven, std::memory_order_release);  // [spare.given]
        bare_call(SYS_futex, reinterpret_cast<long>(&spare.state), FUTEX_WAKE_PRIVATE, 1);
        break;
    }
    while (true)
        bare_call(SYS_exit, 0, 0, 0);
}

}  // namespace cprime::detail
