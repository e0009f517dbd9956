// Asking, waiting until it shows in the state plane, and saying what does.
#include "traces/control.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#include "instrumentation/inspect/proc.h"
#include "traces/awaited.h"

namespace coroscope::traces {
namespace {

using base::ErrorCode;
using Clock = std::chrono::steady_clock;
using inspect::CoroutineImage;
using inspect::StateImage;

constexpr int kStopPatienceMs = 1000;

base::Error no_coroutine(std::uint32_t pid, std::uint64_t identity) {
    return base::error(ErrorCode::kRefused,
                       fmt::format("process {} has no coroutine {}: 'coroscope stacks --pid {}' lists them", pid,
                                   identity, pid));
}

std::string does_text(const StateImage& state, const CoroutineImage& coroutine) {
    if (coroutine.state == wire::CoroutineState::kParked) {
        const std::string awaited = awaited_text(state, coroutine);
        return awaited.empty() ? "waits" : "waits on " + awaited;
    }
    return inspect::state_name(coroutine.state);
}

// Looks every so often, soon at first, until `done` says so or fails, or the time is over. False: the time is over.
template <typename Done>
base::Result<bool> wait_until(int patience_ms, const Done& done) {
    const auto end = Clock::now() + std::chrono::milliseconds(patience_ms);
    for (timespec pause{0, 20'000};; pause.tv_nsec = std::min(pause.tv_nsec * 2, 5'000'000L)) {
        base::Result<bool> now = done();
        if (!now || *now) return now;
        if (Clock::now() >= end) return false;
        nanosleep(&pause, nullptr);  // nobody tells a reader of the state plane that it has changed
    }
}

bool all_held(const StateImage& state) {
    return std::all_of(state.workers.begin(), state.workers.end(), [](const inspect::WorkerImage& worker) {
        return worker.state == wire::WorkerState::kHeld || worker.state == wire::WorkerState::kAbsent ||
               worker.state == wire::WorkerState::kEnded;
    });
}

void add_stragglers(const StateImage& state, HoldReport& report) {
    for (const inspect::WorkerImage& worker : state.workers) {
        if (worker.state == wire::WorkerState::kHeld) ++report.held;
        if (!report.pause.everything || worker.state != wire::WorkerState::kRunning) continue;
        const CoroutineImage* coroutine = state.coroutine_at(worker.current);
        if (coroutine == nullptr) continue;
        report.stragglers.push_back({worker.index, worker.thread_id, coroutine->identity,
                                     std::string(state.coroutine_name(*coroutine)),
                                     state.site_text(coroutine->site)});
    }
}

}  // namespace

base::Result<std::unique_ptr<Control>> Control::open(std::uint32_t pid) {
    auto target = inspect::Target::attach(pid, {});
    if (!target) return target.error();
    return std::unique_ptr<Control>(new Control(std::move(*target)));
}

base::Result<std::vector<wire::CoroutineName>> Control::names_of(const std::vector<std::uint64_t>& identities) {
    std::vector<wire::CoroutineName> names;
    if (identities.empty()) return names;
    auto state = target_->read_state();
    if (!state) return state.error();
    for (const std::uint64_t identity : identities) {
        const CoroutineImage* coroutine = state->coroutine_of(identity);
        if (coroutine == nullptr) return no_coroutine(target_->pid(), identity);
        names.push_back({coroutine->index, 0, identity});
    }
    return names;
}

base::Result<HoldReport> Control::pause(const std::vector<std::uint64_t>& identities, bool keep,
                                        int patience_ms) {
    auto names = names_of(identities);
    if (!names) return names.error();
    if (auto status = target_->pause(*names, keep); !status) return status.error();
    if (identities.empty()) return await_hold(patience_ms);
    auto waited = wait_until(patience_ms, [&]() -> base::Result<bool> {
        if (!target_->alive())
            return base::error(ErrorCode::kGone, fmt::format("process {} has ended", target_->pid()));
        auto state = target_->read_state();
        if (!state) return state.error();
        return std::none_of(identities.begin(), identities.end(), [&](std::uint64_t identity) {
            const CoroutineImage* coroutine = state->coroutine_of(identity);
            return coroutine != nullptr && (coroutine->state == wire::CoroutineState::kRunning ||
                                            coroutine->state == wire::CoroutineState::kReady);
        });
    });
    if (!waited) return waited.error();
    return report(identities);
}

base::Result<HoldReport> Control::await_hold(int patience_ms) {
    auto waited = wait_until(patience_ms, [&]() -> base::Result<bool> {
        if (!target_->alive())
            return base::error(ErrorCode::kGone, fmt::format("process {} has ended", target_->pid()));
        auto held = target_->held();
        if (!held) return held.error();
        return all_held(*held) || !held->pause.everything;
    });
    if (!waited) return waited.error();
    return report({});
}

base::Result<HoldReport> Control::resume(const std::vector<std::uint64_t>& identities) {
    auto names = names_of(identities);
    if (!names) return names.error();
    if (auto status = target_->resume(*names); !status) return status.error();
    return report(identities);
}

base::Result<HoldReport> Control::report(const std::vector<std::uint64_t>& identities) {
    auto state = target_->read_state();
    if (!state) return state.error();
    HoldReport report;
    report.pid = target_->pid();
    report.pause = state->pause;
    report.workers = static_cast<std::uint32_t>(state->workers.size());
    report.coroutines = state->coroutines.size();
    for (const CoroutineImage& coroutine : state->coroutines)
        report.ready += coroutine.state == wire::CoroutineState::kReady ? 1 : 0;
    add_stragglers(*state, report);
    for (const std::uint64_t identity : identities) {
        const CoroutineImage* coroutine = state->coroutine_of(identity);
        if (coroutine == nullptr) {
            report.chosen.push_back({identity, "", "ended"});
        } else {
            report.chosen.push_back({identity, std::string(state->coroutine_name(*coroutine)),
                                     does_text(*state, *coroutine)});
        }
    }
    return report;
}

base::Result<StepReport> Control::step(std::uint64_t identity, int patience_ms) {
    wire::CoroutineName name{};
    std::uint32_t before = 0;
    if (identity != 0) {
        auto state = target_->read_state();
        if (!state) return state.error();
        const CoroutineImage* coroutine = state->coroutine_of(identity);
        if (coroutine == nullptr) return no_coroutine(target_->pid(), identity);
        name = {coroutine->index, 0, identity};
        before = coroutine->sequence;
    }
    auto number = target_->step(name);
    if (!number) return number.error();
    std::uint64_t ran = identity;
    auto waited = wait_until(patience_ms, [&]() -> base::Result<bool> {
        if (!target_->alive())
            return base::error(ErrorCode::kGone, fmt::format("process {} has ended", target_->pid()));
        if (*number != 0) {
            auto held = target_->held();
            if (!held) return held.error();
            ran = held->pause.step_coroutine;
            // The next ones of this runtime have numbers of their own: nobody steps back.
            return static_cast<std::uint32_t>(held->pause.steps_done) - *number < (1U << 31);
        }
        auto state = target_->read_state();
        if (!state) return state.error();
        const CoroutineImage* coroutine = state->coroutine_of(identity);
        // Let go (+2), on its worker (+1), off it (+1).
        return coroutine == nullptr ||
               (coroutine->sequence - before >= 4 && coroutine->state != wire::CoroutineState::kRunning);
    });
    if (!waited) return waited.error();
    if (!*waited) ran = identity;
    StepReport report = where(ran);
    report.under_way = !*waited;
    return report;
}

base::Status Control::prepare_names(const StateImage& state) {
    if (names_ != nullptr) return base::ok_status();
    auto modules = target_->modules();
    if (!modules) return modules.error();
    names_ = std::make_unique<NameService>(*modules);
    unwinder_ = std::make_unique<inspect::Unwinder>(std::move(*modules), target_.get(), state.trampoline_address);
    return base::ok_status();
}

StepReport Control::where(std::uint64_t identity) {
    StepReport report;
    report.coroutine = identity;
    auto state = target_->read_state();
    if (identity == 0 || !state) return report;
    const CoroutineImage* coroutine = state->coroutine_of(identity);
    report.does = coroutine != nullptr ? does_text(*state, *coroutine) : "ended";
    if (coroutine == nullptr) return report;
    report.name = state->coroutine_name(*coroutine);
    if (!prepare_names(*state)) return report;  // what it maps cannot be read: then there is no stack to show
    std::vector<std::uint64_t> pcs;
    const auto visit = [&](const inspect::Target::StackCopy& copy) {
        if (copy.consistency == inspect::Consistency::kExact) unwinder_->unwind(copy, pcs);
    };
    if (target_->copy_stacks(*state, {coroutine->index}, visit) && !pcs.empty())
        report.frames = names_->wait_frames(pcs);
    return report;
}

base::Result<std::vector<Control::Running>> Control::running() {
    auto state = target_->read_state();
    if (!state) return state.error();
    if (auto status = prepare_names(*state); !status) return status.error();
    auto stacks = inspect::look_at_running(*target_, *unwinder_);
    if (!stacks) return stacks.error();
    // Who was spawned after the first look at the state has its name in the second one.
    auto later = target_->read_state();
    std::vector<Running> running;
    for (inspect::RunningStack& stack : *stacks) {
        Running one;
        for (const StateImage* image : {&*state, later.ok() ? &*later : nullptr}) {
            const CoroutineImage* coroutine = image != nullptr ? image->coroutine_of(stack.identity) : nullptr;
            if (coroutine == nullptr) continue;
            one.name = image->coroutine_name(*coroutine);
            one.site = image->site_text(coroutine->site);
        }
        name_exactly(stack.exact_pcs);
        one.frames = names_->wait_frames(stack.pcs);
        one.stack = std::move(stack);
        running.push_back(std::move(one));
    }
    return running;
}

// Where execution stood is looked up itself, all others before their return address.
void Control::name_exactly(const std::vector<std::uint64_t>& pcs) {
    Symbols exact;
    for (const std::uint64_t pc : pcs) {
        std::vector<inspect::Frame>& frames = exact[pc] = names_->wait_frames({pc + 1});
        for (inspect::Frame& frame : frames)
            frame.pc = pc;
    }
    names_->preload(exact);
}

base::Result<inspect::ThreadStop> Control::stop(std::uint64_t identity) {
    auto state = target_->read_state();
    if (!state) return state.error();
    const CoroutineImage* coroutine = state->coroutine_of(identity);
    if (coroutine == nullptr) return no_coroutine(target_->pid(), identity);
    for (const inspect::WorkerImage& worker : state->workers) {
        if (worker.state != wire::WorkerState::kRunning || worker.current != coroutine->index) continue;
        const std::uint32_t thread = inspect::proc::thread_of(target_->pid(), worker.thread_id);
        return inspect::ThreadStop::stop(target_->pid(), thread, kStopPatienceMs);
    }
    return base::error(ErrorCode::kRefused,
                       fmt::format("coroutine {} of process {} does not run ({}), so there is no thread to stop: "
                                   "'coroscope ctl --pid {} pause {}' keeps it from running",
                                   identity, target_->pid(), does_text(*state, *coroutine), target_->pid(),
                                   identity));
}

base::Result<inspect::PauseImage> Control::pause_now() {
    auto held = target_->held();
    if (!held) return held.error();
    return held->pause;
}

}  // namespace coroscope::traces
