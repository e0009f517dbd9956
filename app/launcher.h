// Starting the program that is to be looked at, from the window or the command line.
//
// The child gets LD_BIND_NOW=1 (a lazy first call through a PLT needs 3.2 KiB of stack) and CPRIME_WAIT_FOR_VIEWER (its runtime lets its
// first coroutine wait until somebody listens, so that nothing of its beginning is missed, as long as we say that we are looking), the
// wanted directory and environment, and either our own stdout and stderr or two pipes that the window reads.
//
// Thread: one at a time. Blocks: only where it says so. Tested in tests/unit/app/launcher_test.cpp.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "app/window.h"
#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/base/result.h"

namespace coroscope::app {

enum class OutputTo : std::uint8_t { kInherit, kPipe };

class LaunchedProgram {
public:
    // Errors: kUsage when the program cannot be found or executed (one sentence that names it).
    static base::Result<std::unique_ptr<LaunchedProgram>> start(const LaunchSpec& spec, OutputTo output);
    ~LaunchedProgram();  // kills it when it still runs, and reaps it

    LaunchedProgram(const LaunchedProgram&) = delete;
    LaunchedProgram& operator=(const LaunchedProgram&) = delete;

    pid_t pid() const { return pid_; }
    // The runtime that was to be watched is watched: others that the program starts need not wait for us.
    void stop_looking() { lookout_.reset(); }
    // Appends what the program has written since to stdout and stderr (kPipe); never blocks. False once both ends are closed.
    bool read_output(std::string& text, std::string& errors);
    // Both into one text, stdout first.
    bool read_output(std::string& text) { return read_output(text, text); }
    // Reaps without blocking; true once it has ended.
    bool ended();
    int wait();               // blocks; the wait status
    void signal(int number);  // to the program; with pipes, also to what it started. Nothing once it was reaped
    void release() { owned_ = false; }  // the destructor leaves it running
    // "exited with code 3" or "killed by signal 9 (SIGKILL)"; "" while it runs.
    std::string status_text() const;
    // The same of any wait status.
    static std::string status_text(int wait_status);
    // For the shell: its exit code, or 128 + the signal. Only after its end.
    int exit_code() const;

private:
    LaunchedProgram() = default;
    void note_end(int status);

    base::FileDescriptor lookout_;  // listens on the socket named in CPRIME_WAIT_FOR_VIEWER; never accepts
    pid_t pid_ = -1;
    int output_fds_[2] = {-1, -1};
    bool ended_ = false;
    bool owned_ = true;
    bool own_group_ = false;
    int wait_status_ = 0;
};

}  // namespace coroscope::app
