// See foreign_handlers.h.
#include "runtime/signals/foreign_handlers.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "instrumentation/base/signal_name.h"
#include "runtime/scheduler/clock.h"
#include "runtime/signals/direct_signals.h"
#include "runtime/signals/forwarder.h"
#include "runtime/signals/signal_records.h"

namespace cprime::detail {
namespace {

constexpr std::int64_t kFirstPauseMs = 1000, kLongestPauseMs = 8000;

// "on_signal in /usr/lib/libfoo.so".
std::string place_of(const void* handler) {
    Dl_info about{};
    if (dladdr(handler, &about) == 0 || about.dli_fname == nullptr) {
        char address[32];
        std::snprintf(address, sizeof address, "%p", handler);
        return address;
    }
    std::string text = about.dli_sname != nullptr && about.dli_saddr == handler ? about.dli_sname
                                                                                : "a function without a name";
    return text + " in " + about.dli_fname;
}

bool is_fault(int number) {
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL ||
           number == SIGTRAP || number == SIGABRT;
}

bool is_taken(wire::SignalRoute route) {
    return route == wire::SignalRoute::kShutdown || route == wire::SignalRoute::kCoroutine ||
           route == wire::SignalRoute::kIgnored;
}

}  // namespace

int ForeignHandlers::look() {
    const std::int64_t now_ms = real_monotonic_ns() / 1'000'000;
    if (looked_ms_ == 0 || now_ms - looked_ms_ >= pause_ms_) {
        bool changed = looked_ms_ == 0;
        for (int number = 1; number < static_cast<int>(wire::kSignalsMax); ++number)
            changed |= look_at(number);
        pause_ms_ = changed ? kFirstPauseMs : std::min(2 * pause_ms_, kLongestPauseMs);
        looked_ms_ = now_ms;
    }
    return static_cast<int>(pause_ms_ - (now_ms - looked_ms_));
}

bool ForeignHandlers::look_at(int number) {
    struct sigaction now {};
    if (sigaction(number, nullptr, &now) != 0) return false;  // the C library's own
    const bool caught = now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN;
    const void* handler = caught ? reinterpret_cast<const void*>(now.sa_sigaction) : nullptr;
    Seen& seen = seen_[static_cast<std::size_t>(number)];
    if (seen.handler == handler) return false;
    seen.handler = handler;
    const bool ours = handler == nullptr || now.sa_sigaction == &forward || is_direct_handler(handler);
    const bool no_stack = !ours && (now.sa_flags & SA_ONSTACK) == 0;
    // With SA_ONSTACK a fault's handler may be the runtime's or stand behind it.
    const bool foreign = !ours && (no_stack || !is_fault(number));
    if (!foreign && g_signal_records.is_unused(number)) return false;
    wire::SignalRecord& record = g_signal_records.of(number);
    const auto flags = static_cast<std::uint8_t>((foreign ? wire::kSignalForeign : 0) |
                                                 (no_stack ? wire::kSignalNoAlternateStack : 0));
    const bool taken = is_taken(record.route.load(std::memory_order_relaxed));
    const std::string who = foreign ? place_of(handler) : std::string();
    record.handler.store(foreign ? g_signal_records.string_of(who) : 0, std::memory_order_relaxed);
    record.flags.store(flags, std::memory_order_relaxed);
    if (!foreign || seen.told || !(taken || no_stack)) return true;
    seen.told = true;
    const std::string name = coroscope::base::signal_name(number);
    if (taken) {
        std::fprintf(stderr,
                     "cprime: %s has a handler that is not the runtime's: %s; threads that do not block the "
                     "signal run it%s; let "
                     "cprime::signals() handle it, or reset() it\n",
                     name.c_str(), who.c_str(), no_stack ? ", without SA_ONSTACK" : "");
    } else {
        std::fprintf(stderr,
                     "cprime: the handler of %s is installed without SA_ONSTACK: %s; a signal takes 3.4 KiB "
                     "of the stack that it comes "
                     "to, and a coroutine may have less\n",
                     name.c_str(), who.c_str());
    }
    return true;
}

}  // namespace cprime::detail
