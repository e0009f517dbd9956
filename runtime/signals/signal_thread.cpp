// The signal thread's life: start, loop, batches, delivery, end. What is done about which signal: signal_actions.cpp.
#include "runtime/signals/signal_thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "cprime/runtime.h"
#include "cprime/spawn.h"
#include "instrumentation/base/signal_name.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/signal_probes.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/signals/direct_signals.h"
#include "runtime/signals/faults.h"
#include "runtime/signals/forwarder.h"
#include "runtime/signals/signal_records.h"
#include "runtime/signals/signal_run.h"
#include "runtime/signals/signals.h"
#include "runtime/signals/waiting_threads.h"
#include "runtime/watch/stall_watch.h"

namespace cprime::detail {

std::unique_ptr<SignalThread> g_signal_thread;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kSeqCst = std::memory_order_seq_cst;

bool is_real_time(std::uint32_t number) {
    return static_cast<int>(number) >= __SIGRTMIN;
}

void write_eventfd(int descriptor) {
    const std::uint64_t one = 1;
    while (write(descriptor, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

SignalInfo info_of(const signalfd_siginfo& arrived) {
    return {static_cast<int>(arrived.ssi_signo), static_cast<pid_t>(arrived.ssi_pid), arrived.ssi_uid,
            arrived.ssi_int};
}

// Ends the process by the signal, as if nobody had ever taken it.
void die_of(int number) {
    signal(number, SIG_DFL);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    ::raise(number);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
}

}  // namespace

// What runs on the coroutine's stack.
struct SignalThread::Handling {
    std::shared_ptr<const Action> action;
    SignalInfo info;
    SignalRun run;
    void operator()() {
        run_signal_handler(run, [this] { action->handler(info); });
    }
};

void (*SignalThread::handling_entry())(void*) {
    return closure_type<Handling, void>.entry;
}

bool start_signals(const RuntimeOptions& options) {
    if (!g_signal_records.start(*g_runtime->segment, g_runtime->workers_count)) return false;
    if (!options.signal_thread) {
        if (!options.signals.entries().empty())
            fatal(
                "RuntimeOptions::signals names handlers, and RuntimeOptions::signal_thread is false; leave "
                "one of them out",
                1);
        attach_direct_signals();
        return true;
    }
    refuse_bad_handlers(options.signals);
    g_signal_thread = SignalThread::start();
    if (g_signal_thread == nullptr) return false;
    for (const SignalHandlers::Entry& entry : options.signals.entries()) {
        if (entry.handler) {
            g_signal_thread->handle(entry.number, entry.handler, entry.complexity, entry.place);
        } else {
            g_signal_thread->ignore(entry.number, entry.place);
        }
    }
    return true;
}

void stop_signals() {
    if (g_signal_thread != nullptr) g_signal_thread->stop();
}

void end_signals() {
    detach_direct_signals();
    g_signal_thread.reset();
}

bool workers_let_broken_pipes_through() {
    return g_signal_thread != nullptr;
}

bool signals_are_handled() {
    return g_signal_thread != nullptr && g_signal_thread->handles_anything();
}

void signal_handler_has_begun() {
    g_signal_thread->handler_has_begun();
}

void signal_slot_is_back() {
    if (g_signal_thread != nullptr) g_signal_thread->slot_is_back();
}

std::unique_ptr<SignalThread> SignalThread::start() {
    std::unique_ptr<SignalThread> made(new SignalThread);
    forget_blocked_signals();
    for (sigset_t* set : {&made->taken_, &made->ours_, &made->to_release_})
        sigemptyset(set);
    made->wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    made->signals_.reset(signalfd(-1, &made->taken_, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!made->wake_ || !made->signals_) return nullptr;
    // The new thread inherits a mask that blocks everything but faults, which are somebody's; ours comes back afterwards.
    sigset_t all;
    sigfillset(&all);
    for (const int fault : kFaultNumbers)
        sigdelset(&all, fault);
    pthread_sigmask(SIG_SETMASK, &all, &made->mask_before_);
    try {
        made->thread_ = std::thread(&SignalThread::loop, made.get());
    } catch (const std::system_error&) {
        pthread_sigmask(SIG_SETMASK, &made->mask_before_, nullptr);
        return nullptr;
    }
    pthread_sigmask(SIG_SETMASK, &made->mask_before_, nullptr);
    while (forwards_to() == 0)
        std::this_thread::yield();
    made->take_defaults();
    return made;
}

SignalThread::~SignalThread() {
    stop();
    restore(SIGPIPE);
}

void SignalThread::stop() {
    if (!thread_.joinable())
        return;  // it never came to life, and nothing was changed; or it has been stopped
    stopping_.store(true, kRelaxed);
    wake();
    thread_.join();
    if (shutdown_.joinable()) shutdown_.join();
    struct sigaction broken_pipes {};
    sigaction(SIGPIPE, nullptr, &broken_pipes);
    // Coroutines that are still to end write, too.
    if (broken_pipes.sa_sigaction == &forward) ignore_broken_pipes();
    forward_to(0, -1);
    const std::lock_guard<std::mutex> hold(lock_);
    for (int number = 1; number < static_cast<int>(wire::kSignalsMax); ++number) {
        if (number != SIGPIPE) restore(number);
    }
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void SignalThread::wake() {
    write_eventfd(wake_.get());
}

void SignalThread::handler_has_begun() {
    const std::uint64_t begun = begun_.fetch_add(1, kSeqCst) + 1;
    // Half of them, so that it is not woken for each.
    if (wanted_.load(kSeqCst) != Wanted::kTurn || made_.load(kRelaxed) - begun > kAheadMost / 2) return;
    Wanted expected = Wanted::kTurn;
    if (wanted_.compare_exchange_strong(expected, Wanted::kNothing, kSeqCst)) wake();  // [signal.wanted]
}

void SignalThread::slot_is_back() {
    if (wanted_.load(kRelaxed) != Wanted::kSlot) return;
    Wanted expected = Wanted::kSlot;
    if (wanted_.compare_exchange_strong(expected, Wanted::kNothing, kSeqCst)) wake();  // [signal.wanted]
}

void SignalThread::loop() {
    pthread_setname_np(pthread_self(), "cprime-signals");
    forward_to(static_cast<pid_t>(syscall(SYS_gettid)), wake_.get());
    pollfd waits[] = {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    while (!stopping_.load(kRelaxed)) {
        if (poll(waits, 2, timeout_ms()) < 0) {
            if (errno != EINTR) return;  // a debugger stops system calls like that
            continue;
        }
        if ((waits[1].revents & POLLIN) != 0) obey();
        if ((waits[0].revents & POLLIN) != 0) {
            if (first_ == count_) {
                read_batch();
            } else {
                take_ends_only();
            }
        }
        deliver_batch();
    }
    for (; first_ < count_; ++first_)
        lose(static_cast<int>(batch_[first_].ssi_signo), 1,
             "the runtime ended before a stack for its handler came back");
}

// Between signals it looks after workers that do not come back, and after handlers of others.
int SignalThread::timeout_ms() {
    const auto sooner = [](int a, int b) { return a < 0 || (b >= 0 && b < a) ? b : a; };
    const int backlog = first_ < count_ ? kAskAgainMs : -1;
    return sooner(sooner(g_stalls.look(), foreign_.look()), backlog);
}

// What others ask of the thread.
void SignalThread::obey() {
    std::uint64_t times = 0;
    if (read(wake_.get(), &times, sizeof times) < 0) return;
    count_lost();
    const std::lock_guard<std::mutex> hold(lock_);
    if (orders_ == obeyed_) return;
    pthread_sigmask(SIG_UNBLOCK, &to_release_, nullptr);
    sigemptyset(&to_release_);
    obeyed_ = orders_;
    released_.notify_all();
}

void SignalThread::read_batch() {
    const ssize_t bytes = read(signals_.get(), batch_.data(), sizeof batch_);
    arrival_ticks_ = coroscope::base::read_tsc();
    first_ = count_ = 0;
    if (bytes <= 0) return;
    const std::size_t read_count = static_cast<std::size_t>(bytes) / sizeof(signalfd_siginfo);
    for (std::size_t i = 0; i < read_count; ++i) {
        if (count_arrival(batch_[i])) batch_[count_++] = batch_[i];
    }
}

// False: it was counted, and put together with the one before, when that was taken.
bool SignalThread::count_arrival(const signalfd_siginfo& arrived) {
    const int number = static_cast<int>(arrived.ssi_signo);
    if (arrived.ssi_signo == 0 || arrived.ssi_signo >= wire::kSignalsMax) return false;
    wire::SignalRecord& record = g_signal_records.of(number);
    std::uint32_t sent_on = 1;
    if (!is_real_time(arrived.ssi_signo) && arrived.ssi_code == kForwardedCode) {
        sent_on = take_forwarded(number);
        if (sent_on == 0) return false;
    }
    record.arrived.fetch_add(sent_on, kRelaxed);
    if (sent_on > 1) {
        record.coalesced.fetch_add(sent_on - 1, kRelaxed);
        if (emit::listening(wire::kCategorySignal))
            emit::probe::signal_dropped(emit::thread_writer(), 0, arrived.ssi_signo,
                                        wire::SignalFate::kCoalesced, sent_on - 1, arrival_ticks_);
    }
    return true;
}

// A backlog begins: of a standard signal one waits, as in the kernel.
void SignalThread::coalesce_batch() {
    std::array<bool, wire::kSignalsMax> waits{};
    std::size_t kept = first_;
    for (std::size_t i = first_; i < count_; ++i) {
        const std::uint32_t number = batch_[i].ssi_signo;
        if (!is_real_time(number) && std::exchange(waits[number], true)) {
            g_signal_records.of(static_cast<int>(number)).coalesced.fetch_add(1, kRelaxed);
            if (emit::listening(wire::kCategorySignal))
                emit::probe::signal_dropped(emit::thread_writer(), 0, number, wire::SignalFate::kCoalesced, 1,
                                            arrival_ticks_);
        } else {
            batch_[kept++] = batch_[i];
        }
    }
    count_ = kept;
}

void SignalThread::deliver_batch() {
    while (first_ < count_) {
        Delivery delivery = deliver(batch_[first_]);
        if (delivery != Delivery::kDone) {
            coalesce_batch();
            wanted_.store(delivery == Delivery::kNoSlot ? Wanted::kSlot : Wanted::kTurn,
                          kSeqCst);              // [signal.wanted]
            delivery = deliver(batch_[first_]);  // what came back before that could be seen
        }
        if (delivery != Delivery::kDone) break;
        ++first_;
    }
    const bool backlog = first_ < count_;
    if (backlog == narrow_) return;
    if (!backlog) wanted_.store(Wanted::kNothing, kSeqCst);
    const std::lock_guard<std::mutex> hold(lock_);
    narrow_ = backlog;
    set_descriptor();
}

SignalThread::Delivery SignalThread::deliver(const signalfd_siginfo& arrived) {
    const SignalInfo info = info_of(arrived);
    std::shared_ptr<const Action> action;
    {
        const std::lock_guard<std::mutex> hold(lock_);
        action = actions_[static_cast<std::size_t>(info.number)];
    }
    if (action->route == Route::kIgnored) {
        handled_on_the_spot(*action, info);
        return Delivery::kDone;
    }
    if (action->route == Route::kShutdown) {
        if (ending_) die_of(info.number);  // asked for the second time: the orderly way takes too long
        ending_ = true;
    }
    const Delivery delivery = make_coroutine(action, info);
    if (delivery != Delivery::kDone && action->route == Route::kShutdown) {  // it may be what gives slots back
        end_runtime(*action, info);
        return Delivery::kDone;
    }
    return delivery;
}

SignalThread::Delivery SignalThread::make_coroutine(const std::shared_ptr<const Action>& action,
                                                    const SignalInfo& info) {
    if (made_.load(kRelaxed) - begun_.load(kSeqCst) >= kAheadMost) return Delivery::kTooManyAhead;
    SpawnRequest request;
    request.name = action->name;
    request.place = action->place;
    request.flags = kSpawnSignal;
    if (action->complexity == SignalComplexity::micro && action->place.unoptimised == 0)
        request.flags |= kSpawnSmallSignal;
    request.type = &closure_type<Handling, void>;
    park<&spawn_begin>(&request);
    if (request.coroutine == kNoCoroutine) return Delivery::kNoSlot;
    action->record->delivered.fetch_add(1, kRelaxed);
    made_.store(made_.load(kRelaxed) + 1, kRelaxed);
    {
        SpawnGuard guard{request};
        const auto index = static_cast<std::uint32_t>(info.number);
        ::new (request.closure)
            Closure<Handling, void>{Handling{action, info, {action->record, index, arrival_ticks_}}};
        guard.constructed = true;
    }
    if (emit::listening(wire::kCategorySignal)) {
        emit::probe::signal(emit::thread_writer(), 0, static_cast<std::uint32_t>(info.number),
                            request.coroutine, static_cast<std::uint64_t>(info.sender), arrival_ticks_);
    }
    return Delivery::kDone;
}

void SignalThread::handled_on_the_spot(const Action& action, const SignalInfo& info) {
    if (emit::listening(wire::kCategorySignal)) {
        const auto index = static_cast<std::uint32_t>(info.number);
        emit::probe::signal(emit::thread_writer(), 0, index, wire::kNone,
                            static_cast<std::uint64_t>(info.sender), arrival_ticks_);
        emit::probe::signal_handled(emit::thread_writer(), 0, index, wire::ExitStatus::kFinished, 0, 0);
    }
    action.record->delivered.fetch_add(1, kRelaxed);
    action.record->finished.fetch_add(1, kRelaxed);
}

// By a thread of its own: the steps of a shutdown may wait for handlers that wait for this one.
void SignalThread::end_runtime(const Action& action, const SignalInfo& info) {
    handled_on_the_spot(action, info);
    try {
        shutdown_ = std::thread([] { cprime::shutdown(); });
    } catch (const std::system_error&) {
        cprime::shutdown();
    }
}

// Amid a backlog: SIGINT or SIGTERM.
void SignalThread::take_ends_only() {
    signalfd_siginfo arrived;
    if (read(signals_.get(), &arrived, sizeof arrived) != static_cast<ssize_t>(sizeof arrived) ||
        !count_arrival(arrived))
        return;
    const std::uint64_t of_batch = std::exchange(arrival_ticks_, coroscope::base::read_tsc());
    if (deliver(arrived) != Delivery::kDone)
        lose(static_cast<int>(arrived.ssi_signo), 1, "it got a handler while other signals waited for stacks");
    arrival_ticks_ = of_batch;
}

// What the forwarder could not send on.
void SignalThread::count_lost() {
    for (int number = 1; number < static_cast<int>(wire::kSignalsMax); ++number) {
        if (const std::uint32_t lost = take_lost(number); lost != 0) {
            g_signal_records.of(number).arrived.fetch_add(lost, kRelaxed);
            lose(number, lost,
                 "it came to a thread that does not block it, and the kernel queues no more for the signal "
                 "thread (ulimit -i)");
        }
    }
}

void SignalThread::lose(int number, std::uint64_t count, const char* why) {
    wire::SignalRecord& record = g_signal_records.of(number);
    if (record.lost.fetch_add(count, kRelaxed) == 0) {  // the rest is counted
        std::fprintf(stderr, "cprime: %s is lost: %s\n", coroscope::base::signal_name(number).c_str(), why);
    }
    if (emit::listening(wire::kCategorySignal))
        emit::probe::signal_dropped(emit::thread_writer(), 0, static_cast<std::uint32_t>(number),
                                    wire::SignalFate::kLost, count, coroscope::base::read_tsc());
}

}  // namespace cprime::detail
