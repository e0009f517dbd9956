// See runtime_wait.h.
#include "app/cli/runtime_wait.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "instrumentation/inspect/target.h"

namespace coroscope::app {
namespace {

constexpr int kPatienceMs = 10'000;  // then we say what we are waiting for, and go on waiting
constexpr int kAskAgainMs = 100;

}  // namespace

base::Result<std::uint32_t> wait_for_runtime(LaunchedProgram& program, const std::string& name,
                                             const std::function<bool()>& given_up) {
    const int step_ms = given_up ? kAskAgainMs : kPatienceMs;
    for (int waited_ms = step_ms;; waited_ms += step_ms) {
        auto found = inspect::wait_for_target(static_cast<std::uint32_t>(getpid()), step_ms);
        if (found) return found;
        if (found.error().code == base::ErrorCode::kGone) {
            program.wait();
            return base::error(base::ErrorCode::kGone,
                               fmt::format("{} {} before a CPrime runtime started in it: link it with cprime",
                                           name, program.status_text()));
        }
        if (given_up && given_up())
            return base::error(base::ErrorCode::kUnreadable,
                               "no CPrime runtime had started in " + name + " yet");
        if (waited_ms == kPatienceMs) {
            std::fprintf(
                stderr, "coroscope: still waiting for a CPrime runtime to start in %s or in what it starts\n",
                name.c_str());
        }
    }
}

}  // namespace coroscope::app
