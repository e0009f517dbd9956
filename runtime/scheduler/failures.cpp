// The table of failures, and the sentence.
#include "runtime/scheduler/failures.h"

#include <cstdio>

#include "cprime/fault.h"
#include "runtime/signals/app_signals.h"

namespace cprime::detail {

void Failures::add(std::uint64_t identity, std::exception_ptr exception, std::string name,
                   bool abandoned) {
    const std::lock_guard<std::mutex> hold(lock_);
    failures_[identity] = {std::move(exception), std::move(name), abandoned};
    count_.store(failures_.size(), std::memory_order_relaxed);
}

std::exception_ptr Failures::take(std::uint64_t identity, bool* abandoned) {
    if (!any()) return nullptr;
    const std::lock_guard<std::mutex> hold(lock_);
    const auto found = failures_.find(identity);
    if (found == failures_.end()) return nullptr;
    std::exception_ptr exception = std::move(found->second.exception);
    *abandoned = found->second.abandoned;
    failures_.erase(found);
    count_.store(failures_.size(), std::memory_order_relaxed);
    return exception;
}

bool Failures::drop(std::uint64_t identity) {
    if (count_.load(std::memory_order_relaxed) == 0) return false;
    Failure failure;
    {
        const std::lock_guard<std::mutex> hold(lock_);
        const auto found = failures_.find(identity);
        if (found == failures_.end()) return false;
        failure = std::move(found->second);
        failures_.erase(found);
        count_.store(failures_.size(), std::memory_order_relaxed);
    }
    report_failure(failure.name, identity, failure.exception);
    return failure.abandoned;
}

void report_failure(const std::string& name, std::uint64_t identity, const std::exception_ptr& exception) {
    const auto say = [&](const char* what) {
        std::fprintf(stderr, "cprime: coroutine %llu \"%s\" failed and nobody joins it: %s\n",
                     static_cast<unsigned long long>(identity), name.c_str(), what);
    };
    try {
        std::rethrow_exception(exception);
    } catch (const Fault&) {
        return;
    } catch (const RaisedSignal& signal) {
        if (!hand_over_escaped(signal)) say(signal.what());
    } catch (const std::exception& known) {
        say(known.what());
    } catch (...) {
        say("an exception that is no std::exception");
    }
}

}  // namespace cprime::detail
