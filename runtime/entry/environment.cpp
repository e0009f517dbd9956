// Strict: a variable that is set means something, or is an error.
#include "runtime/entry/environment.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "instrumentation/wire/limits.h"
#include "runtime/entry/runtime_state.h"

namespace cprime::detail {
namespace {

std::string_view value_of(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr ? value : "";
}

std::uint32_t processors_allowed() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return std::max(1U, static_cast<std::uint32_t>(CPU_COUNT(&set)));
}

bool is_on(const char* variable, bool standard) {
    const std::string_view value = value_of(variable);
    if (value.empty()) return standard;
    if (value == "1" || value == "on") return true;
    if (value == "0" || value == "off") return false;
    fatal(std::string(variable) + "=" + std::string(value) + " means nothing; use on or off", 2);
}

void read_blocking_threads(Environment& environment, unsigned wished) {
    constexpr std::uint32_t kMost = 1024;
    if (wished != 0) environment.blocking_threads = wished;
    const std::string_view value = value_of("CPRIME_BLOCKING_THREADS");
    if (wished == 0 && !value.empty()) {
        const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(),
                                                    environment.blocking_threads);
        if (problem != std::errc{} || end != value.data() + value.size()) environment.blocking_threads = 0;
    }
    if (environment.blocking_threads == 0 || environment.blocking_threads > kMost) {
        fatal((wished != 0 ? std::to_string(wished) + " threads for blocking calls are too many"
                           : "CPRIME_BLOCKING_THREADS=" + std::string(value) + " is no number of threads") +
                  "; use 1 to " + std::to_string(kMost),
              2);
    }
}

std::optional<std::uint64_t> read_seed(const char* variable) {
    const std::string_view value = value_of(variable);
    if (value.empty()) return std::nullopt;
    std::uint64_t seed = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), seed);
    if (problem != std::errc{} || end != value.data() + value.size()) {
        fatal(std::string(variable) + "=" + std::string(value) +
                  " is no seed; use a number from 0 to 18446744073709551615",
              2);
    }
    return seed;
}

void read_chaos(Environment& environment, const RuntimeOptions& options) {
    std::optional<std::uint64_t> chaos = options.chaos;
    std::optional<std::uint64_t> deterministic = options.deterministic;
    if (!chaos && !deterministic) {
        chaos = read_seed("CPRIME_CHAOS");
        deterministic = read_seed("CPRIME_DETERMINISTIC");
    }
    if (chaos && deterministic) {
        fatal(
            "chaos and the deterministic mode were both asked for; the deterministic mode is chaos of its "
            "own kind: use one of them",
            2);
    }
    environment.deterministic = deterministic.has_value();
    environment.chaos_seed = environment.deterministic ? deterministic : chaos;
}

void read_workers(Environment& environment, unsigned wished) {
    environment.workers_count = wished;
    if (const std::string_view value = value_of("CPRIME_WORKERS"); wished == 0 && !value.empty()) {
        const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(),
                                                    environment.workers_count);
        if (problem != std::errc{} || end != value.data() + value.size() || environment.workers_count == 0) {
            fatal("CPRIME_WORKERS=" + std::string(value) + " is no number of workers; use 1 to " +
                      std::to_string(wire::kWorkersMax),
                  2);
        }
    }
    if (environment.workers_count == 0) environment.workers_count = processors_allowed();
    if (environment.workers_count > wire::kWorkersMax) {
        fatal(std::to_string(environment.workers_count) + " workers are too many; use 1 to " +
                  std::to_string(wire::kWorkersMax),
              2);
    }
    if (environment.deterministic) environment.workers_count = 1;
}

}  // namespace

Environment read_environment(const RuntimeOptions& options) {
    Environment environment;
    read_blocking_threads(environment, options.blocking_threads);
    read_chaos(environment, options);
    read_workers(environment, options.workers);
    environment.profile = is_on("CPRIME_PROFILE", false);
    environment.quiet = is_on("CPRIME_QUIET", false);
    environment.state_plane = is_on("CPRIME_STATE_PLANE", true);
    if (const std::string_view value = value_of("CPRIME_WAIT_FOR_VIEWER"); !value.empty()) {
        const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(),
                                                    environment.wait_for_viewer_ms);
        const std::string_view rest = value.substr(static_cast<std::size_t>(end - value.data()));
        if (problem != std::errc{} || (!rest.empty() && rest.front() != '@')) {
            fatal("CPRIME_WAIT_FOR_VIEWER=" + std::string(value) + " is no number of milliseconds", 2);
        }
        if (!rest.empty()) environment.viewer_socket = rest.substr(1);
    }
    environment.start_paused = is_on("CPRIME_START_PAUSED", false);
    environment.size_table_path = value_of("CPRIME_SIZES");
    environment.learn_path = value_of("CPRIME_LEARN");
    return environment;
}

}  // namespace cprime::detail
