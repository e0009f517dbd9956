// What the channel tests share: a runtime per test at 1, 2, 4 and 8 workers, and a type that knows where and how often it was moved.
#pragma once

#include <cprime/cprime.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/channels/channel_tables.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/switch/switch.h"

namespace cprime::test {

using namespace std::chrono_literals;

// A runtime that lives as long as the test. The parameter is the number of workers.
class OnWorkers : public testing::TestWithParam<unsigned> {
protected:
    Runtime runtime_{{.workers = GetParam()}};
};
// For what depends on an order: one worker runs coroutines one after the other.
class OnOneWorker : public testing::Test {
protected:
    Runtime runtime_{{.workers = 1}};
};

// Whether the caller stands on a worker's own stack, where user code must never run.
inline bool on_worker_stack() {
    const detail::Worker* worker = detail::cprime_current_worker;
    const auto here = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0));
    return worker != nullptr && here >= worker->stack_low && here < worker->stack_high;
}

// Not trivially copyable: what is alive is counted, and where it is moved is noted.
struct Tracked {
    explicit Tracked(int number) : value(number) { alive.fetch_add(1); }
    Tracked(Tracked&& other) noexcept : value(other.value) {
        other.value = kMovedFrom;
        alive.fetch_add(1);
        if (on_worker_stack()) moved_on_worker.fetch_add(1);
    }
    Tracked& operator=(Tracked&&) = delete;
    ~Tracked() {
        alive.fetch_sub(1);
        if (on_worker_stack()) moved_on_worker.fetch_add(1);
    }

    static constexpr int kMovedFrom = -1;
    static inline std::atomic<int> alive{0};
    static inline std::atomic<int> moved_on_worker{0};
    int value;
};

// Waits, by yielding, until `condition` holds. For what other workers do soon.
template <typename Condition>
void yield_until(Condition condition) {
    while (!condition())
        static_cast<void>(cprime::yield());
}

}  // namespace cprime::test
