// Failures: exceptions that escaped coroutines whose handles are still held, until somebody joins.
//
// Only failures cost anything: a coroutine that ends well leaves nothing here. Keyed by identity. When the handle is
// dropped without a join, the exception is reported by one sentence on stderr instead.
//
// Thread: any; a lock inside. Tested in tests/unit/runtime/exceptions_test.cpp.
#pragma once

#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <unordered_map>

#include "runtime/scheduler/atomics.h"

namespace cprime::detail {

class Failures {
public:
    // Keeps the exception for the joiner. `name`: of the coroutine, for the report. `abandoned`: it ended by a fault, and has not let go of its
    // result record.
    void add(std::uint64_t identity, std::exception_ptr exception, std::string name, bool abandoned);
    // Whether anybody's failure is kept. Who learnt under the join lock that a coroutine is gone sees its failure counted.
    bool any() const { return count_.load(std::memory_order_relaxed) != 0; }
    // Takes it out; null when that coroutine did not fail.
    std::exception_ptr take(std::uint64_t identity, bool* abandoned);
    // The handle is gone: reports and forgets the failure, if there was one. Whether that coroutine was abandoned.
    bool drop(std::uint64_t identity);

private:
    struct Failure {
        std::exception_ptr exception;
        std::string name;
        bool abandoned = false;
    };
    sync::atomic<std::size_t> count_{
        0};  // writer: holders of lock_; readers: "is there any?", ordered by the join
    std::mutex lock_;
    std::unordered_map<std::uint64_t, Failure> failures_;
};

// One sentence on stderr: which coroutine ended by which exception. None of faults, which have been reported; a signal that the program handles is
// handed on instead (signals/app_signals.h).
void report_failure(const std::string& name, std::uint64_t identity, const std::exception_ptr& exception);

}  // namespace cprime::detail
