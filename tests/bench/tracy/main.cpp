// The runner of the peer `tracy` of the `zone` row: a zone of Tracy's client, recorded by its own `capture` on this machine.
//
// Built where a source tree of Tracy is named (cmake -DCOROSCOPE_TRACY=DIR; Debian has none); `capture` is looked for where its makefile puts it.
// The client runs as delivered but for what a zone does not need: no sampling, no system tracing, no broadcast on the network.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "runner/runner.h"
#include "tracy/Tracy.hpp"

extern char** environ;

namespace {

using coroscope::bench::Measured;

// Two events each, as those of `zones` in bench_cprime.
Measured zones(std::uint64_t count) {
    const std::uint64_t begin_ns = coroscope::bench::now_ns();
    for (std::uint64_t n = 0; n < count; n += 2) {
        ZoneScopedN("zone");
    }
    const std::uint64_t end_ns = coroscope::bench::now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = (count + 1) / 2 * 2, .extra = {}};
}

constexpr coroscope::bench::Workload kWorkloads[] = {{"zones", zones}};

// Tracy's recorder of this process; 0 when there is none.
pid_t start_capture(const std::string& trace) {
    const std::string program = TRACY_CAPTURE;
    const char* arguments[] = {program.c_str(), "-f", "-o", trace.c_str(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    if (posix_spawn(&pid, program.c_str(), &actions, nullptr, const_cast<char**>(arguments), environ) != 0) pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

}  // namespace

int main() {
    const std::string trace = "/tmp/coroscope-bench-" + std::to_string(getpid()) + ".tracy";
    const pid_t capture = start_capture(trace);
    if (capture == 0) {
        std::fprintf(stderr, "bench_tracy: %s cannot be started; make it in capture/build/unix of Tracy's tree\n", TRACY_CAPTURE);
        return 3;
    }
    int status = 3;
    bool gone = false;
    // Tracy tells only by asking when its recorder has come.
    while (!TracyIsConnected && !(gone = waitpid(capture, nullptr, WNOHANG) != 0))
        usleep(10'000);
    if (gone) {
        std::fprintf(stderr, "bench_tracy: %s ended before it was connected\n", TRACY_CAPTURE);
    } else {
        status = coroscope::bench::serve("tracy 0.9.1", kWorkloads);
        kill(capture, SIGINT);
        waitpid(capture, nullptr, 0);
    }
    unlink(trace.c_str());
    return status;
}
