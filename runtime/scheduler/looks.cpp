// Names and views.
#include "runtime/scheduler/looks.h"

#include <mutex>

#include "cprime/coroutine_view.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/parking.h"

namespace cprime::detail {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

constexpr std::string_view kReasonTexts[wire::kWaitReasonsCount] = {
    "",          "yield",   "sleep",        "join",       "channel-send", "channel-receive",
    "select",    "mutex",   "shared-mutex", "condition",  "semaphore",    "barrier",
    "latch",     "event",   "once",         "descriptor", "signal",       "blocking-call",
    "suspended", "nursery", "call",         "pause",      "foreign",      "slot"};

coroutine_state state_of(wire::CoroutineState state, wire::WaitReason reason) {
    if (state != wire::CoroutineState::kParked) return coroutine_state::running;
    return reason == wire::WaitReason::kSuspended ? coroutine_state::resumable : coroutine_state::waiting;
}

// What of a record changes while it runs, read so that it is of one moment [coroutine.sequence].
struct Standing {
    std::uint32_t sequence;
    wire::CoroutineState state;
    wire::WaitReason reason;
    std::uint64_t rsp, rip;
};
Standing standing_of(std::uint32_t index) {
    const wire::CoroutineRecord& its = record(index);
    while (true) {
        Standing read{its.sequence.load(std::memory_order_acquire), its.state.load(kRelaxed),
                      its.reason.load(kRelaxed), its.rsp.load(kRelaxed), its.rip.load(kRelaxed)};
        if ((read.sequence & 1) != 0) {
            read.state = wire::CoroutineState::kRunning;
            return read;
        }
        std::atomic_thread_fence(std::memory_order_acquire);
        if (its.sequence.load(kRelaxed) == read.sequence) return read;
        sync::pause();
    }
}

}  // namespace

std::string_view reason_text(wire::WaitReason reason) {
    return kReasonTexts[static_cast<std::size_t>(reason)];
}

Origin origin_of(std::uint32_t index) {
    const wire::CoroutineDetail& about = detail(index);
    const std::uint32_t site = about.site.load(std::memory_order_acquire);
    std::uint32_t name = about.name.load(std::memory_order_acquire);
    Origin origin;
    if (site != wire::kNone) {
        const wire::SiteRecord& place = g_runtime->sites.record(site);
        if (name == wire::kNone) name = place.name;
        origin.file = g_runtime->segment->string(place.file);
        origin.line = place.line;
    }
    origin.name = g_runtime->segment->string(name);
    return origin;
}

struct ViewAccess {
    static void look(CoroutineView& view) {
        const std::uint64_t id = view.id_;
        const std::uint32_t index = view.place_;
        Standing standing;
        {
            const std::lock_guard<SpinLock> hold(
                g_runtime->joiners.locks[index]);  // [join.lock]: it cannot end meanwhile
            if (!still_alive(index, id)) {
                end(view);
                return;
            }
            standing = standing_of(index);
            fill(view, index, standing);
        }
        const bool runs = standing.state == wire::CoroutineState::kRunning;
        const std::int64_t since_ns = runs ? monotonic_ns()
                                           : g_runtime->reaper.since(index, id, standing.sequence);
        view.last_activity_ = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(since_ns));
    }
    // What was known of it stays, but for what only who lives has.
    static void end(CoroutineView& view) {
        view.state_ = coroutine_state::complete;
        view.waits_for_ = {};
        view.stack_used_ = view.stack_size_ = 0;
        view.resume_point_ = 0;
    }

private:
    static void fill(CoroutineView& view, std::uint32_t index, const Standing& standing) {
        const Origin origin = origin_of(index);
        view.name_ = origin.name;
        view.file_ = origin.file;
        view.line_ = origin.line;
        view.priority_ = static_cast<std::uint8_t>(detail(index).priority.load(kRelaxed));
        view.state_ = state_of(standing.state, standing.reason);
        view.waits_for_ = standing.state == wire::CoroutineState::kParked ? reason_text(standing.reason)
                                                                          : std::string_view{};
        const wire::StackBounds slot = g_runtime->pools.bounds(record(index).pool, record(index).slot);
        const bool runs = standing.state == wire::CoroutineState::kRunning;
        view.stack_used_ = runs ? 0 : stack_used_from(standing.rsp, slot);
        view.stack_size_ = slot.high - slot.low;
        view.resume_point_ = runs ? 0 : standing.rip;
    }
};

ResumePoint look_at_coroutine(Worker* worker, std::uint32_t, void* argument) noexcept {
    auto& view = *static_cast<CoroutineView*>(argument);
    // A view may be kept longer than the runtime.
    if (view.id() == 0 || g_runtime == nullptr || emit::forked_child()) {
        ViewAccess::end(view);
    } else {
        ViewAccess::look(view);
    }
    return worker != nullptr ? keep_running(*worker) : nullptr;
}

}  // namespace cprime::detail
