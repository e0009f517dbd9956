// See core_stacks.h.
#include "instrumentation/inspect/core_stacks.h"

#include <algorithm>
#include <cstring>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/inspect/grown_stack.h"
#include "instrumentation/wire/stack_segment_offsets.h"

namespace coroscope::inspect {
namespace {

constexpr std::uint64_t kForeignBytesMax = 256U << 10;  // of a worker's own stack, or an alternate one
constexpr std::uint64_t kOwnBytesMax = 16U << 20;       // of a coroutine's stack that is read whole

// What a walk reads: pieces of memory, innermost first.
struct Pieces {
    std::vector<std::vector<std::uint8_t>> memory;
    GrownStack grown;
    std::vector<StackBytes> pieces;

    void add(const CoreFile& core, std::uint64_t low, std::uint64_t high) {
        std::vector<std::uint8_t>& bytes = memory.emplace_back(high - low);
        bytes.resize(core.read(low, bytes.data(), bytes.size()));
        if (!bytes.empty()) pieces.push_back({low, bytes.data(), bytes.size()});
    }
    void add(GrownStack stack) {
        grown = std::move(stack);
        pieces.insert(pieces.end(), grown.pieces.begin(), grown.pieces.end());
    }
};

MemoryReader reader_of(const CoreFile& core) {
    return [&core](std::uint64_t address, void* to, std::size_t bytes) {
        return core.read(address, to, bytes) == bytes;
    };
}

bool has_segments(const CoroutineImage& coroutine) {
    return (coroutine.flags & wire::kCoroutineSegments) != 0;
}

bool within(const wire::StackBounds& bounds, std::uint64_t rsp) {
    return rsp >= bounds.low && rsp < bounds.high;
}

// Stacks of parked coroutines, one after the other.
class Parked {
public:
    Parked(const CoreFile& core, Unwinder& unwinder, const StateImage& state)
        : core_(core), unwinder_(unwinder), state_(state), read_(reader_of(core)) {}

    // False when the core does not hold it.
    bool unwind(const CoroutineImage& coroutine, StackRef& ref, std::vector<std::uint64_t>& pcs) {
        const bool grows = has_segments(coroutine);
        const wire::StackBounds bounds = grows ? state_.stack_of(coroutine)
                                               : state_.stack_at(coroutine, coroutine.rsp);
        Target::StackCopy copy;
        GrownStack grown;
        if (within(bounds, coroutine.rsp)) {
            memory_.resize(std::min(bounds.high - coroutine.rsp, wire::kStackCopyBytesMax));
            copy.size = core_.read(coroutine.rsp, memory_.data(), memory_.size());
            copy.bytes = memory_.data();
        } else if (grows) {
            grown = read_grown_stack(read_, state_, bounds, coroutine.rsp);
            if (grown.pieces.empty()) return false;
            copy.size = grown.pieces[0].size;
            copy.bytes = grown.pieces[0].bytes;
            copy.older = grown.pieces.data() + 1;
            copy.older_count = grown.pieces.size() - 1;
        }
        wire::SavedFrame saved;
        if (copy.size < sizeof saved) return false;
        std::memcpy(&saved, copy.bytes, sizeof saved);
        // What gcore could not read it left as zeros.
        if (saved.return_address != coroutine.rip) return false;
        copy.coroutine = copy.record = &coroutine;
        copy.consistency = Consistency::kExact;
        copy.rsp = coroutine.rsp;
        copy.rip = coroutine.rip;
        copy.sequence = coroutine.sequence;
        ref.end = unwinder_.unwind(copy, pcs);
        ref.used_bytes = static_cast<std::uint32_t>(copy.used_bytes());
        return true;
    }

private:
    const CoreFile& core_;
    Unwinder& unwinder_;
    const StateImage& state_;
    const MemoryReader read_;
    std::vector<std::uint8_t> memory_;
};

// The stacks that a thread stood on while it ran a coroutine.
Pieces pieces_of(const CoreFile& core, const StateImage& state, const CoroutineImage& coroutine,
                 const CoreFile::Thread& thread) {
    Pieces pieces;
    const MemoryReader read = reader_of(core);
    const wire::StackBounds own = state.stack_of(coroutine);
    std::uint64_t limit = 0;
    read(thread.fs_base + COROSCOPE_STACK_LIMIT_TLS, &limit, sizeof limit);
    if (has_segments(coroutine)) {
        pieces.add(read_grown_stack(read, state, own, thread.rsp, limit));
        if (!pieces.pieces.empty()) return pieces;
    }
    const wire::StackBounds here = state.stack_at(coroutine, thread.rsp);
    if (within(here, thread.rsp)) {
        pieces.add(core, thread.rsp, std::min(here.high, thread.rsp + kOwnBytesMax));
        return pieces;
    }
    // On a stack of the thread's: the runtime's code, or a handler's.
    const CoreFile::Segment* segment = core.segment_at(thread.rsp);
    if (segment == nullptr) return pieces;
    pieces.add(core, thread.rsp,
               std::min(segment->address + segment->memory_bytes, thread.rsp + kForeignBytesMax));
    if (has_segments(coroutine)) {
        // The runtime takes the limit away while it runs; the coroutine's saved frame has it then.
        pieces.add(limit != 0 ? read_grown_stack(read, state, own, limit, limit)
                              : read_grown_stack(read, state, own, coroutine.rsp));
    } else {
        pieces.add(core, own.high - std::min(own.high - own.low, kOwnBytesMax), own.high);
    }
    return pieces;
}

UnwindEnd unwind_running(Unwinder& unwinder, const CopiedStack& stack, const CoreFile::Thread& thread,
                         std::vector<std::uint64_t>& pcs, std::vector<std::uint64_t>& exact_pcs) {
    UnwindStart start;
    start.exact = true;
    start.pc = thread.rip;
    start.registers[kRbx] = thread.rbx;
    start.registers[kRbp] = thread.rbp;
    start.registers[kR12] = thread.r12;
    start.registers[kR13] = thread.r13;
    start.registers[kR14] = thread.r14;
    start.registers[kR15] = thread.r15;
    start.registers[kRsp] = thread.rsp;
    UnwindEnd end = unwinder.unwind(stack, start, pcs, &exact_pcs);
    // A call through a bad pointer: nothing is known of where it led, but its return address was pushed last.
    std::uint64_t caller = 0;
    if (end == UnwindEnd::kNoRule && pcs.size() == 1 && stack.word(thread.rsp, &caller)) {
        std::vector<std::uint64_t> callers;
        start.exact = false;
        start.pc = caller;
        start.registers[kRsp] = thread.rsp + sizeof caller;
        if (unwinder.unwind(stack, start, callers) == UnwindEnd::kEntry) {
            pcs.insert(pcs.end(), callers.begin(), callers.end());
            end = UnwindEnd::kEntry;
        }
    }
    return end;
}

const CoreFile::Thread* thread_of(const CoreFile& core, const StateImage& state,
                                  const CoroutineImage& coroutine) {
    const auto worker = std::find_if(state.workers.begin(), state.workers.end(), [&](const WorkerImage& row) {
        return row.current == coroutine.index && row.thread_id != 0;
    });
    return worker != state.workers.end() ? core.thread(worker->thread_id) : nullptr;
}

// Bytes of its own stack that it used: by where its thread stood, or, in the runtime, where it left that stack. 0 = not known.
std::uint32_t used_bytes(const StateImage& state, const CoroutineImage& coroutine, std::uint64_t rsp) {
    const wire::StackBounds own = state.stack_of(coroutine);
    if (within(own, rsp)) return static_cast<std::uint32_t>(own.high - rsp);
    const bool in_runtime = std::any_of(
        state.workers.begin(), state.workers.end(), [&](const WorkerImage& worker) {
            return worker.current == coroutine.index && rsp >= worker.stack_low && rsp < worker.stack_high;
        });
    return in_runtime && within(own, coroutine.rsp) ? static_cast<std::uint32_t>(own.high - coroutine.rsp) : 0;
}

// False when the core has not the thread that ran it.
bool walk_running(const CoreFile& core, Unwinder& unwinder, const StateImage& state,
                  const CoroutineImage& coroutine, StackRef& ref, std::vector<std::uint64_t>& pcs,
                  std::vector<std::uint64_t>& exact_pcs) {
    const CoreFile::Thread* thread = thread_of(core, state, coroutine);
    if (thread == nullptr) return false;
    const Pieces pieces = pieces_of(core, state, coroutine, *thread);
    if (pieces.pieces.empty()) return false;
    const CopiedStack stack(pieces.pieces[0], pieces.pieces.data() + 1, pieces.pieces.size() - 1);
    ref.end = unwind_running(unwinder, stack, *thread, pcs, exact_pcs);
    ref.used_bytes = used_bytes(state, coroutine, thread->rsp);
    return true;
}

}  // namespace

const CoroutineImage* running_on(const StateImage& state, std::uint32_t thread_id) {
    for (const WorkerImage& worker : state.workers) {
        if (worker.thread_id == thread_id && thread_id != 0) return state.coroutine_at(worker.current);
    }
    return nullptr;
}

CoreStacks snapshot_core_stacks(const CoreFile& core, Unwinder& unwinder, const StateImage& state,
                                StackTable& table) {
    CoreStacks taken;
    taken.snapshot.taken_ticks = state.read_end_ticks;
    taken.snapshot.stacks.reserve(state.coroutines.size());
    Parked parked(core, unwinder, state);
    std::vector<std::uint64_t> pcs;
    for (const CoroutineImage& coroutine : state.coroutines) {
        StackRef ref;
        ref.identity = coroutine.identity;
        ref.sequence = coroutine.sequence;
        bool found = false;
        if (coroutine.state == wire::CoroutineState::kRunning) {
            found = walk_running(core, unwinder, state, coroutine, ref, pcs, taken.exact_pcs);
        } else if (coroutine.state != wire::CoroutineState::kExited) {
            found = parked.unwind(coroutine, ref, pcs);
            if (!found) ++taken.missing;
            if (!found) ref.consistency = Consistency::kUnknown;
        }
        if (found) {
            ref.consistency = Consistency::kExact;
            ref.stack = table.add(pcs);
            if (ref.end != UnwindEnd::kEntry) ++taken.snapshot.failed;
        }
        if (ref.consistency == Consistency::kRunning) ++taken.snapshot.running;
        taken.snapshot.stacks.push_back(ref);
    }
    std::sort(taken.snapshot.stacks.begin(), taken.snapshot.stacks.end(),
              [](const StackRef& a, const StackRef& b) { return a.identity < b.identity; });
    return taken;
}

}  // namespace coroscope::inspect
