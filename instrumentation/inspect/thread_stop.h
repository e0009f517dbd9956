// One thread of a target, stopped by ptrace: the hard stop, for whom a cooperative pause does not reach.
//
// Only that thread stands still; the rest of the program, its signal thread first of all, goes on. It goes on as well when the ThreadStop ends, or
// the thread that made it (the kernel sees to that). A signal that was on its way is delivered then; a system call that waited waits on (a futex)
// or is begun anew by the runtime.
//
// Thread: what one thread has stopped only that thread may ask or let go (ptrace(2)). Blocks: stop() for at most its timeout.
// Tested in tests/unit/inspect/running_stacks_test.cpp.
#pragma once

#include <sys/user.h>

#include <cstdint>

#include "instrumentation/base/result.h"

namespace coroscope::inspect {

class ThreadStop {
public:
    // `thread`: its kernel id in our pid namespace. Errors: kRefused (permissions, another debugger: the sentence says which), kGone,
    // kUnreadable (it did not stop in time: it is deep in the kernel).
    static base::Result<ThreadStop> stop(std::uint32_t pid, std::uint32_t thread, int timeout_ms);
    ThreadStop(ThreadStop&& other) noexcept;
    ThreadStop& operator=(ThreadStop&&) = delete;
    ~ThreadStop();  // lets it go on

    std::uint32_t thread() const { return thread_; }
    // As they are now. Errors: kGone.
    base::Result<user_regs_struct> registers() const;

private:
    ThreadStop(std::uint32_t thread, int signal) : thread_(thread), signal_(signal) {}
    std::uint32_t thread_;  // 0: moved away
    int signal_;            // to be delivered when it goes on; 0 = none
};

}  // namespace coroscope::inspect
