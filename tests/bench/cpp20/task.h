// The least that C++20 coroutines need to be compared: a lazily started task that is awaited by symmetric transfer, and a
// first-in-first-out scheduler on one thread that continues the next coroutine by symmetric transfer as well. No
// exceptions, no allocator of its own: frames come from operator new, as the language has it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <vector>

namespace coroscope::bench::cpp20_peer {

class Task {
public:
    struct promise_type {
        std::coroutine_handle<> continuation = std::noop_coroutine();

        Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct Continue {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
                    return ended.promise().continuation;
                }
                void await_resume() noexcept {}
            };
            return Continue{};
        }
        void return_void() {}
        void unhandled_exception() { std::abort(); }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) handle_.destroy();
    }

    auto operator co_await() noexcept {
        struct Join {
            std::coroutine_handle<promise_type> child;
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
                child.promise().continuation = parent;
                return child;
            }
            void await_resume() noexcept {}
        };
        return Join{handle_};
    }
    std::coroutine_handle<> handle() const { return handle_; }
    bool done() const { return handle_.done(); }

private:
    explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    std::coroutine_handle<promise_type> handle_;
};

// A ring of coroutines that are ready. Capacity is a power of two and more than will ever be ready.
class Scheduler {
public:
    explicit Scheduler(std::size_t capacity) : ready_(capacity), mask_(capacity - 1) {}

    void push(std::coroutine_handle<> coroutine) { ready_[tail_++ & mask_] = coroutine; }
    std::coroutine_handle<> pop() {
        return head_ == tail_ ? std::coroutine_handle<>(std::noop_coroutine()) : ready_[head_++ & mask_];
    }
    bool empty() const { return head_ == tail_; }
    void run() {
        while (!empty())
            pop().resume();
    }

    auto yield() {
        struct Yield {
            Scheduler& scheduler;
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) noexcept {
                scheduler.push(self);
                return scheduler.pop();
            }
            void await_resume() noexcept {}
        };
        return Yield{*this};
    }

private:
    std::vector<std::coroutine_handle<>> ready_;
    std::size_t mask_;
    std::size_t head_ = 0;
    std::size_t tail_ = 0;
};

}  // namespace coroscope::bench::cpp20_peer
