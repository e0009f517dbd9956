// The table of rules, what all of them use, and how findings are ordered, muted and written.
#include "traces/analyses/lints.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/analyses/lint_rules.h"

namespace coroscope::analyses {
namespace {

constexpr std::array<LintRule, kLintRulesCount> kRules = {{
    {"deadlock", LintSeverity::kError,
     "coroutines that wait for each other in a ring that nobody outside can break",
     "let all take what they share in one order, or give one of the waits a time limit"},
    {"orphan-wait", LintSeverity::kError,
     "coroutines that wait behind such a ring, or behind somebody who can never go on",
     "mend what they wait for: they go on when that does"},
    {"lock-of-the-ended", LintSeverity::kError,
     "a lock that a coroutine held when it ended, with others in line",
     "unlock on every way out: hold it by MutexLock rather than by hand"},
    {"leaked-coroutine", LintSeverity::kError,
     "a coroutine that waits for something which only it itself could do",
     "close the channel, or drop the coroutine's own handle for the other side of it, so that its wait can "
     "end"},
    {"signal-lost", LintSeverity::kError,
     "signals that came and could be handled by nobody",
     "reserve more emergency slots (PoolConfig), or let handlers be shorter"},
    {"never-yields", LintSeverity::kWarning,
     "a coroutine that keeps a worker for 100 ms and more while others are ready to run there",
     "call cprime::yield() in its loop, or cprime::blocking() where it waits for the system"},
    {"signal-handler-blocks", LintSeverity::kWarning,
     "the handler of a signal that keeps its worker for 100 ms and more",
     "call cprime::blocking() where it waits for the system, or hand the work to a coroutine of lower priority"},
    {"handler-without-stack", LintSeverity::kWarning,
     "a signal handler of foreign code that would run on a coroutine's stack",
     "install it with SA_ONSTACK, or before the runtime starts and let signals().handle() take the signal"},
    {"lock-held-while-parked", LintSeverity::kWarning,
     "a lock whose holder has been parked for 200 ms and more while others wait for the lock",
     "unlock before waiting for something else, and lock again afterwards"},
    {"channel-full", LintSeverity::kWarning,
     "a channel from which nobody has received for a second and more while senders wait",
     "let somebody receive from it, or close it from the receivers' side when nobody will"},
    {"starved-select-arm", LintSeverity::kWarning,
     "an arm of a select that is ready and passed over far more often than chance would have it",
     "receive from that channel in a coroutine of its own, or look at it first"},
    {"idle-worker", LintSeverity::kWarning,
     "a worker that sleeps while coroutines that are bound to another one stand in line",
     "bind fewer coroutines to one worker: those that may run anywhere are taken over by whoever is idle"},
    {"stack-nearly-full", LintSeverity::kWarning,
     "stacks that were used to more than 80 % of what their class has room for",
     "spawn them with the advised class, or pass on a size table (coroscope sizes)"},
    {"pool-full", LintSeverity::kWarning, "a class whose limit has kept spawns waiting for a second and more",
     "raise the limit of the class in PoolConfig, or let fewer live at once"},
    {"growth-thrash", LintSeverity::kHint, "stacks of a site that grow and shrink again and again",
     "spawn them with the advised class, so that the loop fits into the stack that they have"},
    {"stack-oversized", LintSeverity::kHint, "stacks of which less than 25 % was ever used",
     "spawn them with the advised class, or pass on a size table (coroscope sizes)"},
}};

constexpr std::array<const char*, 7> kKinds = {"coroutine", "channel", "lock", "site",
                                               "worker",    "pool",    "time"};

// Rules that say nothing unless there is a second look, or that each coroutine's time in its state is known.
constexpr LintRuleAt kNeedTwoLooks[] = {kIdleWorker, kGrowthThrash};
constexpr LintRuleAt kNeedTimes[] = {kNeverYields, kSignalHandlerBlocks, kLockHeldWhileParked, kChannelFull, kPoolFull};

bool comes_first(const Lint& a, const Lint& b) {
    if (a.rule != b.rule) return a.rule < b.rule;
    if (a.count != b.count) return a.count > b.count;
    return a.about < b.about;
}

}  // namespace

const char* severity_name(LintSeverity severity) {
    switch (severity) {
        case LintSeverity::kError:
            return "error";
        case LintSeverity::kWarning:
            return "warning";
        case LintSeverity::kHint:
            return "hint";
    }
    return "?";
}

const char* evidence_kind_name(LintEvidence::Kind kind) {
    return kKinds[static_cast<std::size_t>(kind)];
}

std::span<const LintRule> lint_rules() {
    return kRules;
}

std::int64_t LintWatch::still_ns(const inspect::CoroutineImage& coroutine) const {
    if (coroutine.consistency == inspect::Consistency::kUnknown) return 0;
    if (coroutine.since_ticks != 0)
        return std::max<std::int64_t>(0, look_.now.t - state().since_start_ns(coroutine.since_ticks));
    if (look_.before == nullptr) return 0;
    const inspect::CoroutineImage* then = look_.before->state.coroutine_of(coroutine.identity);
    return then != nullptr && then->sequence == coroutine.sequence && then->state == coroutine.state
               ? apart_ns()
               : 0;
}

std::string called(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    return fmt::format("{} ({})", state.coroutine_name(coroutine), coroutine.identity);
}

std::string brief_ns(std::int64_t ns) {
    const double seconds = static_cast<double>(ns) * 1e-9;
    if (seconds >= 60)
        return fmt::format("{:.0f} min {:02.0f} s",
                           static_cast<double>(static_cast<std::int64_t>(seconds / 60)),
                           static_cast<double>(static_cast<std::int64_t>(seconds) % 60));
    if (seconds >= 1) return fmt::format("{:.1f} s", seconds);
    return fmt::format("{:.0f} ms", seconds * 1e3);
}

std::string counted(std::uint64_t count, const char* one, const char* many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string short_site(const std::string& site) {
    return site.substr(site.rfind('/') + 1);
}

void point_at(Lint& lint, LintEvidence::Kind kind, std::string text, std::uint64_t id) {
    if (lint.evidence.size() < kLintEvidenceMax) lint.evidence.push_back({kind, std::move(text), id});
}

void point_at(Lint& lint, const inspect::StateImage& state, const inspect::CoroutineImage& coroutine) {
    point_at(lint, LintEvidence::Kind::kCoroutine, called(state, coroutine), coroutine.identity);
}

void order_lints(std::vector<Lint>& lints) {
    std::sort(lints.begin(), lints.end(), comes_first);
}

LintReport compute_lints(const LintLook& look) {
    LintReport report;
    report.coroutines = look.now.state.coroutines.size();
    const LintWatch watch(look);
    report.watched_ns = watch.apart_ns();
    for (const auto find :
         {find_deadlocks, find_orphan_waits, find_locks_of_the_ended, find_locks_held_while_parked,
          find_full_channels, find_those_who_never_yield, find_idle_workers, find_starved_arms,
          find_nearly_full_stacks, find_full_pools, find_growth_thrash, find_oversized_stacks, find_lost_signals,
          find_handlers_that_block, find_handlers_without_stack})
        find(watch, report.lints);
    const bool times = look.before != nullptr ||
                       std::any_of(look.now.state.coroutines.begin(), look.now.state.coroutines.end(),
                                   [](const inspect::CoroutineImage& coroutine) {
                                       return coroutine.since_ticks != 0;
                                   });
    for (const LintRuleAt rule : kNeedTimes) {
        if (!times) report.blind.emplace_back(kRules[rule].id);
    }
    for (const LintRuleAt rule : kNeedTwoLooks) {
        if (look.before == nullptr) report.blind.emplace_back(kRules[rule].id);
    }
    if (look.before == nullptr && !look.one_instant) report.blind.emplace_back(kRules[kLockOfTheEnded].id);
    if (look.sizes == nullptr) report.blind.emplace_back(kRules[kStackOversized].id);
    order_lints(report.lints);
    return report;
}

bool is_muted(const Lint& lint, const Mutes& mutes) {
    return mutes.contains(lint.says().id) || mutes.contains(lint.key());
}

std::size_t take_muted(LintReport& report, const Mutes& mutes) {
    return std::erase_if(report.lints, [&](const Lint& lint) { return is_muted(lint, mutes); });
}

std::string nothing_found_text(const LintReport& report) {
    return fmt::format("nothing found: {} rules looked at {}", kRules.size() - report.blind.size(),
                       counted(report.coroutines, "coroutine", "coroutines"));
}

nlohmann::json to_json(const LintReport& report, std::size_t muted) {
    nlohmann::json rows = nlohmann::json::array();
    for (const Lint& lint : report.lints) {
        nlohmann::json evidence = nlohmann::json::array();
        for (const LintEvidence& piece : lint.evidence) {
            evidence.push_back({{"kind", evidence_kind_name(piece.kind)},
                                {"text", piece.text},
                                {"id", piece.id == 0 && piece.kind != LintEvidence::Kind::kWorker
                                           ? nlohmann::json(nullptr)
                                           : nlohmann::json(piece.id)}});
        }
        rows.push_back({{"rule", lint.says().id},
                        {"severity", severity_name(lint.says().severity)},
                        {"about", lint.about},
                        {"key", lint.key()},
                        {"sentence", lint.sentence},
                        {"advice", lint.says().advice},
                        {"count", lint.count},
                        {"evidence", std::move(evidence)}});
    }
    return {{"lints", std::move(rows)},
            {"coroutines", report.coroutines},
            {"rules", kRules.size() - report.blind.size()},
            {"blind", report.blind},
            {"watched_ns", report.watched_ns},
            {"whole_past", report.whole_past},
            {"muted", muted}};
}

std::string to_text(const LintReport& report, std::size_t muted) {
    std::string text;
    for (const Lint& lint : report.lints) {
        text += fmt::format("{}: {} [{}]\n", severity_name(lint.says().severity), lint.sentence,
                            lint.says().id);
        std::string pieces;
        for (const LintEvidence& piece : lint.evidence)
            pieces += (pieces.empty() ? "" : ", ") + piece.text;
        if (!pieces.empty()) text += "    at: " + pieces + "\n";
        text += fmt::format("    do: {}\n", lint.says().advice);
    }
    if (report.lints.empty()) {
        text += nothing_found_text(report) + "\n";
    } else {
        text += fmt::format(
            "{}; {} rules looked at {}\n", counted(report.lints.size(), "finding", "findings"),
            kRules.size() - report.blind.size(), counted(report.coroutines, "coroutine", "coroutines"));
    }
    if (muted != 0) text += fmt::format("{} muted\n", counted(muted, "finding is", "findings are"));
    for (std::size_t i = 0; i < report.blind.size(); ++i)
        text += fmt::format("{}{}", i == 0 ? "not looked for: " : ", ", report.blind[i]) +
                (i + 1 == report.blind.size() ? "\n" : "");
    return text;
}

}  // namespace coroscope::analyses
