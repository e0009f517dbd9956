// SignalThread: waits for signals and makes a coroutine of each.
//
//   process ──signal──▶ blocked in every thread of the runtime ──▶ signalfd ──▶ batch of 64 ──▶ signal thread ──spawn──▶ front of the ready queue
//                └────▶ a thread that does not block it: forward() (forwarder.h) sends it on to the signal thread
//
// A signalfd rather than sigwaitinfo(): the set may grow while the thread waits, many signals come with one call, and it is stopped, and told of
// slots, by a second descriptor.
//
// Backlog: when a handler gets no slot, or kAheadMost handlers have not had their turn, what has been read waits in the batch and nothing more is
// read, but for SIGINT and SIGTERM where they end the runtime; the kernel keeps the rest. So memory is bounded, and order is kept. Who gives a slot
// back, or has its turn, wakes the thread [signal.wanted].
//
// Invariants
//   G1  Of each SignalRecord: arrived = delivered + coalesced + lost + those of the batch. `delivered` grows before the coroutine can run, so that
//       whoever handles one finds it counted.
//   G2  The signal thread takes no lock that a worker holds while it runs user code. One exception: when a foreign handler is found, it is named
//       under the dynamic linker's lock (foreign_handlers.h).
//   G3  The forwarder is the only signal handler of this folder while there is a signal thread.
//
// Thread: start and stop by the Runtime's own; handle, ignore, reset, count by any. Tested in tests/unit/runtime/signal_test.cpp and
// signal_storm_test.cpp; measured by `bench signal`.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cprime/signal.h"
#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/signal.h"
#include "runtime/signals/foreign_handlers.h"

namespace cprime::detail {

class SignalThread {
public:
    // Null when there is no descriptor or thread to be had.
    static std::unique_ptr<SignalThread> start();
    ~SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;
    void stop();

    void handle(int number, Signals::Handler handler, SignalComplexity complexity, const Place& place);
    void ignore(int number, const Place& place);
    void reset(int number);

    // Whether the program has said anything about any signal. Any thread; a hint.
    bool handles_anything() const { return anything_handled_.load(std::memory_order_relaxed); }

    // Workers.
    void handler_has_begun();
    void slot_is_back();

private:
    using Route = coroscope::wire::SignalRoute;
    static constexpr std::size_t kBatch = 64;
    static constexpr std::uint64_t kAheadMost = 1024;  // handlers that were made and have not begun
    static constexpr int kAskAgainMs = 50;  // where memory was refused, nobody tells when there is some again

    // What is done about one signal. Shared with the coroutines that do it: it may be replaced meanwhile.
    struct Action {
        Signals::Handler handler;
        SignalComplexity complexity;
        Place place;
        std::string name;
        coroscope::wire::SignalRecord* record;
        Route route;
    };
    struct Handling;                         // the coroutine's function
    static void (*handling_entry())(void*);  // where such coroutines begin

    enum class Wanted : std::uint32_t { kNothing, kSlot, kTurn };
    enum class Delivery : std::uint8_t { kDone, kNoSlot, kTooManyAhead };

    SignalThread() = default;
    void take(int number, Signals::Handler handler, SignalComplexity complexity, const Place& place,
              Route route);
    void take_defaults();
    bool take_default(int number);
    void ignore_broken_pipes();
    void restore(int number);
    void install(int number);
    void let_go(int number);
    void set_descriptor();
    void wake();
    void obey();
    void loop();
    int timeout_ms();
    void read_batch();
    bool count_arrival(const signalfd_siginfo& arrived);
    void coalesce_batch();
    void deliver_batch();
    Delivery deliver(const signalfd_siginfo& arrived);
    Delivery make_coroutine(const std::shared_ptr<const Action>& action, const SignalInfo& info);
    void handled_on_the_spot(const Action& action, const SignalInfo& info);
    void end_runtime(const Action& action, const SignalInfo& info);
    void take_ends_only();
    void count_lost();
    void lose(int number, std::uint64_t count, const char* why);

    coroscope::base::FileDescriptor signals_;
    coroscope::base::FileDescriptor wake_;
    sigset_t mask_before_{};  // of the thread that started us
    std::mutex lock_;         // guards what follows, to released_
    sigset_t taken_{};        // what the descriptor waits for, when there is no backlog
    sigset_t ours_{};         // whose handling the runtime has changed: before_ says what it was
    std::array<std::shared_ptr<const Action>, coroscope::wire::kSignalsMax> actions_;
    std::array<struct sigaction, coroscope::wire::kSignalsMax> before_{};
    bool narrow_ = false;    // there is a backlog: the descriptor waits for what ends the runtime only
    sigset_t to_release_{};  // the thread is to let these through to itself; forward() blocks them there again
    std::uint64_t orders_ = 0, obeyed_ = 0;
    std::condition_variable released_;

    // The thread's own.
    std::array<signalfd_siginfo, kBatch> batch_{};
    std::size_t first_ = 0, count_ = 0;
    std::uint64_t arrival_ticks_ = 0;  // of the batch
    bool ending_ = false;              // a shutdown was asked for by signal
    std::thread shutdown_;             // ... amid a backlog
    ForeignHandlers foreign_;

    // [signal.wanted] What the thread waits for. Writers: the thread, before it looks once more and sleeps; workers, who take it when they wake the
    // thread. seq_cst for kTurn: either the worker sees it or the thread sees begun_; slots are seen under the gates' lock.
    std::atomic<Wanted> wanted_{Wanted::kNothing};
    std::atomic<std::uint64_t> made_{0};         // coroutines; writer: the thread
    std::atomic<std::uint64_t> begun_{0};        // of these; writers: workers
    std::atomic<bool> stopping_{false};          // writer: stop(), then wake(); reader: the thread
    std::atomic<bool> anything_handled_{false};  // writers: handle(); readers: a hint, relaxed
    std::thread thread_;
};

// Null: no Runtime, or one without a signal thread. Writer: start and end of the runtime.
extern std::unique_ptr<SignalThread> g_signal_thread;

// Null when a coroutine can handle it; else why not.
const char* why_not_handled(int number);
// One sentence and the end of the process, where a program's handlers cannot be had or are said twice.
void refuse_bad_handlers(const SignalHandlers& handlers);

}  // namespace cprime::detail
