// Lints about workers: who keeps one from others, who sleeps beside work, which arm of a select never gets its turn.
#include <algorithm>

#include <fmt/format.h>

#include "traces/analyses/lint_rules.h"

namespace coroscope::analyses {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;
using inspect::WorkerImage;
using wire::CoroutineState;
using Kind = LintEvidence::Kind;

// Coroutines in line for one worker, in both looks: fewer may be the end of a burst.
constexpr std::uint32_t kBoundInLineMin = 4;

// Who is ready since `ns` ago at least and may run on this worker. What is bound, or of another priority, is only so if it ran there last.
const CoroutineImage* kept_from(const LintWatch& watch, const WorkerImage& worker, std::int64_t ns,
                                std::uint64_t* count) {
    const StateImage& state = watch.state();
    const CoroutineImage* longest = nullptr;
    *count = 0;
    for (const CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != CoroutineState::kReady || watch.still_ns(coroutine) < ns) continue;
        const bool anywhere = (coroutine.flags & wire::kCoroutineSpecial) == 0 || state.workers.size() == 1;
        if (!anywhere && coroutine.worker != worker.index) continue;
        if ((coroutine.flags & wire::kCoroutineNeverRan) != 0 && !anywhere) continue;
        ++*count;
        if (longest == nullptr || watch.still_ns(coroutine) > watch.still_ns(*longest)) longest = &coroutine;
    }
    return longest;
}

}  // namespace

void find_those_who_never_yield(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    if (state.pause.everything || state.pause.chosen != 0) return;
    for (const WorkerImage& worker : state.workers) {
        if (worker.state != wire::WorkerState::kRunning) continue;
        const CoroutineImage* hog = state.coroutine_at(worker.current);
        if (hog == nullptr || hog->state != CoroutineState::kRunning) continue;
        const std::int64_t ran_ns = watch.still_ns(*hog);
        if (ran_ns < kHogNs) continue;
        std::uint64_t waiting = 0;
        const CoroutineImage* waiter = kept_from(watch, worker, kHogNs, &waiting);
        if (waiter == nullptr) continue;
        Lint lint;
        lint.rule = kNeverYields;
        lint.count = waiting;
        lint.about = short_site(state.site_text(hog->site));
        lint.sentence = fmt::format(
            "{}, spawned at {}, has kept worker {} for {} without a scheduling point, while {} ready to run",
            called(state, *hog), lint.about, worker.index, brief_ns(ran_ns),
            counted(waiting, "coroutine is", "coroutines are"));
        point_at(lint, state, *hog);
        point_at(lint, Kind::kWorker, fmt::format("worker {}", worker.index), worker.index);
        point_at(lint, Kind::kSite, state.site_text(hog->site));
        point_at(lint, state, *waiter);
        lints.push_back(std::move(lint));
    }
}

// A worker that has slept from one look to the other has not even looked at the queues; what may run anywhere would have woken it.
void find_idle_workers(const LintWatch& watch, std::vector<Lint>& lints) {
    const StateImage& state = watch.state();
    const traces::Moment* before = watch.look().before;
    if (before == nullptr || state.pause.everything || state.pause.chosen != 0) return;
    const auto then = [&](const WorkerImage& worker) {
        return worker.index < before->state.workers.size() ? &before->state.workers[worker.index] : nullptr;
    };
    std::vector<std::uint32_t> asleep;
    for (const WorkerImage& worker : state.workers) {
        const WorkerImage* was = then(worker);
        if (was != nullptr && worker.state == wire::WorkerState::kParked &&
            was->state == wire::WorkerState::kParked && worker.parks == was->parks &&
            worker.switches == was->switches)
            asleep.push_back(worker.index);
    }
    if (asleep.empty()) return;
    for (const WorkerImage& worker : state.workers) {
        const WorkerImage* was = then(worker);
        if (was == nullptr || worker.state == wire::WorkerState::kParked) continue;
        const std::uint32_t in_line = std::min(worker.bound_length, was->bound_length);
        if (in_line < kBoundInLineMin) continue;
        Lint lint;
        lint.rule = kIdleWorker;
        lint.count = in_line;
        lint.about = fmt::format("worker {}", worker.index);
        lint.sentence = fmt::format(
            "{} slept for {}, while {} coroutines and more that are bound to worker {} stood in line for it",
            asleep.size() == 1 ? fmt::format("worker {}", asleep.front())
                               : fmt::format("{} workers", asleep.size()),
            brief_ns(watch.apart_ns()), in_line, worker.index);
        point_at(lint, Kind::kWorker, lint.about, worker.index);
        for (const std::uint32_t sleeper : asleep)
            point_at(lint, Kind::kWorker, fmt::format("worker {}", sleeper), sleeper);
        lints.push_back(std::move(lint));
    }
}

void find_starved_arms(const LintWatch& watch, std::vector<Lint>& lints) {
    for (const traces::SelectStat& select : watch.look().stat.selects) {
        for (std::size_t n = 0; n < select.arms.size(); ++n) {
            const traces::SelectArmStat& arm = select.arms[n];
            if (arm.luck != traces::ArmLuck::kStarves) continue;
            const std::string site = select.site.empty() ? fmt::format("{:#x}", select.address)
                                                         : short_site(select.site);
            Lint lint;
            lint.rule = kStarvedSelectArm;
            lint.count = arm.passed_over;
            lint.about = fmt::format("{} arm {}", site, n);
            lint.sentence = fmt::format(
                "arm {} of the select at {} ({}{}) was ready and passed over {} times, and was drawn {}", n,
                site, arm.does, arm.channel.empty() ? "" : " " + arm.channel, arm.passed_over,
                arm.fired == 0 ? std::string("never") : counted(arm.fired, "time", "times"));
            if (!select.site.empty()) point_at(lint, Kind::kSite, select.site);
            if (!arm.channel.empty()) point_at(lint, Kind::kChannel, arm.channel);
            const CoroutineImage* first = select.first_waiting == 0
                                              ? nullptr
                                              : watch.state().coroutine_of(select.first_waiting);
            if (first != nullptr) point_at(lint, watch.state(), *first);
            lints.push_back(std::move(lint));
        }
    }
}

}  // namespace coroscope::analyses
