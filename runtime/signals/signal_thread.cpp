// The signal thread's loop, the forwarder, and the start and stop of both.
#include "runtime/signals/signal_thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <thread>

#include "cprime/runtime.h"
#include "cprime/spawn.h"
#include "instrumentation/base/signal_name.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/signal_probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/signal_records.h"
#include "runtime/signals/signals.h"
#include "runtime/watch/stall_watch.h"

namespace cprime::detail {
namespace {

using coroscope::wire::kSignalsMax;

std::unique_ptr<SignalThread> g_signal_thread;  // writer: start and stop of the runtime

// Where the forwarder sends to. Writer: the signal thread, before any handler is installed, and stop. Readers: signal
// handlers on any thread; relaxed, since both only name a thread that exists.
std::atomic<pid_t> g_forward_process{0};
std::atomic<pid_t> g_forward_thread{0};

// Writers: handle(), and the start of a runtime. Readers: a hint, relaxed.
std::atomic<bool> g_anything_handled{false};

constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};

bool can_be_handled(int number) {
    if (number <= 0 || number >= static_cast<int>(kSignalsMax) || number == SIGKILL || number == SIGSTOP)
        return false;
    for (const int fault : kFaults) {
        if (number == fault) return false;
    }
    return number < __SIGRTMIN || number >= SIGRTMIN;  // the C library's own
}

// A signal has arrived at a thread that does not block it: on to the signal thread with it, and no more of them here.
void forward(int number, siginfo_t* info, void* context) {
    const int error_before = errno;
    if (getpid() != g_forward_process.load(std::memory_order_relaxed)) {
        // A forked child: there is no runtime here. What the signal does to any process, as soon as this handler returns.
        signal(number, SIG_DFL);
        ::raise(number);
        return;
    }
    const pid_t thread = g_forward_thread.load(std::memory_order_relaxed);
    siginfo_t forwarded = *info;
    forwarded.si_code = SI_QUEUE;  // the only origin that a thread may give a signal; sender and value stay
    if (thread != 0 && syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, number, &forwarded) == 0) {
        sigaddset(&static_cast<ucontext_t*>(context)->uc_sigmask, number);
    }
    errno = error_before;
}

}  // namespace

bool start_signals() {
    g_anything_handled.store(false, std::memory_order_relaxed);
    if (!g_signal_records.start(*g_runtime->segment)) return false;
    g_signal_thread = SignalThread::start();
    return g_signal_thread != nullptr;
}

void stop_signals() {
    g_signal_thread.reset();
}

bool signals_are_handled() {
    return g_anything_handled.load(std::memory_order_relaxed);
}

std::unique_ptr<SignalThread> SignalThread::start() {
    std::unique_ptr<SignalThread> made(new SignalThread);
    sigemptyset(&made->taken_);
    made->stop_.reset(eventfd(0, EFD_CLOEXEC));
    made->signals_.reset(signalfd(-1, &made->taken_, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!made->stop_ || !made->signals_) return nullptr;
    // The new thread inherits a mask that blocks everything; ours comes back afterwards.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &made->mask_before_);
    try {
        made->thread_ = std::thread(&SignalThread::loop, made.get());
    } catch (const std::system_error&) {
        pthread_sigmask(SIG_SETMASK, &made->mask_before_, nullptr);
        return nullptr;
    }
    pthread_sigmask(SIG_SETMASK, &made->mask_before_, nullptr);
    while (g_forward_thread.load(std::memory_order_acquire) == 0)
        std::this_thread::yield();
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &made->pipe_before_);
    const Place here = CPRIME_HERE;
    const auto end = [](const SignalInfo&) { shutdown(); };
    made->take(SIGINT, end, here, true);
    made->take(SIGTERM, end, here, true);
    made->take(
        SIGUSR1, [](const SignalInfo&) {}, here, false);
    return made;
}

SignalThread::~SignalThread() {
    if (!thread_.joinable()) return;  // it never came to life, and nothing was changed
    const std::uint64_t one = 1;
    while (write(stop_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
    thread_.join();
    g_forward_thread.store(0, std::memory_order_relaxed);
    for (int number = 1; number < static_cast<int>(kSignalsMax); ++number) {
        if (sigismember(&taken_, number) == 1)
            sigaction(number, &before_[static_cast<std::size_t>(number)], nullptr);
    }
    sigaction(SIGPIPE, &pipe_before_, nullptr);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void SignalThread::handle(int number, Signals::Handler handler, const Place& place) {
    g_anything_handled.store(true, std::memory_order_relaxed);
    take(number, std::move(handler), place, false);
}

void SignalThread::take(int number, Signals::Handler handler, const Place& place, bool ends_runtime) {
    auto action = std::make_shared<const Action>(Action{std::move(handler), place, ends_runtime});
    wire::SignalRecord& record = g_signal_records.of(number);
    const std::lock_guard<std::mutex> hold(lock_);
    record.route.store(ends_runtime ? wire::SignalRoute::kShutdown : wire::SignalRoute::kCoroutine,
                       std::memory_order_relaxed);
    actions_[static_cast<std::size_t>(number)] = std::move(action);
    if (sigismember(&taken_, number) == 1) return;
    sigaddset(&taken_, number);
    // First the descriptor, then the handler, then the mask: wherever the signal arrives in between, it is taken.
    // The bare call: TSan takes signalfd() for the making of a new descriptor, which would race with the thread that reads it.
    constexpr std::size_t kKernelSetBytes = 8;
    syscall(SYS_signalfd4, signals_.get(), &taken_, kKernelSetBytes, 0);
    struct sigaction forwarded {};
    forwarded.sa_sigaction = &forward;
    forwarded.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(number, &forwarded, &before_[static_cast<std::size_t>(number)]);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    pthread_sigmask(SIG_BLOCK, &one, nullptr);
}

void SignalThread::loop() {
    pthread_setname_np(pthread_self(), "cprime-signals");
    g_forward_process.store(getpid(), std::memory_order_relaxed);
    g_forward_thread.store(static_cast<pid_t>(syscall(SYS_gettid)), std::memory_order_release);
    pollfd waits[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    while (true) {
        // Between signals it looks after workers that do not come back.
        if (poll(waits, 2, g_stalls.look()) < 0 && errno != EINTR) return;
        if ((waits[1].revents & POLLIN) != 0) return;
        signalfd_siginfo arrived;
        while (read(signals_.get(), &arrived, sizeof arrived) == static_cast<ssize_t>(sizeof arrived)) {
            deliver({static_cast<int>(arrived.ssi_signo), static_cast<pid_t>(arrived.ssi_pid),
                     arrived.ssi_uid, arrived.ssi_int});
        }
    }
}

void SignalThread::deliver(const SignalInfo& info) {
    const std::uint64_t arrival_ticks = coroscope::base::read_tsc();
    std::shared_ptr<const Action> action;
    {
        const std::lock_guard<std::mutex> hold(lock_);
        action = actions_[static_cast<std::size_t>(info.number)];
    }
    if (action == nullptr) return;
    if (action->ends_runtime) {
        if (ending_) {  // asked for the second time: the orderly way takes too long
            signal(info.number, SIG_DFL);
            sigset_t one;
            sigemptyset(&one);
            sigaddset(&one, info.number);
            ::raise(info.number);
            pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
        }
        ending_ = true;
    }
    const std::string name = coroscope::base::signal_name(info.number);
    SpawnRequest request;
    request.name = name;
    request.place = action->place;
    request.flags = kSpawnSignal;
    // Counted before anybody can act on it: who handles a signal, or ends by it, finds it delivered.
    wire::SignalRecord& record = g_signal_records.of(info.number);
    record.arrived.fetch_add(1, std::memory_order_relaxed);
    record.delivered.fetch_add(1, std::memory_order_relaxed);
    try {
        spawn_closure(request, [action, info] { action->handler(info); });
    } catch (const std::exception&) {
        record.delivered.fetch_sub(1, std::memory_order_relaxed);
        record.lost.fetch_add(1, std::memory_order_relaxed);
        std::fprintf(stderr, "cprime: %s is lost: there is no memory for a coroutine to handle it\n",
                     name.c_str());
        return;
    }
    if (emit::listening(wire::kCategorySignal)) {
        emit::probe::signal(emit::thread_writer(), 0, static_cast<std::uint32_t>(info.number),
                            request.coroutine, static_cast<std::uint64_t>(info.sender), arrival_ticks);
    }
}

}  // namespace cprime::detail

namespace cprime {

Signals& signals() {
    static Signals one;
    return one;
}

Signals& Signals::handle(int number, Handler handler, Place place) {
    detail::runtime("signals().handle");
    if (detail::g_signal_thread == nullptr) {
        std::fprintf(stderr, "cprime: %s cannot be handled: the runtime was started without a signal thread\n",
                     coroscope::base::signal_name(number).c_str());
        std::abort();
    }
    if (!detail::can_be_handled(number)) {
        std::fprintf(stderr,
                     "cprime: signal %d cannot be handled by a coroutine: it is a fault, cannot be caught, "
                     "or is no signal\n",
                     number);
        std::abort();
    }
    // Channel handles that it captured belong to no coroutine from now on, least of all to the one that registers it and may
    // then wait for what the handler sends: a copy made by a thread that is no worker is held outside.
    Handler unowned;
    std::thread([&] { unowned = handler; }).join();
    handler = nullptr;
    detail::g_signal_thread->handle(number, std::move(unowned), place);
    return *this;
}

unsigned long long Signals::delivered(int number) const {
    if (number <= 0 || number >= static_cast<int>(detail::kSignalsMax)) return 0;
    detail::runtime("signals().delivered");
    return detail::g_signal_records.of(number).delivered.load(std::memory_order_relaxed);
}

}  // namespace cprime
