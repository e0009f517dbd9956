// A coroutine sends its own process a signal, and waits until the handler, a coroutine too, says when it began.
#include <cprime/cprime.h>
#include <unistd.h>

#include <csignal>
#include <utility>
#include <vector>

#include "cprime/workloads.h"
#include "runner/latencies.h"

namespace coroscope::bench::cprime_side {

Measured signal_latency(std::uint64_t count) {
    cprime::Channel<std::uint64_t> begun{"begun", 1};
    cprime::signals().handle(
        SIGUSR1, [out = begun.sender()](const cprime::SignalInfo&) { out.send(now_ns()); },
        cprime::SignalComplexity::micro);
    std::vector<std::uint64_t> each_ns;
    each_ns.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t sent = now_ns();
        kill(getpid(), SIGUSR1);
        const auto at = begun.receiver().receive();
        if (!at) return {};
        each_ns.push_back(*at - sent);
    }
    cprime::signals().reset(SIGUSR1);
    return latencies_result(std::move(each_ns));
}

}  // namespace coroscope::bench::cprime_side
