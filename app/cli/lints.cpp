// `coroscope lint`: what the data shows to be wrong with a program, of a trace, a core, or a running program that is looked at twice.
//
// A running program is looked at without listening to it, as by `stat`. Exits 1 when something was found that is not muted.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/two_looks.h"
#include "app/cli/words.h"
#include "traces/analyses/lints.h"
#include "traces/session.h"

namespace coroscope::app {
namespace {

using SessionResult = base::Result<std::unique_ptr<traces::Session>>;
using analyses::LintReport;

SessionResult open(const LintsWish& wish) {
    if (wish.pid == 0) return traces::open_recording(wish.file, wish.binary, {}, traces::StartAt::kPopulated);
    traces::LiveOptions options;
    options.listening = traces::Listening::kNever;
    return traces::open_live(wish.pid, options);
}

base::Result<LintReport> of_running(traces::Session& session, const LintsWish& wish) {
    auto looks = two_looks(session, wish.apart_ns);
    if (!looks) return looks.error();
    wait_for_select_names(session, looks->now->state);
    const traces::Stat stat = traces::compute_stat(session, *looks->now);
    const traces::Waits waits = traces::compute_waits(*looks->now);
    return analyses::compute_lints({*looks->now, stat, waits, looks->before.get()});
}

base::Result<LintReport> of_core(traces::Session& session) {
    auto moment = session.wait_moment();
    if (!moment) return moment.error();
    wait_for_select_names(session, (*moment)->state);
    const traces::Stat stat = traces::compute_stat(session, **moment);
    const traces::Waits waits = traces::compute_waits(**moment);
    return analyses::compute_lints({**moment, stat, waits, nullptr, true});
}

base::Result<LintReport> of_trace(traces::Session& session, const LintsWish& wish) {
    const traces::SessionInfo info = session.info();
    if (wish.at_ns && (*wish.at_ns < info.begin || *wish.at_ns > info.end)) {
        return base::error(
            base::ErrorCode::kUsage,
            fmt::format("--at {:.3f}ms lies outside {}, which covers {:.3f}ms to {:.3f}ms",
                        static_cast<double>(*wish.at_ns) / 1e6, wish.file,
                        static_cast<double>(info.begin) / 1e6, static_cast<double>(info.end) / 1e6));
    }
    const traces::TimeNs t = wish.at_ns.value_or(info.populated);
    session.set_time(t);
    auto moment = session.wait_moment();
    if (!moment) return moment.error();
    wait_for_select_names(session, (*moment)->state);
    const traces::Search search;
    const std::shared_ptr<const traces::Replay> replay = session.replay();
    auto past = analyses::read_lint_past(replay, search);
    if (!past) return past.error();
    return analyses::lints_of_past(*replay, *past, session, t);
}

std::string rules_text() {
    std::string text;
    for (const analyses::LintRule& rule : analyses::lint_rules())
        text += fmt::format("{:<8} {:<23} {}\n", analyses::severity_name(rule.severity), rule.id,
                            rule.looks_for);
    return text;
}

std::string rules_json() {
    nlohmann::json rows = nlohmann::json::array();
    for (const analyses::LintRule& rule : analyses::lint_rules()) {
        rows.push_back({{"rule", rule.id},
                        {"severity", analyses::severity_name(rule.severity)},
                        {"looks_for", rule.looks_for},
                        {"advice", rule.advice}});
    }
    return nlohmann::json{{"rules", std::move(rows)}}.dump(1) + "\n";
}

}  // namespace

int run_lints(const LintsWish& wish) {
    if (wish.list_rules) {
        auto written = write_stdout(wish.json ? rules_json() : rules_text());
        return written ? static_cast<int>(kExitGood) : fail(written.error());
    }
    SessionResult session = open(wish);
    if (!session) return fail(session.error());
    const traces::SessionInfo info = (*session)->info();
    if (info.kind == traces::SessionKind::kCore && wish.at_ns)
        return fail(base::error(base::ErrorCode::kUsage, "--at goes with a trace: a core has one moment"));
    auto report = wish.pid != 0                             ? of_running(**session, wish)
                  : info.kind == traces::SessionKind::kCore ? of_core(**session)
                                                            : of_trace(**session, wish);
    if (!report) return fail(report.error());
    const std::size_t muted = analyses::take_muted(*report, {wish.mutes.begin(), wish.mutes.end()});
    if (!info.lacks.empty()) std::fprintf(stderr, "%s\n", error_line(wish.file + ": " + info.lacks).c_str());
    // A name in the target need not be UTF-8; what is not becomes a replacement character.
    const std::string text = wish.json
                                 ? to_json(*report, muted)
                                           .dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
                                       "\n"
                                 : to_text(*report, muted);
    if (auto status = write_stdout(text); !status) return fail(status.error());
    return report->lints.empty() ? kExitGood : kExitFinding;
}

}  // namespace coroscope::app
