// AppSignals: the program's own signals by type: their records, their handlers, and the coroutines that run these.
//
//   notify(s) ─────────────────────────────┐
//   raise(s), no scope, nobody joins ──────┴──▶ hand_over() ──spawn──▶ coroutine of the signal pools: handler(s), then whatever waits
//                                                   └─ no stack for it ──▶ waiting_, until a handler ends; lost where none runs
//
// A spawn here is made as by a thread that is no worker, whoever calls: a runtime call may not make another one, and the signal pools, like the
// emergency slots behind them, never let a spawn wait.
//
// Invariants
//   A1  Every signal that arrives is counted as arrived once, before anything else of it, and once as delivered, coalesced or lost, or waits.
//   A2  A signal is in waiting_ only while running_ > 0: who ends a handler takes from waiting_ under the lock under which running_ falls, so none
//       is left.
//   A3  No user code runs under lock_: handlers are copied out as shared pointers, and destroyed by whoever has the last one.
//
// Thread: any; lock_ is held for a look-up. Tested in tests/unit/runtime/app_signal_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>

#include "cprime/app_signal.h"
#include "runtime/scheduler/worker.h"
#include "runtime/signals/signal_records.h"

namespace cprime::detail {

class AppSignals {
public:
    // What is done about one type. Constant; shared with the coroutines that do it, since it may be replaced meanwhile.
    struct Action {
        HeldHandler handler;
        Place place;
    };
    static constexpr std::size_t kWaitingMax = 65'536;

    // Index of the type's record, made when it is new; kNone when there is no room for more kinds.
    std::uint32_t record_of(const std::type_info& type);
    // `type`: null = of those that nobody else handles.
    void handle(const std::type_info* type, std::shared_ptr<const Action> action);
    // One that is put together with another of its type, which is being answered.
    void coalesce(const std::type_info& type);
    // Whether a look-up goes on, perhaps by the caller itself: an allocation in its midst may not ask for another one.
    bool busy_here();

    // Makes it a coroutine of its handler. False: it has none, or there was neither a stack nor somebody to wait for, and it is lost; said, unless
    // `quiet`. On a worker's own stack, or a thread.
    bool hand_over(const std::shared_ptr<HeldSignal>& signal, bool quiet = false);
    // Counts its arrival, and notes when that was. Throws std::bad_alloc where its type is new.
    void arrive(HeldSignal& signal);
    // Both.
    bool notify(const std::shared_ptr<HeldSignal>& signal);

    // The running coroutine has run handlers (kPrivateAnswers) until it faulted, and is on a fresh stack now: goes on with what waits; or, where
    // nothing of the program's may run in it any more, leaves that to others, or hands it over anew where none is.
    void go_on_after_fault();
    void give_up_after_fault();

    // Before the segment goes, when nobody runs any more. Handlers are destroyed by the caller.
    void stop();

private:
    struct Kind {
        std::uint32_t record = wire::kNone;
        std::string_view name;
        std::shared_ptr<const Action> action;
    };
    struct Job {  // a signal and what to do about it
        std::shared_ptr<HeldSignal> signal;
        std::string_view name;
        std::shared_ptr<const Action> action;
    };
    Kind& kind_of(const std::type_info& type);  // under lock_
    static bool spawn(const Job& job);
    void run(Job job);  // in its coroutine, on that one's stack
    static bool run_one(const Job& job, std::exception_ptr& failure);
    bool next(Job& job);  // what waits, delivered from now on; false, and one fewer runs, when nothing does. `job` is empty
    static void lose(const Job& job, const char* why);

    std::mutex lock_;  // guards what follows
    std::unordered_map<std::type_index, Kind> kinds_;
    std::shared_ptr<const Action> of_unhandled_;
    std::deque<Job> waiting_;
    std::int64_t running_ = 0;  // coroutines that run handlers, from after their spawn: never more than there are
};

extern AppSignals g_app_signals;

// Which Runtime it is whose records are counted in. Writer: the end of each; relaxed, since nobody of that one is left then.
extern std::atomic<std::uint32_t> g_signals_epoch;

// The name of a type, without the compiler's marks, kept for ever.
std::string_view name_of_type(const std::type_info& type);

// Whether it has a record, of this Runtime.
bool has_record(const HeldSignal& signal);
// A count of that, where it has one.
using SignalCount = std::atomic<std::uint64_t> wire::SignalRecord::*;
void count_signal(const HeldSignal& signal, SignalCount which, std::uint64_t times = 1);

// An exception escaped a coroutine and nobody will join it: if it is a signal that somebody handles, it becomes an application signal.
bool hand_over_escaped(const RaisedSignal& escaped);

// The runtime's end: after the last coroutine.
void stop_app_signals();

}  // namespace cprime::detail
