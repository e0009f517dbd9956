// Signals: what is sent to a program, or raised in it, and what became of it; one record a kind.
//
//   index 1..64             the system's signal of that number
//   index kSignalsMax and on  the program's own signals (cprime/app_signal.h), in the order in which they were first handled or raised
//
//   arrived = delivered + coalesced + lost + those that wait for a slot; `arrived` grows first and is read last, so that a reader never sees
//   more become of signals than arrived
//
// What standard signals of one number do in the kernel while one is pending cannot be counted by anybody; `coalesced` counts what this runtime
// put together itself.
//
// Writers: the signal thread, threads that raise, workers at the first and last instruction of a handler (fetch_add, relaxed: counts with nothing
// behind them). Readers: viewers, each field by itself. `name` is stored last, with release [signal.named]; a record without one is not in use.
// Tested in tests/unit/runtime/signal_test.cpp and, rebuilt from events, in tests/unit/traces.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

// What is done about a signal. Values are fixed: files carry them.
enum class SignalRoute : std::uint8_t {
    kSystem = 0,     // the runtime has nothing to do with it: what the system does, or who else handles it
    kIgnored = 1,    // ignored, by the runtime's default or the program's wish
    kShutdown = 2,   // the runtime's default of SIGINT and SIGTERM: everybody is cancelled
    kCoroutine = 3,  // a coroutine runs the handler
    kDirect = 4,     // the handler is a plain function that runs where the signal arrives: there is no signal thread
    kFault = 5,      // a fault: named, then what the program's policy says
};
inline constexpr std::uint8_t kSignalRoutesCount = 6;

enum SignalFlag : std::uint8_t {
    kSignalForeign = 1U << 0,            // code that is not the runtime installed the handler that the system calls: `handler` names it
    kSignalNoAlternateStack = 1U << 1,   // installed without SA_ONSTACK: it would run on a coroutine's stack
};

// How a coroutine got out of a fault (FAULT events).
enum class FaultOutcome : std::uint8_t {
    kDied = 0,       // reported, and the process ended by it
    kAbandoned = 1,  // the coroutine ended as failed; its slot is quarantined
    kReplaced = 2,   // so did its worker thread: another one took its place
};

// What became of signals that have no coroutine (SIGNAL_DROPPED events).
enum class SignalFate : std::uint8_t { kCoalesced = 0, kLost = 1 };

struct alignas(64) SignalRecord {      // 128 bytes
    std::atomic<std::uint32_t> name;   // string + 1: "SIGUSR1", "SIGRTMIN+3", "NetworkDown"; 0 = the record is not in use
    std::atomic<SignalRoute> route;
    std::atomic<std::uint8_t> flags;   // SignalFlag
    std::atomic<std::uint8_t> pool;    // that its coroutines come from, by wish
    std::uint8_t reserved0;
    std::atomic<std::uint32_t> site;     // where the handler was registered, + 1; 0 = nowhere
    std::atomic<std::uint32_t> handler;  // string + 1, of kSignalForeign: "function in file"; 0 = unknown
    std::atomic<std::uint64_t> arrived;    // taken from the kernel, or raised
    std::atomic<std::uint64_t> delivered;  // became coroutines, or were handled on the spot; grows before anybody can act on it
    std::atomic<std::uint64_t> finished;   // of these, handlers that came to their end
    std::atomic<std::uint64_t> failed;     // of these, by an exception, a fault or a signal that nobody recovered
    std::atomic<std::uint64_t> coalesced;  // were put together with one that waited
    std::atomic<std::uint64_t> lost;       // nobody could handle them: said on stderr, too
    std::atomic<std::uint64_t> emergency;  // of delivered, on slots of the emergency pool
    std::atomic<std::uint64_t> latency_ticks;       // arrival to the first instruction of the handler: sum
    std::atomic<std::uint64_t> latency_ticks_most;  // and the longest
    std::uint64_t reserved[4];
};
static_assert(sizeof(SignalRecord) == 128);

}  // namespace coroscope::wire
