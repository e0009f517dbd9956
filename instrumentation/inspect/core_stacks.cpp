// See core_stacks.h.
#include "instrumentation/inspect/core_stacks.h"

#include <algorithm>
#include <cstring>

#include "instrumentation/inspect/grown_stack.h"
#include "instrumentation/inspect/running_walk.h"

namespace coroscope::inspect {
namespace {

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

// nullptr when none did.
const WorkerImage* worker_of(const StateImage& state, const CoroutineImage& coroutine) {
    const auto worker = std::find_if(state.workers.begin(), state.workers.end(), [&](const WorkerImage& row) {
        return row.current == coroutine.index && row.thread_id != 0;
    });
    return worker != state.workers.end() ? &*worker : nullptr;
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
    const WorkerImage* worker = worker_of(state, coroutine);
    const CoreFile::Thread* thread = worker != nullptr ? core.thread(worker->thread_id) : nullptr;
    if (thread == nullptr) return false;
    const CoreFile::Segment* segment = core.segment_at(thread->rsp);
    const std::uint64_t high = segment != nullptr ? segment->address + segment->memory_bytes : thread->rsp;
    const PartialReader read = [&core](std::uint64_t address, void* to, std::size_t bytes) {
        return core.read(address, to, bytes);
    };
    const RunningPieces pieces = read_running_stack(read, state, coroutine, *worker, *thread, high);
    if (pieces.pieces.empty()) return false;
    ref.end = unwind_running(unwinder, pieces, *thread, pcs, exact_pcs);
    ref.used_bytes = used_bytes(state, coroutine, thread->rsp);
    if (!pieces.grown.pieces.empty() && pieces.grown.pieces[0].address == thread->rsp)
        ref.used_bytes = static_cast<std::uint32_t>(pieces.grown.memory.size());
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
