// The table of failures, and the sentence.
#include "runtime/scheduler/failures.h"

#include <cstdio>

#include "runtime/signals/app_signals.h"

namespace cprime::detail {

void Failures::add(std::uint64_t identity, std::exception_ptr exception, std::string name) {
    const std::lock_guard<std::mutex> hold(lock_);
    failures_[identity] = {std::move(exception), std::move(name)};
    count_.store(failures_.size(), std::memory_order_relaxed);
}

std::exception_ptr Failures::take(std::uint64_t identity) {
    if (!any()) return nullptr;
    const std::lock_guard<std::mutex> hold(lock_);
    const auto found = failures_.find(identity);
    if (found == failures_.end()) return nullptr;
    std::exception_ptr exception = std::move(found->second.exception);
    failures_.erase(found);
    count_.store(failures_.size(), std::memory_order_relaxed);
    return exception;
}

void Failures::drop(std::uint64_t identity) {
    if (count_.load(std::memory_order_relaxed) == 0) return;
    Failure failure;
    {
        const std::lock_guard<std::mutex> hold(lock_);
        const auto found = failures_.find(identity);
        if (found == failures_.end()) return;
        failure = std::move(found->second);
        failures_.erase(found);
        count_.store(failures_.size(), std::memory_order_relaxed);
    }
    report_failure(failure.name, identity, failure.exception);
}

void report_failure(const std::string& name, std::uint64_t identity, const std::exception_ptr& exception) {
    const auto say = [&](const char* what) {
        std::fprintf(stderr, "cprime: coroutine %llu \"%s\" failed and nobody joins it: %s\n",
                     static_cast<unsigned long long>(identity), name.c_str(), what);
    };
    try {
        std::rethrow_exception(exception);
    } catch (const RaisedSignal& signal) {
        if (!hand_over_escaped(signal)) say(signal.what());
    } catch (const std::exception& known) {
        say(known.what());
    } catch (...) {
        say("an exception that is no std::exception");
    }
}

}  // namespace cprime::detail
