// Direct handlers, flags, and their counts. The interactive handler: debug_commands.cpp.
#include "runtime/signals/direct_signals.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "cprime/direct_signal.h"
#include "instrumentation/base/signal_name.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/signal_records.h"
#include "runtime/signals/signal_thread.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

struct Direct {
    // Writers: those who register, under g_lock (release); reader: the handler, acquire: what the function needs was written before.
    std::atomic<DirectHandler> handler{nullptr};
    // [direct.flag] Writer: the handler, release; readers: SignalFlag, acquire.
    std::atomic<bool> flag{false};
    // Counts. Writer: the handler, on any thread; relaxed.
    std::atomic<std::uint64_t> arrived{0}, finished{0};
    // Under g_lock.
    bool is_ours = false, has_flag = false;
    struct sigaction before {};
};

std::mutex g_lock;
constinit std::array<Direct, wire::kSignalsMax> g_direct{};

// The runtime whose records are to be written, and handlers that are writing. Writers of the first: attach and detach; seq_cst both: either the
// handler sees that there is none any more, or detach sees the handler.
std::atomic<RuntimeState*> g_shown{nullptr};
std::atomic<std::uint32_t> g_showing{0};
std::atomic<pid_t> g_shown_process{0};

// While it lives the records stay. Async-signal-safe.
class Shown {
public:
    Shown() {
        g_showing.fetch_add(1);
        state_ = getpid() == g_shown_process.load(kRelaxed) ? g_shown.load() : nullptr;
    }
    ~Shown() { g_showing.fetch_sub(1); }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;
    RuntimeState* state() const { return state_; }

private:
    RuntimeState* state_;
};

Direct& direct_of(int number) {
    return g_direct[static_cast<std::size_t>(number)];
}

void on_signal(int number, siginfo_t* info, void* /*context*/) {
    const int error_before = errno;
    Direct& direct = direct_of(number);
    direct.arrived.fetch_add(1, kRelaxed);
    if (const Shown shown; shown.state() != nullptr) {
        wire::SignalRecord& record = g_signal_records.of(number);  // named when it was registered
        record.arrived.fetch_add(1, kRelaxed);
        record.delivered.fetch_add(1, kRelaxed);
    }
    direct.flag.store(true, std::memory_order_release);  // [direct.flag]
    if (const DirectHandler handler = direct.handler.load(std::memory_order_acquire); handler != nullptr)
        handler({number, info->si_pid, info->si_uid, info->si_value.sival_int});
    direct.finished.fetch_add(1, kRelaxed);
    if (const Shown shown; shown.state() != nullptr)
        g_signal_records.of(number).finished.fetch_add(1, kRelaxed);
    errno = error_before;
}

[[noreturn]] void refuse(int number, const char* why) {
    std::fprintf(stderr, "cprime: %s cannot be handled by a plain function: %s\n",
                 coroscope::base::signal_name(number).c_str(), why);
    std::abort();
}

void check(int number) {
    if (const char* why = why_not_handled(number); why != nullptr) refuse(number, why);
    if (g_signal_thread != nullptr)
        refuse(number, "the Runtime has a signal thread, whose it is; use cprime::signals()");
}

void show(int number) {
    if (const Shown shown; shown.state() != nullptr)
        g_signal_records.of(number).route.store(wire::SignalRoute::kDirect, kRelaxed);
}

// Under g_lock.
void install(int number) {
    Direct& direct = direct_of(number);
    show(number);
    struct sigaction action {};
    action.sa_sigaction = &on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(number, &action, direct.is_ours ? nullptr : &direct.before);
    direct.is_ours = true;
}

// Under g_lock.
void uninstall(int number) {
    Direct& direct = direct_of(number);
    if (!direct.is_ours) return;
    sigaction(number, &direct.before, nullptr);
    direct.is_ours = false;
    if (const Shown shown; shown.state() != nullptr)
        g_signal_records.of(number).route.store(wire::SignalRoute::kSystem, kRelaxed);
}

bool is_number(int number) {
    return number > 0 && number < static_cast<int>(wire::kSignalsMax);
}

}  // namespace

void attach_direct_signals() {
    const std::lock_guard<std::mutex> hold(g_lock);
    g_shown_process.store(getpid(), kRelaxed);
    for (int number = 1; number < static_cast<int>(wire::kSignalsMax); ++number) {
        if (direct_of(number).is_ours)
            g_signal_records.of(number).route.store(wire::SignalRoute::kDirect, kRelaxed);
    }
    g_shown.store(g_runtime);
}

void detach_direct_signals() {
    g_shown.store(nullptr);
    while (g_showing.load() != 0)
        std::this_thread::yield();
}

bool is_direct_handler(const void* handler) {
    return handler == reinterpret_cast<const void*>(&on_signal);
}

DirectFigures direct_figures() {
    DirectFigures figures;
    const Shown shown;
    const RuntimeState* state = shown.state();
    if (state == nullptr) return figures;
    figures.has_runtime = true;
    figures.workers = state->workers_count;
    std::uint64_t exited = 0;
    for (std::uint32_t i = 0; i < state->workers_count; ++i) {
        const wire::WorkerRecord& record = *state->workers[i].record;
        exited += record.exited.load(std::memory_order_acquire);
        figures.switches += record.switches.load(kRelaxed);
    }
    figures.spawned = state->segment->header().outside_spawned.load(kRelaxed);
    for (std::uint32_t i = 0; i < state->workers_count; ++i)
        figures.spawned += state->workers[i].record->spawned.load(kRelaxed);
    figures.alive = figures.spawned - exited;
    return figures;
}

std::uint64_t direct_arrived(int number) {
    return is_number(number) ? direct_of(number).arrived.load(kRelaxed) : 0;
}
std::uint64_t direct_finished(int number) {
    return is_number(number) ? direct_of(number).finished.load(kRelaxed) : 0;
}

}  // namespace cprime::detail

namespace cprime {

using detail::direct_of;

DirectSignals& direct_signals() {
    static DirectSignals one;
    return one;
}

DirectSignals& DirectSignals::handle(int number, DirectHandler handler) {
    detail::check(number);
    const std::lock_guard<std::mutex> hold(detail::g_lock);
    direct_of(number).handler.store(handler, std::memory_order_release);
    detail::install(number);
    return *this;
}

DirectSignals& DirectSignals::ignore(int number) {
    return handle(number, nullptr);
}

DirectSignals& DirectSignals::reset(int number) {
    detail::check(number);
    const std::lock_guard<std::mutex> hold(detail::g_lock);
    direct_of(number).handler.store(nullptr, std::memory_order_release);
    if (!direct_of(number).has_flag) detail::uninstall(number);
    return *this;
}

std::uint64_t DirectSignals::arrived(int number) const {
    return detail::direct_arrived(number);
}

SignalFlag::SignalFlag(int number) : number_(number) {
    detail::check(number);
    const std::lock_guard<std::mutex> hold(detail::g_lock);
    if (direct_of(number).has_flag) detail::refuse(number, "it has a SignalFlag already");
    direct_of(number).has_flag = true;
    direct_of(number).flag.store(false, std::memory_order_relaxed);
    detail::install(number);
}

SignalFlag::~SignalFlag() {
    const std::lock_guard<std::mutex> hold(detail::g_lock);
    direct_of(number_).has_flag = false;
    if (direct_of(number_).handler.load(std::memory_order_relaxed) == nullptr) detail::uninstall(number_);
}

SignalFlag::operator bool() const noexcept {
    return direct_of(number_).flag.load(std::memory_order_acquire);  // [direct.flag]
}

bool SignalFlag::take() noexcept {
    std::atomic<bool>& flag = direct_of(number_).flag;
    return flag.load(std::memory_order_relaxed) &&
           flag.exchange(false, std::memory_order_acquire);  // [direct.flag]
}

}  // namespace cprime
