// WindowProcess: the window itself beside a bench, drawn off screen: what it costs the program it looks at is what its users pay.
//
// Thread: one. Blocks: open() until the window shows the program's coroutines, the destructor until it has gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "instrumentation/base/result.h"

namespace coroscope::bench {

class WindowProcess {
public:
    // `coroscope attach` with its defaults on a running program with at least that many coroutines. Errors: kUnreadable.
    static base::Result<WindowProcess> open(int pid, std::uint64_t coroutines);
    ~WindowProcess();
    WindowProcess(WindowProcess&& other) noexcept;
    WindowProcess& operator=(WindowProcess&&) = delete;

private:
    WindowProcess(pid_t process, std::string folder) : process_(process), folder_(std::move(folder)) {}
    pid_t process_ = 0;
    std::string folder_;  // its script, its state; ours
};

}  // namespace coroscope::bench
