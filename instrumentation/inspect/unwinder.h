// Unwinding copied stacks from the registers saved at a park, without stopping or attaching to the target: by
// cached rows of call frame information, and with libunwind where a row cannot say it.
//
// One Unwinder serves one set of modules (a live process or the list kept in a trace) and caches their unwind
// tables. Thread: one at a time. Blocks: reads ELF files on first use of a module.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/target.h"

namespace coroscope::inspect {

struct UnwindStart;  // cfi_rows.h

class Unwinder {
public:
    // `target` may be null (then only modules' files and the copy are read).
    Unwinder(std::vector<Module> modules, const Target* target, std::uint64_t trampoline_address);
    ~Unwinder();

    // Program counters of a parked stack, innermost first; the first is the address at which it continues.
    // pc-1 is what to look up.
    UnwindEnd unwind(const Target::StackCopy& copy, std::vector<std::uint64_t>& pcs);
    // The same from the registers of a thread that stopped where it ran (`start.exact`). `exact_pcs` (may be null): see CfiRows::walk.
    UnwindEnd unwind(const CopiedStack& stack, const UnwindStart& start, std::vector<std::uint64_t>& pcs,
                     std::vector<std::uint64_t>* exact_pcs = nullptr);

    // Where each level of a parked stack lies and which words hold saved registers (CfiRows::layout); `saved` is what lies at `rsp`.
    UnwindEnd layout(const CopiedStack& stack, std::uint64_t rsp, const wire::SavedFrame& saved,
                     std::vector<FrameLayout>& frames);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Unwinds every parked coroutine; reuses entries of `previous` whose identity and sequence have not changed.
// `progress` (may be null) is set to 0..1000; `cancel` (may be null) is polled.
StackSnapshot snapshot_stacks(Target& target, Unwinder& unwinder, const StateImage& state, StackTable& table,
                              const StackSnapshot* previous, std::atomic<int>* progress,
                              const std::atomic<bool>* cancel);

// The same, and brings each coroutine of `state` that has moved since it was read up to date, so that its
// record and its stack are of one moment. Who ended meanwhile is labelled torn.
StackSnapshot snapshot_stacks_and_follow(Target& target, Unwinder& unwinder, StateImage& state,
                                         StackTable& table, const StackSnapshot* previous,
                                         std::atomic<int>* progress, const std::atomic<bool>* cancel);

}  // namespace coroscope::inspect
