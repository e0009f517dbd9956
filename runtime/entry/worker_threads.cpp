// A worker's thread from its first instruction to its last.
#include "runtime/entry/worker_threads.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cxxabi.h>
#include <cstdio>
#include <cstdlib>

#include "runtime/entry/spare_workers.h"
#include "runtime/scheduler/futex.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/switch_histogram.h"
#include "runtime/signals/fault_ending.h"
#include "runtime/signals/faults.h"
#include "runtime/signals/signals.h"
#include "runtime/stacks/overflow.h"
#include "runtime/switch/sanitizer.h"
#include "runtime/switch/switch.h"

namespace cprime::detail {

thread_local constinit Worker* cprime_current_worker = nullptr;

namespace {

#ifdef CPRIME_FIBER_ANNOTATIONS
constexpr std::size_t kWorkerStackBytes = 2U << 20;
#else
constexpr std::size_t kWorkerStackBytes = 256U << 10;
#endif

// The unwinder and malloc take up to 4 KiB more of the stack the first time than later: let that be this stack.
void warm_up() {
    void* volatile memory = std::malloc(64);
    std::free(memory);
    try {
        throw 0;
    } catch (int) {
    }
}

// A forked child has this thread only, and no runtime: calls must not take it for a worker.
void forget_worker_in_child() {
    cprime_current_worker = nullptr;
}

void describe_stack(Worker& worker) {
    pthread_attr_t attributes;
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    void* low = nullptr;
    std::size_t bytes = 0;
    pthread_attr_getstack(&attributes, &low, &bytes);
    pthread_attr_destroy(&attributes);
    worker.stack_low = reinterpret_cast<std::uint64_t>(low);
    worker.stack_high = worker.stack_low + bytes;
    worker.record->stack_low = worker.stack_low;
    worker.record->stack_high = worker.stack_high;
}

// How much later than asked the kernel may wake this thread, to spare power: a watcher of timers is to be on time.
void wake_on_time() {
    constexpr unsigned long kSlackNs = 5'000;
    prctl(PR_SET_TIMERSLACK, kSlackNs);  // refused nowhere; 50 us otherwise
}

void name_thread(pthread_t thread, std::uint32_t worker) {
    char name[24];
    std::snprintf(name, sizeof name, "cprime-%u", worker % wire::kWorkersMax);
    pthread_setname_np(thread, name);
}

// What belongs to the thread, in the worker's and in its record.
void settle(Worker& worker) {
    wake_on_time();
    describe_stack(worker);
    sanitizer_start(worker);
    worker.eh_globals = reinterpret_cast<EhGlobals*>(abi::__cxa_get_globals());
    worker.record->thread_id.store(static_cast<std::uint32_t>(syscall(SYS_gettid)), std::memory_order_relaxed);
    warm_up();
    cprime_current_worker = &worker;
}

// Runs coroutines until the runtime stops.
void work(Worker& worker, wire::CoroutineRecord* first) {
    if (first != &worker.home) cprime_enter(&worker, first);
    cprime_current_worker = nullptr;
    worker.record->state.store(wire::WorkerState::kEnded, std::memory_order_relaxed);
    if (worker.ring != nullptr) g_runtime->rings->unregister_thread(worker.ring);
}

void run_worker(Worker& worker) {
    const AlternateStack alternate;
    settle(worker);
    worker.ring = g_runtime->rings->register_thread(wire::RingOwner::kWorker, worker.index,
                                                    &worker.record->current);
    worker.record->ring.store(worker.ring != nullptr ? worker.ring->index() : wire::kNone,
                              std::memory_order_relaxed);
    worker.record->state.store(wire::WorkerState::kScheduling, std::memory_order_relaxed);
    calibrate_stamps(worker);
    worker.current = &worker.home;
    worker.ready_to_run.store(1, std::memory_order_release);  // [worker.ready]
    futex_wake(worker.ready_to_run, 1);

    work(worker, static_cast<wire::CoroutineRecord*>(pick_next(worker)));
}

void* thread_main(void* argument) {
    run_worker(*static_cast<Worker*>(argument));
    return nullptr;
}

}  // namespace

bool make_worker_thread(pthread_t* thread, void* (*main)(void*), void* argument) {
    sigset_t blocked;
    sigset_t before;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS})
        sigdelset(&blocked, fault);
    if (workers_let_broken_pipes_through()) sigdelset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kWorkerStackBytes);
    const bool made = pthread_create(thread, &attributes, main, argument) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return made;
}

void take_over_worker(Worker& worker) {
    const AlternateStack alternate;
    name_thread(pthread_self(), worker.index);
    settle(worker);
    work(worker, static_cast<wire::CoroutineRecord*>(
                     end_faulted(&worker, worker.current_index, &g_faults.seen(worker))));
}

void start_workers(RuntimeState& state) {
    static const int registered = pthread_atfork(nullptr, nullptr, &forget_worker_in_child);
    CHECK(registered == 0);
    for (std::uint32_t i = 0; i < state.workers_count; ++i) {
        Worker& worker = state.workers[i];
        if (!make_worker_thread(&worker.thread, &thread_main, &worker)) {
            fatal("the system gives no thread for worker " + std::to_string(i) +
                      "; use fewer workers (CPRIME_WORKERS)",
                  1);
        }
        name_thread(worker.thread, i);
    }
    for (std::uint32_t i = 0; i < state.workers_count; ++i) {
        std::atomic<std::uint32_t>& ready = state.workers[i].ready_to_run;
        while (ready.load(std::memory_order_acquire) == 0)
            futex_wait(ready, 0);  // [worker.ready]
    }
}

void join_workers(RuntimeState& state) {
    for (std::uint32_t i = 0; i < state.workers_count; ++i)
        pthread_join(state.workers[i].thread, nullptr);
    g_spare_workers.stop();
}

}  // namespace cprime::detail
