// `coroscope ctl break`: waits until a rule holds in a running program, which evaluates it itself, and says what it found.
//
// With --action pause the program stands where the rule held, and stays so as for `ctl pause`; with log each time is printed; with dump what led to
// it becomes a file (break_dump.h). Leaving, in whatever way, takes the rule away. A mistake in the rule is shown with a caret, and is exit code 2.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/break_dump.h"
#include "app/cli/exit_codes.h"
#include "app/cli/interrupt.h"
#include "app/cli/record_words.h"
#include "app/cli/words.h"
#include "traces/control.h"
#include "traces/rules/break_watch.h"

namespace coroscope::app {
namespace {

constexpr int kInterruptMs = 20;  // between two looks whether somebody interrupts, or has resumed it

std::string line_of(const nlohmann::json& object, int indent) {
    return object.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

int hold(const CtlWish& wish, traces::Control& control, const rules::BreakHit& hit,
         const Interrupt& interrupt) {
    auto report = control.await_hold(wish.patience_ms);
    if (!report) return fail(report.error());
    const traces::StepReport where = control.where(hit.id);
    std::string text;
    if (wish.json) {
        text = line_of(
            {{"hit", to_json(hit)}, {"stands", traces::to_json(where)}, {"hold", traces::to_json(*report)}},
            1);
    } else {
        text = fmt::format("the rule held {}\n", to_text(hit));
        if (hit.id != 0) text += traces::to_text(where);
        text += traces::to_text(*report);
    }
    if (auto status = write_stdout(text); !status) return fail(status.error());
    if (wish.keep) {
        auto kept = control.pause({}, true, wish.patience_ms);
        if (!kept) return fail(kept.error());
        std::fprintf(stderr, "coroscope: it stays so until 'coroscope ctl --pid %u resume'\n", wish.pid);
        return kExitGood;
    }
    std::fprintf(stderr, "coroscope: it stays so until Ctrl-C, or 'coroscope ctl --pid %u resume'\n",
                 wish.pid);
    while (!interrupt.wait(kInterruptMs)) {
        auto held = control.pause_now();
        if (!held || !control.alive())
            return fail(base::error(base::ErrorCode::kGone, fmt::format("process {} has ended", wish.pid)));
        if (!held->everything) break;
    }
    return kExitGood;
}

int say_lost(std::uint64_t lost) {
    if (lost != 0)
        std::fprintf(stderr, "coroscope: %llu more hits came faster than they could be told\n",
                     static_cast<unsigned long long>(lost));
    return kExitGood;
}

}  // namespace

int run_break(const CtlWish& wish) {
    auto rule = rules::Rule::parse(wish.rule);
    if (!rule) return fail_rule(rule.error());
    if (!wish.dump_to.empty()) {
        if (auto status = may_write(wish.dump_to); !status) return fail(status.error());
    }
    const Interrupt interrupt;
    auto control = traces::Control::open(wish.pid);
    if (!control) return fail(control.error());
    rules::BreakOptions options;
    const bool goes_on = wish.log || !wish.dump_to.empty();
    options.action = goes_on ? wire::RuleAction::kTell : wire::RuleAction::kPause;
    options.count = goes_on ? 1 : wish.count.value_or(1);
    auto watch = rules::BreakWatch::start(**control, *rule, options);
    if (!watch)
        return watch.error().code == base::ErrorCode::kUsage ? fail_rule(watch.error()) : fail(watch.error());
    if (!wish.dump_to.empty()) return BreakDump(wish, **watch, interrupt).run();
    std::fprintf(stderr, "coroscope: process %u holds the rule against its events, until Ctrl-C\n", wish.pid);
    std::uint64_t said = 0;
    while (!interrupt.wait(0)) {
        auto hits = (*watch)->next(kInterruptMs);
        if (!hits) {
            say_lost((*watch)->lost());
            return fail(hits.error());
        }
        for (const rules::BreakHit& hit : *hits) {
            if (hit.paused) return hold(wish, **control, hit, interrupt);
            const std::string text = wish.json ? line_of(to_json(hit), -1) : to_text(hit) + "\n";
            if (auto status = write_stdout(text); !status) return fail(status.error());
            if (wish.count && ++said == *wish.count) return say_lost((*watch)->lost());
        }
    }
    return say_lost((*watch)->lost());
}

}  // namespace coroscope::app
