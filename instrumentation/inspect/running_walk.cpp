// See running_walk.h.
#include "instrumentation/inspect/running_walk.h"

#include <algorithm>
#include <utility>

#include "instrumentation/inspect/cfi_rows.h"
#include "instrumentation/wire/stack_segment_offsets.h"

namespace coroscope::inspect {
namespace {

constexpr std::uint64_t kForeignBytesMax = 256U << 10;  // of a worker's own stack, or an alternate one
constexpr std::uint64_t kOwnBytesMax = 16U << 20;       // of a coroutine's stack that is read whole

bool within(const wire::StackBounds& bounds, std::uint64_t rsp) {
    return rsp >= bounds.low && rsp < bounds.high;
}

class Reader {
public:
    explicit Reader(const PartialReader& read) : read_(read) {}

    void add(std::uint64_t low, std::uint64_t high) {
        if (high <= low) return;
        std::vector<std::uint8_t>& bytes = out_.memory.emplace_back(high - low);
        bytes.resize(read_(low, bytes.data(), bytes.size()));
        if (!bytes.empty()) out_.pieces.push_back({low, bytes.data(), bytes.size()});
    }
    void add(GrownStack stack) {
        out_.grown = std::move(stack);
        out_.pieces.insert(out_.pieces.end(), out_.grown.pieces.begin(), out_.grown.pieces.end());
    }
    MemoryReader whole() const {
        return [this](std::uint64_t address, void* to, std::size_t bytes) {
            return read_(address, to, bytes) == bytes;
        };
    }
    bool empty() const { return out_.pieces.empty(); }
    RunningPieces take() { return std::move(out_); }

private:
    const PartialReader& read_;
    RunningPieces out_;
};

}  // namespace

RunningPieces read_running_stack(const PartialReader& read, const StateImage& state, const CoroutineImage& coroutine,
                                 const WorkerImage& worker, const ThreadRegisters& thread, std::uint64_t foreign_high) {
    Reader reader(read);
    const wire::StackBounds own = state.stack_of(coroutine);
    std::uint64_t limit = 0;
    read(thread.fs_base + COROSCOPE_STACK_LIMIT_TLS, &limit, sizeof limit);
    const bool grows = (coroutine.flags & wire::kCoroutineSegments) != 0;
    if (grows) {
        reader.add(read_grown_stack(reader.whole(), state, own, thread.rsp, limit));
        if (!reader.empty()) return reader.take();
    }
    const wire::StackBounds here = state.stack_at(coroutine, thread.rsp);
    if (within(here, thread.rsp)) {
        reader.add(thread.rsp, std::min(here.high, thread.rsp + kOwnBytesMax));
        return reader.take();
    }
    // On a stack of the thread's: the runtime's code, or a handler's.
    const bool in_runtime = within({worker.stack_low, worker.stack_high}, thread.rsp);
    reader.add(thread.rsp, std::min(in_runtime ? worker.stack_high : foreign_high, thread.rsp + kForeignBytesMax));
    if (reader.empty()) return {};
    if (grows) {
        // The runtime takes the limit away while it runs; the coroutine's saved frame has it then.
        reader.add(limit != 0 ? read_grown_stack(reader.whole(), state, own, limit, limit)
                              : read_grown_stack(reader.whole(), state, own, coroutine.rsp));
    } else {
        // From where it left it for the runtime; below a handler's frames nobody knows how far it is in use.
        const std::uint64_t whole = own.high - std::min(own.high - own.low, kOwnBytesMax);
        reader.add(in_runtime && within(own, coroutine.rsp) ? coroutine.rsp : whole, own.high);
    }
    return reader.take();
}

UnwindEnd unwind_running(Unwinder& unwinder, const RunningPieces& pieces, const ThreadRegisters& thread,
                         std::vector<std::uint64_t>& pcs, std::vector<std::uint64_t>& exact_pcs) {
    const CopiedStack stack(pieces.pieces[0], pieces.pieces.data() + 1, pieces.pieces.size() - 1);
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

}  // namespace coroscope::inspect
