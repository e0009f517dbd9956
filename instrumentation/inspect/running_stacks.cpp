// Stop, copy, let go; then unwind.
#include "instrumentation/inspect/running_stacks.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "instrumentation/base/tsc.h"
#include "instrumentation/inspect/proc.h"
#include "instrumentation/inspect/running_walk.h"
#include "instrumentation/inspect/thread_stop.h"

namespace coroscope::inspect {
namespace {

constexpr int kStopTimeoutMs = 200;
constexpr char kSwitches[] = "its worker was in the middle of a context switch";

// What was copied while the worker stood still.
struct Copied {
    RunningStack about;
    ThreadRegisters registers;
    RunningPieces pieces;
};

ThreadRegisters as_read(const user_regs_struct& r) {
    return {r.rip, r.rsp, r.rbx, r.rbp, r.r12, r.r13, r.r14, r.r15, r.fs_base};
}

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
        copied.registers = as_read(*registers);
        const PartialReader read = [this](std::uint64_t address, void* to, std::size_t bytes) {
            return target_.read_memory(address, to, bytes);
        };
        // A handler's stack ends somewhere above: a page of it is enough for the frames of one.
        constexpr std::uint64_t kHandlerBytes = 4096;
        copied.pieces = read_running_stack(read, image_, coroutine, worker, copied.registers,
                                           copied.registers.rsp + kHandlerBytes);
        if (copied.pieces.pieces.empty()) copied.about.error = "its stack cannot be read";
        if (is_switching(coroutine, worker, copied.registers)) copied.about.error = kSwitches;
    }

    // In the assembly switch the stack pointer may be another one's already, or still; and what is put away does not run any more.
    bool is_switching(const CoroutineImage& coroutine, const WorkerImage& worker, const ThreadRegisters& thread) const {
        if ((coroutine.sequence & 1) == 0) return true;
        if (thread.rip < image_.park_address || thread.rip >= image_.park_end_address) return false;
        const wire::StackBounds own = image_.stack_of(coroutine);
        const bool in_runtime = thread.rsp >= worker.stack_low && thread.rsp < worker.stack_high;
        return !in_runtime && (thread.rsp < own.low || thread.rsp >= own.high);
    }

    Target& target_;
    const StateImage& image_;
};

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
        RunningStack& about = copied.about;
        if (about.error.empty()) {
            about.end = unwind_running(unwinder, copied.pieces, copied.registers, about.pcs, about.exact_pcs);
            // From the worker's stack it came to one that is not this coroutine's: whom it is about to leave, or has left.
            if (about.end == UnwindEnd::kBadMemory) about.error = kSwitches;
        }
        if (!about.error.empty()) about.pcs.clear();
        stacks.push_back(std::move(copied.about));
    }
    return stacks;
}

}  // namespace coroscope::inspect
