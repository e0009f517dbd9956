// A parked stack to program counters: rows first, libunwind where a row cannot express what the compiler
// wrote; and snapshots of all parked stacks of a target, in which what has not moved since the last one is
// not looked at again.
#include "instrumentation/inspect/unwinder.h"

#include <algorithm>
#include <cstring>

#include "instrumentation/base/tsc.h"
#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/libunwind_walker.h"

namespace coroscope::inspect {

struct Unwinder::Impl {
    Impl(std::vector<Module> modules, const Target* memory, std::uint64_t trampoline)
        : module_set(std::move(modules)),
          dwfl(module_set),
          rows(dwfl),
          libunwind(module_set, memory),
          trampoline_address(trampoline) {}

    ModuleSet module_set;
    DwflModules dwfl;
    CfiRows rows;
    LibunwindWalker libunwind;
    std::uint64_t trampoline_address;
};

Unwinder::Unwinder(std::vector<Module> modules, const Target* target, std::uint64_t trampoline_address)
    : impl_(std::make_unique<Impl>(std::move(modules), target, trampoline_address)) {}

Unwinder::~Unwinder() = default;

UnwindEnd Unwinder::unwind(const Target::StackCopy& copy, std::vector<std::uint64_t>& pcs) {
    pcs.clear();
    if (copy.consistency != Consistency::kExact || copy.size < sizeof(wire::SavedFrame))
        return UnwindEnd::kNotUnwound;
    wire::SavedFrame saved;
    std::memcpy(&saved, copy.bytes, sizeof saved);
    if (saved.return_address ==
        impl_->trampoline_address) {  // it never ran: there is nothing below the trampoline
        pcs.push_back(saved.return_address);
        return UnwindEnd::kEntry;
    }
    const CopiedStack stack({copy.rsp, copy.bytes, copy.size}, copy.older, copy.older_count);
    UnwindStart start;
    start.pc = saved.return_address;
    start.registers[kRbx] = saved.rbx;
    start.registers[kRbp] = saved.rbp;
    start.registers[kR12] = saved.r12;
    start.registers[kR13] = saved.r13;
    start.registers[kR14] = saved.r14;
    start.registers[kR15] = saved.r15;
    start.registers[kRsp] = copy.rsp + sizeof saved;
    return unwind(stack, start, pcs);
}

UnwindEnd Unwinder::unwind(const CopiedStack& stack, const UnwindStart& start,
                           std::vector<std::uint64_t>& pcs, std::vector<std::uint64_t>* exact_pcs) {
    pcs.clear();
    UnwindStart at = start;
    for (;;) {
        if (const auto end = impl_->rows.walk(stack, at, pcs, exact_pcs)) return *end;
        if (const auto end = impl_->libunwind.step(stack, at)) return *end;
    }
}

UnwindEnd Unwinder::layout(const CopiedStack& stack, std::uint64_t rsp, const wire::SavedFrame& saved,
                           std::vector<FrameLayout>& frames) {
    frames.clear();
    UnwindStart start;
    start.pc = saved.return_address;
    start.registers[kRbx] = saved.rbx;
    start.registers[kRbp] = saved.rbp;
    start.registers[kR12] = saved.r12;
    start.registers[kR13] = saved.r13;
    start.registers[kR14] = saved.r14;
    start.registers[kR15] = saved.r15;
    start.registers[kRsp] = rsp + sizeof saved;
    if (saved.return_address != impl_->trampoline_address) return impl_->rows.layout(stack, start, frames);
    frames.push_back({.pc = saved.return_address});  // it never ran
    return UnwindEnd::kEntry;
}

namespace {

// Positions of the coroutines of an image by ascending identity, which is how snapshots are ordered.
std::vector<std::uint32_t> by_identity(const StateImage& state) {
    std::vector<std::uint32_t> order(state.coroutines.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = static_cast<std::uint32_t>(i);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return state.coroutines[a].identity < state.coroutines[b].identity;
    });
    return order;
}

// The entry of the snapshot before that still holds: the same coroutine, at the same change count, read
// cleanly.
class Reuse {
public:
    explicit Reuse(const StackSnapshot* previous) : previous_(previous) {}
    // To be asked in ascending order of identity.
    const StackRef* find(const CoroutineImage& coroutine) {
        if (previous_ == nullptr) return nullptr;
        const std::vector<StackRef>& stacks = previous_->stacks;
        while (next_ < stacks.size() && stacks[next_].identity < coroutine.identity)
            ++next_;
        if (next_ == stacks.size()) return nullptr;
        const StackRef& ref = stacks[next_];
        // One that found no rule is tried again: the module may have been loaded since the list was made.
        const bool holds = ref.identity == coroutine.identity && ref.sequence == coroutine.sequence &&
                           ref.consistency == Consistency::kExact && ref.end != UnwindEnd::kNoRule &&
                           coroutine.consistency == Consistency::kExact;
        return holds ? &ref : nullptr;
    }

private:
    const StackSnapshot* previous_;
    std::size_t next_ = 0;
};

// Brings a record up to date when its stack was copied at another change count than it was read at, or not
// copied at all.
void follow(const Target& target, const Target::StackCopy& copy, CoroutineImage& coroutine) {
    if (copy.consistency == Consistency::kExact) {
        if (copy.record != copy.coroutine) coroutine = *copy.record;
        return;
    }
    if (!target.follow(coroutine)) coroutine.consistency = Consistency::kTorn;  // it has ended
}

// `followed` is `state` when records are to be brought up to date, else null.
StackSnapshot take_snapshot(Target& target, Unwinder& unwinder, const StateImage& state, StateImage* followed,
                            StackTable& table, const StackSnapshot* previous, std::atomic<int>* progress,
                            const std::atomic<bool>* cancel) {
    constexpr std::size_t kPiece = 4096;  // coroutines between two looks at `cancel`
    StackSnapshot snapshot;
    snapshot.taken_ticks = base::read_tsc();
    snapshot.stacks.resize(state.coroutines.size());
    std::vector<std::uint32_t> wanted;                             // indices of records to copy
    std::vector<std::uint32_t> position(state.coroutines.size());  // in the snapshot, by position in the image
    Reuse reuse(previous);
    std::uint32_t at = 0;
    for (const std::uint32_t i : by_identity(state)) {
        const CoroutineImage& coroutine = state.coroutines[i];
        StackRef& ref = snapshot.stacks[at];
        position[i] = at++;
        if (const StackRef* old = reuse.find(coroutine)) {
            ref = *old;
            continue;
        }
        ref.identity = coroutine.identity;
        ref.sequence = coroutine.sequence;
        const bool runs = coroutine.state == wire::CoroutineState::kRunning ||
                          coroutine.state == wire::CoroutineState::kExited;
        ref.consistency = runs ? Consistency::kRunning : Consistency::kTorn;  // until it has been copied
        if (!runs || followed != nullptr) wanted.push_back(coroutine.index);
    }

    std::vector<std::uint64_t> pcs;
    const auto visit = [&](const Target::StackCopy& copy) {
        const auto i = static_cast<std::size_t>(copy.coroutine - state.coroutines.data());
        if (followed != nullptr) follow(target, copy, followed->coroutines[i]);
        StackRef& ref = snapshot.stacks[position[i]];
        ref.sequence = copy.sequence;
        ref.consistency = copy.consistency;
        if (copy.consistency != Consistency::kExact) return;
        ref.end = unwinder.unwind(copy, pcs);
        ref.stack = table.add(pcs);
        ref.used_bytes = static_cast<std::uint32_t>(copy.used_bytes());
    };
    for (std::size_t first = 0; first < wanted.size(); first += kPiece) {
        if (cancel != nullptr && cancel->load(std::memory_order_relaxed)) break;
        if (progress != nullptr) {
            progress->store(static_cast<int>(first * 1000 / wanted.size()), std::memory_order_relaxed);
        }
        const std::size_t end = std::min(first + kPiece, wanted.size());
        const std::vector<std::uint32_t> piece(wanted.begin() + static_cast<std::ptrdiff_t>(first),
                                               wanted.begin() + static_cast<std::ptrdiff_t>(end));
        // A target that is gone leaves the rest not unwound; whoever asked sees it in alive().
        if (!target.copy_stacks(state, piece, visit)) break;
    }
    if (progress != nullptr) progress->store(1000, std::memory_order_relaxed);
    for (const StackRef& ref : snapshot.stacks) {
        if (ref.consistency == Consistency::kRunning) ++snapshot.running;
        if (ref.consistency == Consistency::kTorn) ++snapshot.torn;
        if (ref.consistency == Consistency::kExact && ref.end != UnwindEnd::kEntry) ++snapshot.failed;
    }
    return snapshot;
}

}  // namespace

StackSnapshot snapshot_stacks(Target& target, Unwinder& unwinder, const StateImage& state, StackTable& table,
                              const StackSnapshot* previous, std::atomic<int>* progress,
                              const std::atomic<bool>* cancel) {
    return take_snapshot(target, unwinder, state, nullptr, table, previous, progress, cancel);
}

StackSnapshot snapshot_stacks_and_follow(Target& target, Unwinder& unwinder, StateImage& state,
                                         StackTable& table, const StackSnapshot* previous,
                                         std::atomic<int>* progress, const std::atomic<bool>* cancel) {
    StackSnapshot snapshot = take_snapshot(target, unwinder, state, &state, table, previous, progress, cancel);
    state.read_end_ticks = base::read_tsc_fenced();
    return snapshot;
}

}  // namespace coroscope::inspect
