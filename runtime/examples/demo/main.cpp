// The demo's entry: a runtime, a first coroutine that conducts, and totals on the last line of stdout.
#include <cprime/cprime.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "../measured/footprint.h"
#include "demo.h"
#include "options.h"
#include "totals.h"

namespace {

std::uint64_t peak_rss_kib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss);
}

void print_totals(std::uint64_t stack_rss_kib, std::uint64_t stack_bytes) {
    std::printf("%s\n", demo::totals().json(peak_rss_kib(), stack_rss_kib, stack_bytes).c_str());
    std::fflush(stdout);
}

}  // namespace

int main(int argument_count, char** arguments) {
    const demo::Options options = demo::parse_options(argument_count, arguments);
    const auto start = demo::Clock::now();
    std::uint64_t stack_bytes = 0;
    std::optional<measured::Footprint> footprint;
    {
        cprime::Runtime runtime({.workers = options.workers});
        std::unique_ptr<demo::Demo> demo;
        ++demo::totals().spawned;
        runtime.run([&] {
            const demo::CountsExit counts;
            footprint.emplace();
            demo = std::make_unique<demo::Demo>(options, start);
            demo->conduct();
            if (options.kill_self) {
                print_totals(footprint->stack_rss_kib(), runtime.stack_bytes_peak());
                kill(getpid(), SIGKILL);
            }
        });
        stack_bytes = runtime.stack_bytes_peak();
    }
    print_totals(footprint->stack_rss_kib(), stack_bytes);
    return 0;
}
