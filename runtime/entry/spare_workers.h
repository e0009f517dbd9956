// Spare workers: threads that wait to take a worker's place whose own thread is not trusted any more (FaultPolicy::replace_worker).
//
// What goes over is the Worker: its index, run queue, ring, free slots and the coroutine that faulted. What stays behind is the thread: its stack,
// its alternate stack, the C library's and the program's thread-local variables. None of these is touched again: the old thread runs a few
// instructions (leave_worker) that write no variable of the thread, and ends by the bare system call, so that no destructor of a thread_local runs,
// what its allocator had cached is lost (some ten KiB), and a std::mutex that the coroutine had locked stays locked by a thread that is gone. Its
// successor waits for that, takes the Worker, and prepares a spare for the next time.
//
// Invariants
//   R1  A spare is reserved in the handler, before anything depends on it; two are kept, for two faults at once. Where none is, the thread stays.
//   R2  At any time one thread only touches a Worker: the old one until it gives, its successor from then on [spare.given].
//
// Not under ASan and TSan, which follow threads by their own means and wait for ever for one that ended so.
//
// Thread: prepare() any but a handler; reserve() a handler; leave_worker() the thread that faulted. Tested in tests/unit/runtime/fault_test.cpp.
#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "runtime/scheduler/worker.h"

namespace cprime::detail {

// The end of the calling thread, which has reserved a spare for this worker: gives it the worker. On the worker's own stack.
[[noreturn]] void leave_worker(Worker* worker) noexcept;

class SpareWorkers {
public:
    // Makes threads until two wait, if the system gives them.
    void prepare();
    // Whether one waits; then it is this worker's. Async-signal-safe.
    bool reserve(const Worker& worker);
    // Ends those that wait. After the workers have ended.
    void stop();

private:
    enum State : std::uint32_t { kFree = 0, kStarting, kWaiting, kReserved, kGiven, kStopping };
    struct Spare {
        // Futex. Writers: prepare() [starts], the spare, a handler (compare_exchange), leave_worker (release [spare.given]), stop().
        std::atomic<std::uint32_t> state{kFree};
        std::atomic<Worker*> worker{nullptr};  // whom it is reserved for; relaxed: published by `state`
        pthread_t thread{};                    // under lock_
    };

    static void* main(void* spare);
    void wait_and_serve(Spare& spare);
    friend void leave_worker(Worker* worker) noexcept;

    std::mutex lock_;  // guards making and ending threads
    std::array<Spare, 4> spares_;
};

extern SpareWorkers g_spare_workers;

}  // namespace cprime::detail
