// Probes of signals, faults and what a program raises: as probes.h, a file of their own.
//
// Thread: any, never from a signal handler: who leaves a fault tells it from the worker's own stack. Tested in tests/unit/emit/probes_test.cpp.
#pragma once

#include "instrumentation/emit/probes.h"
#include "instrumentation/wire/signal.h"

namespace coroscope::emit::probe {

// `sender`: the pid of who sent it, or the identity of the coroutine that raised it.
inline void signal(RingWriter* writer, std::uint64_t stamp, std::uint32_t signal, std::uint32_t coroutine,
                   std::uint64_t sender, std::uint64_t arrival_ticks) {
    if (!listening(wire::kCategorySignal)) return;
    write_event(writer, stamp, EventType::kSignal, make_word1(signal, coroutine), sender, arrival_ticks);
}
inline void signal_dropped(RingWriter* writer, std::uint64_t stamp, std::uint32_t signal,
                           wire::SignalFate fate, std::uint64_t count, std::uint64_t arrival_ticks) {
    if (!listening(wire::kCategorySignal)) return;
    write_event(writer, stamp, EventType::kSignalDropped,
                make_word1(signal, static_cast<std::uint32_t>(fate)), count, arrival_ticks);
}
// By the handler's own worker, after its last instruction.
inline void signal_handled(RingWriter* writer, std::uint64_t stamp, std::uint32_t signal,
                           wire::ExitStatus status, std::uint64_t to_first_ticks, std::uint64_t to_end_ticks) {
    if (!listening(wire::kCategorySignal)) return;
    write_event(writer, stamp, EventType::kSignalHandled,
                make_word1(signal, static_cast<std::uint32_t>(status)), to_first_ticks, to_end_ticks);
}
inline void fault(RingWriter* writer, std::uint64_t stamp, std::uint32_t signal, wire::FaultOutcome outcome,
                  std::uint32_t si_code, std::uint64_t address, std::uint64_t instruction) {
    if (!listening(wire::kCategorySignal)) return;
    write_event(writer, stamp, EventType::kFault,
                make_word1(signal, static_cast<std::uint32_t>(outcome) | si_code << 8), address, instruction);
}
// `scopes`: how many it passes until it is recovered, kNone = nobody does.
inline void raise(RingWriter* writer, std::uint64_t stamp, std::uint32_t signal, std::uint32_t scopes,
                  std::uint64_t caller, std::uint32_t site) {
    if (!listening(wire::kCategorySignal)) return;
    write_event(writer, stamp, EventType::kRaise, make_word1(signal, scopes), caller, site);
}
inline void recover(RingWriter* writer, std::uint64_t stamp, std::uint32_t signal, bool raised_another,
                    std::uint64_t since_raise_ticks) {
    if (!listening(wire::kCategorySignal)) return;
    write_event(writer, stamp, EventType::kRecover, make_word1(signal, raised_another ? 1 : 0), 0, since_raise_ticks);
}

}  // namespace coroscope::emit::probe
