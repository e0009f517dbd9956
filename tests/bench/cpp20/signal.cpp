// The least there is: a handler by sigaction(), which runs on the thread that sends itself the signal.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <utility>
#include <vector>

#include "cpp20/workloads.h"
#include "runner/latencies.h"

namespace coroscope::bench::cpp20_peer {
namespace {
std::atomic<std::uint64_t> g_began_ns{0};
}

Measured plain_signal_latency(std::uint64_t count) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { g_began_ns = now_ns(); };
    sigaction(SIGUSR1, &action, &before);
    std::vector<std::uint64_t> each_ns;
    each_ns.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t sent = now_ns();
        kill(getpid(), SIGUSR1);
        each_ns.push_back(g_began_ns - sent);
    }
    sigaction(SIGUSR1, &before, nullptr);
    return latencies_result(std::move(each_ns));
}

}  // namespace coroscope::bench::cpp20_peer
