// The runner of the `event_lttng` row: one LTTng-UST tracepoint, recorded by a session daemon into a buffer that is overwritten, as ours is.
//
// LTTng connects a program to the daemon when it is loaded. So this program first sees to a daemon and a session, and then starts itself
// anew, as the one that is measured; at the end it takes the session down, and the daemon if it was not there before.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng/bench_tracepoint.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runner/runner.h"

namespace {

using coroscope::bench::Measured;

constexpr const char* kSession = "COROSCOPE_BENCH_LTTNG_SESSION";  // set in the program that is measured
constexpr const char* kOwnDaemon = "COROSCOPE_BENCH_LTTNG_DAEMON";

bool run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

Measured event(std::uint64_t count) {
    const std::uint64_t begin_ns = coroscope::bench::now_ns();
    for (std::uint64_t i = 0; i < count; ++i)
        lttng_ust_tracepoint(coroscope_bench, resume, static_cast<std::uint32_t>(i),
                             static_cast<std::uint32_t>(i));
    const std::uint64_t end_ns = coroscope::bench::now_ns();
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

constexpr coroscope::bench::Workload kWorkloads[] = {{"event", event}};

int prepare(char** argv) {
    const std::string session = "coroscope-bench-" + std::to_string(getpid());
    const bool daemon_was_there = run("lttng --no-sessiond list");
    if (!daemon_was_there && !run("lttng-sessiond --daemonize --no-kernel")) {
        std::fprintf(stderr, "bench_lttng: lttng-sessiond cannot be started; install lttng-tools\n");
        return 3;
    }
    setenv(kSession, session.c_str(), 1);
    setenv(kOwnDaemon, daemon_was_there ? "" : "yes", 1);
    setenv("LTTNG_UST_REGISTER_TIMEOUT", "5000", 1);  // ms that loading may wait for the daemon
    if (!run("lttng create --snapshot " + session) ||
        !run("lttng enable-event --userspace --session=" + session + " coroscope_bench:resume") ||
        !run("lttng start " + session)) {
        std::fprintf(stderr, "bench_lttng: no LTTng session can be made\n");
        return 3;
    }
    execv("/proc/self/exe", argv);
    return 3;
}

void take_down() {
    run("lttng destroy " + std::string(std::getenv(kSession)));
    if (std::string(std::getenv(kOwnDaemon)) != "yes") return;
    // The next program of the bench must not take the one that is going for one that is there.
    run("pkill --exact lttng-sessiond && timeout 10 sh -c 'while lttng --no-sessiond list; do sleep 0.1; "
        "done'");
}

}  // namespace

int main(int, char** argv) {
    if (std::getenv(kSession) == nullptr) return prepare(argv);
    const bool recorded = lttng_ust_tracepoint_enabled(coroscope_bench, resume);
    int status = 3;
    if (recorded) {
        status = coroscope::bench::serve("lttng-ust 2.13", kWorkloads);
    } else {
        std::fprintf(stderr, "bench_lttng: the tracepoint was not enabled by its session\n");
    }
    take_down();
    return status;
}
