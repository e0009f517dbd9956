#include "statistics.h"

#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "totals.h"

namespace demo {
namespace {

// A handler runs in a coroutine that the runtime made: the demo counts it here.
void count(const std::string& signal) {
    ++totals().spawned;
    totals().count_signal(signal);
}

void end_in_order(const std::string& signal) {
    static std::atomic<bool> ending{false};
    if (ending.exchange(true)) std::_Exit(128 + SIGINT);  // asked twice: at once
    const CountsExit counts;
    count(signal);
    cprime::shutdown();
}

}  // namespace

Statistics::Statistics() {
    cprime::signals()
        .handle(SIGUSR1,
                [out = printed_.sender] {
                    const CountsExit counts;
                    count("SIGUSR1");
                    std::printf("statistics: %s\n", totals().json(0, 0, 0).c_str());
                    if (out.try_send({})) ++totals().channel("printed").sent;
                })
        .handle(SIGINT, [] { end_in_order("SIGINT"); })
        .handle(SIGTERM, [] { end_in_order("SIGTERM"); });
}

void Statistics::print_by_signal() {
    kill(getpid(), SIGUSR1);
    if (printed_.receiver.receive()) ++totals().channel("printed").received;
}

}  // namespace demo
