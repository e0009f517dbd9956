// Strict, as everything that is read from the environment.
#include "runtime/watch/watch_options.h"

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/entry/runtime_state.h"

namespace cprime::detail {
namespace {

std::string_view value_of(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr ? value : "";
}

OnDeadlock on_deadlock_by_environment() {
    const std::string_view value = value_of("CPRIME_DEADLOCK");
    if (value.empty() || value == "report") return OnDeadlock::report;
    if (value == "exit") return OnDeadlock::exit;
    if (value == "off") return OnDeadlock::nothing;
    fatal("CPRIME_DEADLOCK=" + std::string(value) + " means nothing; use report, exit or off", 2);
}

constexpr std::uint32_t kStallMsMost = 24 * 3600 * 1000;

std::uint32_t stall_ms_by_environment(std::uint32_t standard) {
    const std::string_view value = value_of("CPRIME_STALL_MS");
    if (value.empty()) return standard;
    std::uint32_t milliseconds = 0;
    const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (problem != std::errc{} || end != value.data() + value.size() || milliseconds > kStallMsMost) {
        fatal("CPRIME_STALL_MS=" + std::string(value) +
                  " is no number of milliseconds; use 0 (nobody looks) to " + std::to_string(kStallMsMost),
              2);
    }
    return milliseconds;
}

}  // namespace

WatchOptions read_watch_options(const RuntimeOptions& options) {
    WatchOptions watch;
    watch.on_deadlock = options.on_deadlock == OnDeadlock::by_environment ? on_deadlock_by_environment()
                                                                          : options.on_deadlock;
    if (options.stall_report_ms > static_cast<int>(kStallMsMost)) {
        fatal("RuntimeOptions::stall_report_ms is " + std::to_string(options.stall_report_ms) +
                  "; use 0 to " + std::to_string(kStallMsMost),
              2);
    }
    watch.stall_ms = options.stall_report_ms < 0 ? stall_ms_by_environment(watch.stall_ms)
                                                 : static_cast<std::uint32_t>(options.stall_report_ms);
    return watch;
}

}  // namespace cprime::detail
