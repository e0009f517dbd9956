// Stop, copy, let go; then unwind.
#include "instrumentation/inspect/running_stacks.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "instrumentation/base/tsc.h"
#include "instrumentation/inspect/grown_stack.h"
#include "instrumentation/inspect/proc.h"
#include "instrumentation/inspect/thread_stop.h"
#include "instrumentation/wire/stack_segment.h"

namespace coroscope::inspect {
namespace {

constexpr int kStopTimeoutMs = 200;
constexpr std::uint64_t kRedZoneBytes = 128;  // below rsp, in use by leaf functions (System V x86-64)
constexpr std::uint64_t kPieceBytesMax = 256U << 10;
constexpr std::uint64_t kStackLimitTls = COROSCOPE_STACK_LIMIT_TLS;  // from fs base

// What was copied while the worker stood still.
struct Copied {
    RunningStack about;
    user_regs_struct registers{};
    std::vector<std::vector<std::uint8_t>> memory;
    std::vector<StackBytes> pieces;  // innermost first
};

class Copier {
public:
    Copier(Target& target, const StateImage& image) : target_(target), image_(image) {}

    // Every worker that runs a coroutine: all of them stopped, looked at, let go.
    base::Result<std::vector<Copied>> run() {
        auto now = target_.held();
        if (!now) return now.error();
        std::vector<Copied> found;
        std::vector<ThreadStop> stops;
        std::vector<std::size_t> stopped;  // positions in found
        const std::uint64_t since = base::read_tsc();
        for (const WorkerImage& worker : now->workers) {
            if (worker.state != wire::WorkerState::kRunning || worker.current == wire::kNone) continue;
            Copied copied;
            copied.about.worker = worker.index;
            copied.about.coroutine = worker.current;
            copied.about.thread = proc::thread_of(target_.pid(), worker.thread_id);
            auto stop = ThreadStop::stop(target_.pid(), copied.about.thread, kStopTimeoutMs);
            if (stop) {
                stopped.push_back(found.size());
                stops.push_back(std::move(*stop));
            } else if (stop.error().code != base::ErrorCode::kUnreadable) {
                return stop.error();  // it would be said of each
            } else {
                copied.about.error = stop.error().message;
            }
            found.push_back(std::move(copied));
        }
        now = target_.held();  // nobody of those moves any more
        for (std::size_t i = 0; i < stops.size(); ++i) {
            Copied& copied = found[stopped[i]];
            if (now && copied.about.worker < now->workers.size())
                look(stops[i], now->workers[copied.about.worker], copied);
        }
        stops.clear();
        const std::int64_t stood = image_.clock.duration_ns(
            static_cast<std::int64_t>(base::read_tsc() - since));
        for (const std::size_t i : stopped)
            found[i].about.stopped_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(stood, 0));
        return found;
    }

private:
    void look(const ThreadStop& stop, const WorkerImage& worker, Copied& copied) {
        copied.about.coroutine = worker.state == wire::WorkerState::kRunning ? worker.current : wire::kNone;
        const CoroutineImage* before = image_.coroutine_at(copied.about.coroutine);
        CoroutineImage coroutine;
        if (before != nullptr) coroutine = *before;
        if (before == nullptr || !target_.follow(coroutine)) {
            copied.about.coroutine = wire::kNone;
            copied.about.error = "its worker had just gone on to another coroutine";
            return;
        }
        copied.about.identity = coroutine.identity;
        auto registers = stop.registers();
        if (!registers) {
            copied.about.error = registers.error().message;
            return;
        }
        copied.registers = *registers;
        const std::uint64_t rsp = copied.registers.rsp;
        if (rsp >= worker.stack_low && rsp < worker.stack_high) {  // in a runtime call
            add(copied, rsp, worker.stack_high);
            add_stack(copied, coroutine, coroutine.rsp, std::nullopt);
        } else {
            std::uint64_t limit = 0;
            const bool known = target_.read_memory(copied.registers.fs_base + kStackLimitTls, &limit,
                                                   sizeof limit) == sizeof limit;
            add_stack(copied, coroutine, rsp, known ? limit : 0);
        }
        if (copied.pieces.empty()) {  // on a thread's alternate stack, say
            add(copied, rsp, rsp + 4096);
            if (copied.pieces.empty()) copied.about.error = "its stack cannot be read";
        }
    }

    // The coroutine's stack from `rsp` up: of one that runs, with the limit of the stack it is on; else from its saved frame.
    void add_stack(Copied& copied, const CoroutineImage& coroutine, std::uint64_t rsp,
                   std::optional<std::uint64_t> limit) {
        const wire::StackBounds bounds = image_.stack_at(coroutine, rsp);
        if (rsp >= bounds.low && rsp < bounds.high) {
            add(copied, rsp, bounds.high);
            return;
        }
        const wire::StackBounds own = image_.stack_of(coroutine);
        GrownStack grown = limit ? read_running_grown_stack(target_.pid(), image_, own, rsp, *limit, kRedZoneBytes)
                                 : read_grown_stack(target_.pid(), image_, own, rsp);
        copied.memory.push_back(std::move(grown.memory));
        copied.pieces.insert(copied.pieces.end(), grown.pieces.begin(), grown.pieces.end());
    }

    void add(Copied& copied, std::uint64_t rsp, std::uint64_t high) {
        for (const std::uint64_t below : {kRedZoneBytes, std::uint64_t{0}}) {
            const std::uint64_t low = rsp - below;
            std::vector<std::uint8_t> bytes(std::min(high - low, kPieceBytesMax));
            const std::size_t got = target_.read_memory(low, bytes.data(), bytes.size());
            if (got <= below) continue;
            copied.memory.push_back(std::move(bytes));
            copied.pieces.push_back({low, copied.memory.back().data(), got});
            return;
        }
    }

    Target& target_;
    const StateImage& image_;
};

void unwind(Unwinder& unwinder, Copied& copied) {
    const user_regs_struct& r = copied.registers;
    UnwindStart start;
    start.pc = r.rip + 1;
    start.registers[kRbx] = r.rbx;
    start.registers[kRbp] = r.rbp;
    start.registers[kR12] = r.r12;
    start.registers[kR13] = r.r13;
    start.registers[kR14] = r.r14;
    start.registers[kR15] = r.r15;
    start.registers[kRsp] = r.rsp;
    const CopiedStack stack(copied.pieces.front(), copied.pieces.data() + 1, copied.pieces.size() - 1);
    copied.about.end = unwinder.unwind_from(stack, start, copied.about.pcs);
}

}  // namespace

base::Result<std::vector<RunningStack>> look_at_running(Target& target, Unwinder& unwinder) {
    if (target.memory_access() != MemoryAccess::kProcessVm) {
        return base::error(base::ErrorCode::kRefused,
                           "process " + std::to_string(target.pid()) +
                               " does not let its memory be read, so coroutines that run cannot be looked at: run "
                               "coroscope as root, or outside of the sandbox; parked ones can");
    }
    auto image = target.read_state();
    if (!image) return image.error();
    base::Result<std::vector<Copied>> found = std::vector<Copied>();
    std::thread([&] { found = Copier(target, *image).run(); }).join();
    if (!found) return found.error();
    std::vector<RunningStack> stacks;
    for (Copied& copied : *found) {
        if (copied.about.error.empty()) unwind(unwinder, copied);
        stacks.push_back(std::move(copied.about));
    }
    return stacks;
}

}  // namespace coroscope::inspect
