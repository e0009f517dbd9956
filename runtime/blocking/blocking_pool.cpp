// The queue, the threads, and how they come and go.
#include "runtime/blocking/blocking_pool.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "cprime/blocking.h"
#include "instrumentation/emit/probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/futex.h"
#include "runtime/stacks/overflow.h"

namespace cprime::detail {

namespace {

BlockingRequest& request_of(std::uint32_t index) {
    return *reinterpret_cast<BlockingRequest*>(record(index).transfer);
}

}  // namespace

void BlockingPool::start(wire::SegmentHeader& header, std::uint32_t threads_most, std::uint64_t idle_ns) {
    header_ = &header;
    threads_most_ = threads_most;
    idle_ns_ = idle_ns;
    idle_.reserve(threads_most);
    threads_ = std::make_unique<Thread[]>(threads_most);
    for (std::uint32_t i = 0; i < threads_most; ++i) {
        threads_[i].pool = this;
        threads_[i].number = i;
    }
}

// ---- under the lock

void BlockingPool::push(std::uint32_t index) {
    record(index).next.store(wire::kNone, std::memory_order_relaxed);
    record(index).previous.store(last_, std::memory_order_relaxed);
    if (last_ == wire::kNone) {
        first_ = index;
    } else {
        record(last_).next.store(index, std::memory_order_relaxed);
    }
    last_ = index;
    ++queued_;
}

void BlockingPool::remove(std::uint32_t index) {
    const std::uint32_t next = record(index).next.load(std::memory_order_relaxed);
    const std::uint32_t previous = record(index).previous.load(std::memory_order_relaxed);
    if (previous == wire::kNone) {
        first_ = next;
    } else {
        record(previous).next.store(next, std::memory_order_relaxed);
    }
    if (next == wire::kNone) {
        last_ = previous;
    } else {
        record(next).previous.store(previous, std::memory_order_relaxed);
    }
    --queued_;
}

std::uint32_t BlockingPool::pop() {
    const std::uint32_t index = first_;
    if (index != wire::kNone) remove(index);
    return index;
}

BlockingPool::Thread* BlockingPool::new_thread() {
    const std::uint32_t count = count_.load(std::memory_order_relaxed);
    if (count == threads_most_) return nullptr;
    Thread* thread = std::find_if(threads_.get(), threads_.get() + threads_most_,
                                  [](const Thread& each) { return each.phase == Phase::kUnused; });
    thread->phase = Phase::kStarting;
    count_.store(count + 1, std::memory_order_relaxed);
    return thread;
}

void BlockingPool::show() {
    header_->blocking_threads.store(running_, std::memory_order_relaxed);
    header_->blocking_busy.store(busy_, std::memory_order_relaxed);
    header_->blocking_queued.store(queued_, std::memory_order_relaxed);
    if (running_ > header_->blocking_threads_most.load(std::memory_order_relaxed))
        header_->blocking_threads_most.store(running_, std::memory_order_relaxed);
}

// ---- the caller's side

ResumePoint BlockingPool::call(Worker& worker, std::uint32_t index, BlockingRequest& request) {
    if (cancel_requested(index)) return keep_running(worker);
    if (emit::listening(wire::kCategoryWorker)) request.queued_ticks = emit::stamp();
    lock_.lock();
    record(index).transfer = reinterpret_cast<std::uint64_t>(&request);
    if (!suspend_current(worker, index, wire::WaitReason::kBlockingCall, wire::kNone)) {
        lock_.unlock();
        return keep_running(worker);
    }
    push(index);
    callers_.fetch_add(1, std::memory_order_relaxed);
    Thread* sleeper = nullptr;
    Thread* fresh = nullptr;
    if (!idle_.empty()) {
        sleeper = idle_.back();
        idle_.pop_back();
    } else {
        fresh = new_thread();
    }
    show();
    lock_.unlock();
    if (sleeper != nullptr) {
        sleeper->wake_word.store(1, std::memory_order_relaxed);  // [blocking.wake]
        futex_wake(sleeper->wake_word, 1);
    } else if (fresh != nullptr) {
        start_thread(worker, *fresh);
        worker.switch_stamp = 0;  // whoever runs next is not resumed before that
    }
    return pick_next(worker);
}

// The calling worker's signal mask is the thread's: everything but faults is blocked.
void BlockingPool::start_thread(Worker& worker, Thread& thread) {
    pthread_t handle{};
    if (create_thread_(&handle, nullptr, &thread_main, &thread) != 0) give_up(worker, thread);
}

// No thread is to be had. If none is left that could come to it, those who wait do it themselves [B2].
void BlockingPool::give_up(Worker& worker, Thread& thread) {
    lock_.lock();
    thread.phase = Phase::kUnused;
    count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    bool complain = false;
    while (count_.load(std::memory_order_relaxed) == 0 && queued_ != 0) {
        const std::uint32_t index = pop();
        request_of(index).in_place = true;
        request_of(index).status = Status::ok;
        record(index).state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
        complain |= !complained_;
        complained_ = true;
        lock_.unlock();
        make_ready(&worker, index, wire::WakeCause::kCoroutine);
        callers_.fetch_sub(1, std::memory_order_relaxed);
        lock_.lock();
    }
    show();
    lock_.unlock();
    if (complain) {
        std::fputs(
            "cprime: the system gives no thread for cprime::blocking(), so such calls block a worker; raise "
            "the limit of "
            "threads (ulimit -u, pids.max)\n",
            stderr);
    }
}

bool BlockingPool::unlink(Worker* worker, std::uint32_t index, std::uint32_t sequence, wire::WakeCause cause) {
    {
        const std::lock_guard<SpinLock> hold(lock_);
        if (!still_parked(index, wire::WaitReason::kBlockingCall, wire::kNone, sequence)) return false;
        if (request_of(index).begun) return true;  // it will be told by its next call that waits [B1]
        remove(index);
        record(index).state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
        show();
    }
    make_ready(worker, index, cause);
    callers_.fetch_sub(1, std::memory_order_relaxed);
    return true;
}

// ---- the threads

void* BlockingPool::thread_main(void* argument) {
    auto& self = *static_cast<Thread*>(argument);
    char name[24];  // the kernel keeps 15 characters
    std::snprintf(name, sizeof name, "cprime-block-%u", self.number % 100);
    pthread_setname_np(pthread_self(), name);
    const AlternateStack alternate;
    self.pool->run(self);
    return nullptr;
}

void BlockingPool::run(Thread& self) {
    const std::uint32_t number = self.number;
    std::uint32_t finished = wire::kNone;  // its call has returned, it is not ready yet
    lock_.lock();
    self.phase = Phase::kRunning;
    ++running_;
    while (true) {
        const std::uint32_t index = pop();
        if (index != wire::kNone) {
            request_of(index).begun = true;
            ++busy_;
            header_->blocking_calls.store(header_->blocking_calls.load(std::memory_order_relaxed) + 1,
                                          std::memory_order_relaxed);
        } else if (stopping_) {
            break;
        } else {
            // Before the caller is ready: its next call finds this thread idle and starts no other.
            self.wake_word.store(0, std::memory_order_relaxed);
            idle_.push_back(&self);
        }
        show();
        lock_.unlock();
        if (finished != wire::kNone) {
            make_ready(nullptr, finished, wire::WakeCause::kOutside);
            callers_.fetch_sub(1, std::memory_order_relaxed);
        }
        finished = wire::kNone;
        if (index == wire::kNone) {
            if (!sleep(self)) break;
            continue;
        }
        run_call(index, number);
        lock_.lock();
        --busy_;
        record(index).state.store(wire::CoroutineState::kReady, std::memory_order_relaxed);
        finished = index;
    }
    end(self);
}

void BlockingPool::run_call(std::uint32_t index, std::uint32_t thread_number) {
    BlockingRequest& request = request_of(index);
    if (emit::listening(wire::kCategoryWorker)) {
        const std::uint64_t now = emit::stamp_ordered();
        const std::uint64_t waited = request.queued_ticks != 0 && now > request.queued_ticks
                                         ? now - request.queued_ticks
                                         : 0;
        emit::probe::blocking_begin(emit::thread_writer(), now, index, thread_number,
                                    detail(index).identity.load(std::memory_order_relaxed), waited);
    }
    request.run(&request);
    request.status = Status::ok;
    if (emit::listening(wire::kCategoryWorker))
        emit::probe::blocking_end(emit::thread_writer(), 0, index, thread_number, request.threw);
}

bool BlockingPool::sleep(Thread& self) {
    const std::int64_t until_ns = add_ns(real_monotonic_ns(), static_cast<std::int64_t>(idle_ns_));
    while (true) {
        const std::int64_t left_ns = until_ns - real_monotonic_ns();
        if (left_ns > 0)
            futex_wait(self.wake_word, 0, static_cast<std::uint64_t>(left_ns));  // [blocking.wake]
        lock_.lock();
        const auto mine = std::find(idle_.begin(), idle_.end(), &self);
        if (mine == idle_.end()) return true;  // somebody took it to wake it
        if (left_ns <= 0) {
            idle_.erase(mine);
            return false;
        }
        self.wake_word.store(0, std::memory_order_relaxed);
        lock_.unlock();
    }
}

// With the lock; without it when it returns, and with nothing of the pool in use but what stop() waits for [B3].
void BlockingPool::end(Thread& self) {
    const bool anybody_before = anybody_ended_;
    const pthread_t before = last_ended_;
    anybody_ended_ = true;
    last_ended_ = pthread_self();
    self.phase = Phase::kUnused;  // another thread may take its number from here on
    --running_;
    const std::uint32_t count = count_.load(std::memory_order_relaxed) - 1;
    count_.store(count, std::memory_order_release);  // [blocking.ended]
    show();
    lock_.unlock();
    if (count == 0) futex_wake(count_, 1);
    if (anybody_before) pthread_join(before, nullptr);
}

void BlockingPool::stop() {
    std::vector<Thread*> sleepers;
    {
        const std::lock_guard<SpinLock> hold(lock_);
        stopping_ = true;
        sleepers.swap(idle_);
    }
    for (Thread* sleeper : sleepers) {
        sleeper->wake_word.store(1, std::memory_order_relaxed);  // [blocking.wake]
        futex_wake(sleeper->wake_word, 1);
    }
    for (std::uint32_t count = 0; (count = count_.load(std::memory_order_acquire)) != 0;)  // [blocking.ended]
        futex_wait(count_, count);
    if (anybody_ended_) pthread_join(last_ended_, nullptr);
    anybody_ended_ = false;
    stopping_ = false;
}

ResumePoint call_blocking(Worker* worker, std::uint32_t index, void* argument) noexcept {
    auto& request = *static_cast<BlockingRequest*>(argument);
    if (worker != nullptr) return g_runtime->blocking.call(*worker, index, request);
    request.run(&request);
    request.status = Status::ok;
    return nullptr;
}

bool unlink_blocking(Worker* worker, std::uint32_t index, std::uint32_t, std::uint32_t sequence,
                     wire::WakeCause cause) {
    return g_runtime->blocking.unlink(worker, index, sequence, cause);
}

}  // namespace cprime::detail
