// What is done about which signal: the defaults, and what a program says.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "cprime/runtime.h"
#include "cprime/spawn.h"
#include "instrumentation/base/signal_name.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/forwarder.h"
#include "runtime/signals/signal_records.h"
#include "runtime/signals/signal_thread.h"
#include "runtime/signals/waiting_threads.h"
#include "runtime/stacks/pool_plan.h"

namespace cprime::detail {
namespace {

using coroscope::base::signal_name;

constexpr auto kRelaxed = std::memory_order_relaxed;

bool is_fault(int number) {
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) {
        if (number == fault) return true;
    }
    return false;
}

std::string text_of(const Place& place) {
    return std::string(place.file) + ":" + std::to_string(place.line);
}

}  // namespace

const char* why_not_handled(int number) {
    if (number <= 0 || number >= static_cast<int>(wire::kSignalsMax))
        return "there is no signal of that number";
    if (number == SIGKILL || number == SIGSTOP) return "the kernel lets nobody catch it";
    if (is_fault(number)) return "it is a fault, which happens in the middle of whoever makes it";
    return number >= __SIGRTMIN && number < SIGRTMIN ? "it is the C library's own" : nullptr;
}

void refuse_bad_handlers(const SignalHandlers& handlers) {
    const auto& entries = handlers.entries();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const int number = entries[i].number;
        if (const char* why = why_not_handled(number); why != nullptr) {
            fatal(signal_name(number) + " cannot be handled by a coroutine, as " + text_of(entries[i].place) +
                      " wants: " + why,
                  1);
        }
        for (std::size_t j = 0; j < i; ++j) {
            if (entries[j].number != number) continue;
            fatal(signal_name(number) + " has two handlers in RuntimeOptions::signals, from " +
                      text_of(entries[j].place) + " and " + text_of(entries[i].place) +
                      "; leave one of them out, or replace it by signals().handle() later",
                  1);
        }
    }
}

void SignalThread::handle(int number, Signals::Handler handler, SignalComplexity complexity,
                          const Place& place) {
    anything_handled_.store(true, kRelaxed);
    wire::SignalRecord& record = g_signal_records.of(number);
    const std::uint32_t site = g_runtime->sites.find(place, signal_name(number),
                                                     reinterpret_cast<std::uint64_t>(handling_entry()));
    record.site.store(site == wire::kNone ? 0 : site + 1, kRelaxed);
    take(number, std::move(handler), complexity, place, Route::kCoroutine);
}

void SignalThread::ignore(int number, const Place& place) {
    g_signal_records.of(number).site.store(0, kRelaxed);
    take(number, {}, SignalComplexity::micro, place, Route::kIgnored);
}

void SignalThread::reset(int number) {
    g_signal_records.of(number).site.store(0, kRelaxed);
    if (!take_default(number)) let_go(number);
}

void SignalThread::take_defaults() {
    for (const int number : {SIGINT, SIGTERM, SIGUSR1, SIGPIPE})
        static_cast<void>(take_default(number));
}

// False: the runtime does nothing about it unless it is asked to.
bool SignalThread::take_default(int number) {
    switch (number) {
        case SIGINT:
        case SIGTERM:
            take(
                number, [](const SignalInfo&) { shutdown(); }, SignalComplexity::complex, CPRIME_HERE,
                Route::kShutdown);
            return true;
        case SIGUSR1:
            take(number, {}, SignalComplexity::micro, CPRIME_HERE, Route::kIgnored);
            return true;
        case SIGPIPE:
            ignore_broken_pipes();
            return true;
        default:
            return false;
    }
}

void SignalThread::take(int number, Signals::Handler handler, SignalComplexity complexity, const Place& place,
                        Route route) {
    wire::SignalRecord& record = g_signal_records.of(number);
    auto action = std::make_shared<const Action>(
        Action{std::move(handler), complexity, place, signal_name(number), &record, route});
    std::unique_lock<std::mutex> hold(lock_);
    record.pool.store(complexity == SignalComplexity::micro ? kPoolSignalSmall : kPoolSignal, kRelaxed);
    record.route.store(route, kRelaxed);
    actions_[static_cast<std::size_t>(number)] = std::move(action);
    if (sigismember(&taken_, number) == 1) return;
    install(number);
    const sigset_t taken = taken_;
    hold.unlock();
    block_in_waiting_threads(taken);
}

// Under lock_. First the descriptor, then the handler, then the masks: wherever the signal arrives in between, it is taken.
void SignalThread::install(int number) {
    sigaddset(&taken_, number);
    set_descriptor();
    struct sigaction forwarded {};
    forwarded.sa_sigaction = &forward;
    forwarded.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    const bool was_ours = sigismember(&ours_, number) == 1;
    sigaction(number, &forwarded, was_ours ? nullptr : &before_[static_cast<std::size_t>(number)]);
    sigaddset(&ours_, number);
    sigdelset(&to_release_, number);
    if (number == SIGPIPE) return;  // a thread that blocks it keeps that of its own writes for ever
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    pthread_sigmask(SIG_BLOCK, &one, nullptr);
}

void SignalThread::ignore_broken_pipes() {
    const std::lock_guard<std::mutex> hold(lock_);
    struct sigaction ignored {};
    ignored.sa_handler = SIG_IGN;
    const bool was_ours = sigismember(&ours_, SIGPIPE) == 1;
    sigaction(SIGPIPE, &ignored, was_ours ? nullptr : &before_[SIGPIPE]);
    sigaddset(&ours_, SIGPIPE);
    g_signal_records.of(SIGPIPE).route.store(Route::kIgnored, kRelaxed);
    if (sigismember(&taken_, SIGPIPE) != 1) return;
    sigdelset(&taken_, SIGPIPE);
    set_descriptor();
}

// What the process did about it before, at the end; what somebody else has installed meanwhile stays.
void SignalThread::restore(int number) {
    if (sigismember(&ours_, number) != 1) return;
    struct sigaction now {};
    sigaction(number, nullptr, &now);
    if (now.sa_sigaction == &forward || now.sa_handler == SIG_IGN)
        sigaction(number, &before_[static_cast<std::size_t>(number)], nullptr);
}

// What it did before is done again: in the signal thread, unless another thread lets the signal through. What has been read already still has its
// handler.
void SignalThread::let_go(int number) {
    std::unique_lock<std::mutex> hold(lock_);
    if (sigismember(&taken_, number) != 1) return;
    sigdelset(&taken_, number);
    sigdelset(&ours_, number);
    set_descriptor();
    sigaction(number, &before_[static_cast<std::size_t>(number)], nullptr);
    g_signal_records.of(number).route.store(Route::kSystem, kRelaxed);
    sigaddset(&to_release_, number);
    const std::uint64_t order = ++orders_;
    wake();
    released_.wait(hold, [&] { return obeyed_ >= order; });
}

// Under lock_. The bare call: TSan takes signalfd() for the making of a new descriptor, which would race with the thread that reads it.
void SignalThread::set_descriptor() {
    sigset_t set = taken_;
    for (int number = 1; narrow_ && number < static_cast<int>(wire::kSignalsMax); ++number) {
        const auto& action = actions_[static_cast<std::size_t>(number)];
        if (action == nullptr || action->route != Route::kShutdown) sigdelset(&set, number);
    }
    constexpr std::size_t kKernelSetBytes = 8;
    syscall(SYS_signalfd4, signals_.get(), &set, kKernelSetBytes, 0);
}

namespace {

// The thread that takes `number` for `call`, or the end of the process with one sentence.
SignalThread& thread_for(int number, const char* call) {
    runtime(call);
    if (g_signal_thread == nullptr) {
        std::fprintf(stderr,
                     "cprime: %s cannot be handled by a coroutine: the runtime was started without a signal "
                     "thread; use "
                     "cprime::direct_signals()\n",
                     signal_name(number).c_str());
        std::abort();
    }
    if (const char* why = why_not_handled(number); why != nullptr) {
        std::fprintf(stderr, "cprime: %s cannot be handled by a coroutine: %s\n", signal_name(number).c_str(),
                     why);
        std::abort();
    }
    return *g_signal_thread;
}

}  // namespace
}  // namespace cprime::detail

namespace cprime {

SignalHandlers& SignalHandlers::handle(int number, Handler handler, SignalComplexity complexity, Place place) {
    entries_.push_back({number, std::move(handler), complexity, place});
    return *this;
}

SignalHandlers& SignalHandlers::ignore(int number, Place place) {
    entries_.push_back({number, {}, SignalComplexity::micro, place});
    return *this;
}

Signals& signals() {
    static Signals one;
    return one;
}

Signals& Signals::handle(int number, Handler handler, SignalComplexity complexity, Place place) {
    detail::SignalThread& thread = detail::thread_for(number, "signals().handle");
    // Channel handles that it captured belong to no coroutine from now on, least of all to the one that registers it and may
    // then wait for what the handler sends: a copy made by a thread that is no worker is held outside.
    Handler unowned;
    std::thread([&] { unowned = handler; }).join();
    handler = nullptr;
    thread.handle(number, std::move(unowned), complexity, place);
    return *this;
}

Signals& Signals::ignore(int number, Place place) {
    detail::thread_for(number, "signals().ignore").ignore(number, place);
    return *this;
}

Signals& Signals::reset(int number) {
    detail::thread_for(number, "signals().reset").reset(number);
    return *this;
}

unsigned long long Signals::delivered(int number) const {
    return count(number).delivered;
}

SignalCounts Signals::count(int number) const {
    detail::runtime("signals().count");
    if (number <= 0 || number >= static_cast<int>(detail::wire::kSignalsMax)) return {};
    return detail::read_counts(detail::g_signal_records.of(number));
}

}  // namespace cprime
