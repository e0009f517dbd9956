// Rules about signals: lost ones, handlers that keep a worker, handlers of foreign code on coroutines' stacks.
#include <fmt/format.h>

#include <algorithm>

#include "traces/analyses/lint_rules.h"

namespace coroscope::analyses {
namespace {

using inspect::CoroutineImage;
using Kind = LintEvidence::Kind;

bool handles_signals(const inspect::StateImage& state, const CoroutineImage& coroutine) {
    if (coroutine.pool >= state.pools.size()) return false;
    const wire::PoolPurpose purpose = state.pools[coroutine.pool].purpose;
    return purpose == wire::PoolPurpose::kSignal || purpose == wire::PoolPurpose::kEmergency;
}

}  // namespace

void find_lost_signals(const LintWatch& watch, std::vector<Lint>& lints) {
    for (const traces::SignalStat& signal : watch.look().stat.signal_rows) {
        if (signal.lost == 0) continue;
        Lint lint;
        lint.rule = kSignalLost;
        lint.count = signal.lost;
        lint.about = signal.name;
        lint.sentence = fmt::format("{} of {} {} were lost: nothing could handle them", signal.lost, signal.arrived, signal.name);
        if (!signal.site.empty()) point_at(lint, Kind::kSite, signal.site);
        lints.push_back(std::move(lint));
    }
}

void find_handlers_that_block(const LintWatch& watch, std::vector<Lint>& lints) {
    const inspect::StateImage& state = watch.state();
    for (const CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.state != wire::CoroutineState::kRunning || !handles_signals(state, coroutine)) continue;
        const std::int64_t still = watch.still_ns(coroutine);
        if (still < kHogNs) continue;
        Lint lint;
        lint.rule = kSignalHandlerBlocks;
        lint.about = std::string(state.coroutine_name(coroutine));
        lint.sentence = fmt::format("the handler {} has kept worker {} for {} without a wait", called(state, coroutine), coroutine.worker,
                                    brief_ns(still));
        point_at(lint, state, coroutine);
        point_at(lint, Kind::kWorker, fmt::format("worker {}", coroutine.worker), coroutine.worker);
        if (coroutine.site != wire::kNone) point_at(lint, Kind::kSite, state.site_text(coroutine.site));
        lints.push_back(std::move(lint));
    }
}

void find_handlers_without_stack(const LintWatch& watch, std::vector<Lint>& lints) {
    for (const traces::SignalStat& signal : watch.look().stat.signal_rows) {
        if (signal.foreign.empty() || !signal.no_alternate_stack) continue;
        Lint lint;
        lint.rule = kHandlerWithoutStack;
        lint.about = signal.name;
        lint.sentence = fmt::format("{} is handled by {}, installed without SA_ONSTACK: it would run on the stack of whichever coroutine runs",
                                    signal.name, signal.foreign);
        lints.push_back(std::move(lint));
    }
}

}  // namespace coroscope::analyses
