// PTRACE_SEIZE, which stops nothing by itself, then PTRACE_INTERRUPT: a stop that leaves no trace in the program.
#include "instrumentation/inspect/thread_stop.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/inspect/proc.h"

namespace coroscope::inspect {
namespace {

using base::ErrorCode;
using Clock = std::chrono::steady_clock;

std::string process(std::uint32_t pid) {
    return "process " + std::to_string(pid);
}

base::Error refused(std::uint32_t pid, std::uint32_t thread, int error) {
    if (error == ESRCH) return base::error(ErrorCode::kGone, process(pid) + " has ended");
    if (const std::uint32_t tracer = proc::tracer_of(pid, thread); tracer != 0) {
        return base::error(ErrorCode::kRefused,
                           process(pid) + " is being debugged by process " + std::to_string(tracer) + " (" +
                               proc::name(tracer) + "), and a thread has one debugger at most: detach that one");
    }
    return base::error(ErrorCode::kRefused,
                       process(pid) + " cannot be stopped by ptrace (" + base::errno_text(error) +
                           "): run coroscope as root, or allow it (/proc/sys/kernel/yama/ptrace_scope, "
                           "--cap-add=SYS_PTRACE of a container)");
}

}  // namespace

base::Result<ThreadStop> ThreadStop::stop(std::uint32_t pid, std::uint32_t thread, int timeout_ms) {
    const auto tid = static_cast<pid_t>(thread);
    if (ptrace(PTRACE_SEIZE, tid, nullptr, nullptr) != 0) return refused(pid, thread, errno);
    const bool asked = ptrace(PTRACE_INTERRUPT, tid, nullptr, nullptr) == 0;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    for (timespec pause{0, 2'000}; asked;) {
        int status = 0;
        const pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
        if (got == tid && WIFSTOPPED(status)) {
            const bool by_us = status >> 16 == PTRACE_EVENT_STOP;
            return ThreadStop(thread, by_us ? 0 : WSTOPSIG(status));
        }
        if (got == tid || (got < 0 && errno != EINTR)) return refused(pid, thread, ESRCH);
        if (Clock::now() >= end) break;
        nanosleep(&pause, nullptr);  // microseconds as a rule; whoever sleeps in the kernel takes longer
        if (pause.tv_nsec < 500'000) pause.tv_nsec *= 2;
    }
    return base::error(ErrorCode::kUnreadable,
                       "thread " + std::to_string(thread) + " of " + process(pid) + " did not stop within " +
                           std::to_string(timeout_ms) +
                           " ms: it is in the kernel (/proc/" + std::to_string(pid) + "/task/" +
                           std::to_string(thread) + "/wchan says where)");
}

ThreadStop::ThreadStop(ThreadStop&& other) noexcept
    : thread_(std::exchange(other.thread_, 0)), signal_(other.signal_) {}

ThreadStop::~ThreadStop() {
    // When it cannot be let go it has ended.
    if (thread_ != 0) ptrace(PTRACE_DETACH, static_cast<pid_t>(thread_), nullptr, static_cast<long>(signal_));
}

base::Result<user_regs_struct> ThreadStop::registers() const {
    user_regs_struct registers{};
    if (ptrace(PTRACE_GETREGS, static_cast<pid_t>(thread_), nullptr, &registers) != 0)
        return base::error(ErrorCode::kGone, "thread " + std::to_string(thread_) + " has ended");
    return registers;
}

}  // namespace coroscope::inspect
