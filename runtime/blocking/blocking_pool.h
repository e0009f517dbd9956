// BlockingPool: threads for calls that block, started when needed, gone when not.
//
// A coroutine that calls parks with WaitReason::kBlockingCall and stands in the queue, linked through its record, until a thread takes it. A thread
// that has taken it runs the request's function, makes the coroutine ready, and takes the next. Idle threads stand in a stack, so that the one that
// ran last runs next and the others have time to end.
//
// Invariants
//   B1  A request is taken back (cancelled) only while it is in the queue, under `lock_`; `begun` is set under it when a thread takes it out.
//   B2  While the queue is not empty there is a thread that will look at it again: one that runs, was woken, or is being started. Where starting one
//       fails and none is left, the queue is emptied and its coroutines run their calls themselves.
//   B3  A thread that ends joins the one that ended before it, so at most one is not joined; stop() joins that.
//
// Thread: as marked; nobody runs user code or makes a system call under the lock. Tested in tests/unit/runtime/blocking_test.cpp.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/emit/state_segment.h"
#include "runtime/scheduler/parking.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

struct BlockingRequest;

class BlockingPool {
public:
    using CreateThread = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

    // Before the workers run. Starts no thread. `threads_most`: at least 1.
    void start(wire::SegmentHeader& header, std::uint32_t threads_most, std::uint64_t idle_ns);
    // Lets the threads end and joins them. When no coroutine is left, hence no call. A thread that is no worker.
    void stop();

    // Parks the coroutine, or answers at once. A worker, on its own stack.
    ResumePoint call(Worker& worker, std::uint32_t index, BlockingRequest& request);
    // Hook of WaitReason::kBlockingCall.
    bool unlink(Worker* worker, std::uint32_t index, std::uint32_t sequence, wire::WakeCause cause);

    // Whether somebody waits for a call. May still say so for a moment after the last one is ready; never denies it before. Any thread.
    bool anybody_calls() const { return callers_.load(std::memory_order_relaxed) != 0; }

    // What starts threads; pthread_create unless a test wants it to fail. Before the first call.
    void set_create_thread(CreateThread create) { create_thread_ = create; }

private:
    enum class Phase : std::uint8_t { kUnused, kStarting, kRunning };
    struct Thread {
        BlockingPool* pool = nullptr;
        std::uint32_t number = 0;
        Phase phase = Phase::kUnused;  // under the lock
        // Futex [blocking.wake]: 0 while it is idle. Writers: the thread, under the lock, and whoever took it from the idle stack, after that.
        // Relaxed: a thread that wakes takes the lock, and looks there whether it was taken.
        std::atomic<std::uint32_t> wake_word{0};
    };

    static void* thread_main(void* thread);
    void run(Thread& self);
    // Sleeps, being in idle_, until somebody takes it out to wake it; then true. False: nobody did for idle_ns_. Without the lock, which it holds
    // when it returns.
    bool sleep(Thread& self);
    void run_call(std::uint32_t index, std::uint32_t thread_number);
    void end(Thread& self);
    void start_thread(Worker& worker, Thread& thread);
    void give_up(Worker& worker, Thread& thread);

    // Under lock_:
    void push(std::uint32_t index);
    std::uint32_t pop();
    void remove(std::uint32_t index);
    Thread* new_thread();
    void show();

    SpinLock lock_;  // guards everything below that is not atomic, and the links of queued coroutines
    std::uint32_t first_ = wire::kNone, last_ = wire::kNone, queued_ = 0;
    std::vector<Thread*> idle_;
    std::unique_ptr<Thread[]> threads_;  // by number; what is unused may be started anew
    std::uint32_t threads_most_ = 0;
    std::uint32_t busy_ = 0;
    bool stopping_ = false;
    bool complained_ = false;
    bool anybody_ended_ = false;
    pthread_t last_ended_{};  // not joined yet, if anybody_ended_
    // Threads that exist or are being started. Futex [blocking.ended]: stop() waits for 0. Writer: holders of lock_; release: the last
    // one has left what stop() takes.
    std::atomic<std::uint32_t> count_{0};
    // Who has parked for a call and is not ready again. Writers: the caller, whoever has made it ready; relaxed: a hint to virtual time.
    std::atomic<std::uint32_t> callers_{0};
    std::uint32_t running_ = 0;  // of them, have come to life
    std::uint64_t idle_ns_ = 0;
    CreateThread create_thread_ = &pthread_create;
    wire::SegmentHeader* header_ = nullptr;
};

// Hook of WaitReason::kBlockingCall.
bool unlink_blocking(Worker* worker, std::uint32_t index, std::uint32_t object, std::uint32_t sequence,
                     wire::WakeCause cause);

}  // namespace cprime::detail
