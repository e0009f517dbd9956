// SignalThread: waits for signals and makes a coroutine of each.
//
//   process ──signal──▶ blocked in every thread of the runtime ──▶ signalfd ──▶ signal thread ──spawn──▶ front of the ready queue
//                └────▶ a thread that does not block it (made before the runtime, or its own will): forward()
//                       sends it on to the signal thread and blocks it there from then on
//
// A signalfd rather than sigwaitinfo(): the set may grow while the thread waits, and it is stopped without a signal of its own.
//
// Invariants
//   G1  SignalRecord::delivered of n counts the coroutines made of n; it grows before the spawn, so that whoever handles
//       one finds it counted.
//   G2  The signal thread takes no lock that a worker holds while it runs user code.
//   G3  The forwarder is the only signal handler: async-signal-safe, SA_ONSTACK, it touches neither ring nor scheduler.
//
// Thread: start and stop by the Runtime's own; handle by any. Tested in tests/unit/runtime/signal_test.cpp.
#pragma once

#include <signal.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "cprime/signal.h"
#include "instrumentation/base/file_descriptor.h"
#include "instrumentation/wire/limits.h"

namespace cprime::detail {

class SignalThread {
public:
    // Null when there is no descriptor or thread to be had.
    static std::unique_ptr<SignalThread> start();
    ~SignalThread();
    SignalThread(const SignalThread&) = delete;
    SignalThread& operator=(const SignalThread&) = delete;

    void handle(int number, Signals::Handler handler, const Place& place);

private:
    // What is done about one signal. Shared with the coroutines that do it: it may be replaced meanwhile.
    struct Action {
        Signals::Handler handler;
        Place place;
        bool ends_runtime = false;  // the default of SIGINT and SIGTERM
    };

    SignalThread() = default;
    void take(int number, Signals::Handler handler, const Place& place, bool ends_runtime);
    void loop();
    void deliver(const SignalInfo& info);

    coroscope::base::FileDescriptor signals_;
    coroscope::base::FileDescriptor stop_;
    sigset_t mask_before_{};  // of the thread that started us
    std::mutex lock_;         // guards taken_, actions_, before_
    sigset_t taken_{};
    std::array<std::shared_ptr<const Action>, coroscope::wire::kSignalsMax> actions_;
    std::array<struct sigaction, coroscope::wire::kSignalsMax> before_{};
    struct sigaction pipe_before_ {};
    bool ending_ = false;  // the signal thread's own: a shutdown was asked for by signal
    std::thread thread_;
};

}  // namespace cprime::detail
