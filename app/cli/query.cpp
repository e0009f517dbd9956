// `coroscope query`: a rule over a trace, a core or a running program.
//
// Finding nothing is an answer like any other: the exit code is 0 whatever matched. A mistake in the rule is shown on stderr with a caret under
// its place, and is exit code 2.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "traces/replay.h"
#include "traces/rules/event_steps.h"
#include "traces/rules/query.h"
#include "traces/session.h"

namespace coroscope::app {
namespace {

using rules::Rule;
using RulePointer = std::shared_ptr<const Rule>;

int wrong_use(const std::string& sentence) {
    return fail(base::error(base::ErrorCode::kUsage, sentence));
}

template <typename Answer>
int print(const QueryWish& wish, const Answer& answer) {
    std::string text;
    if (wish.json) {
        text = to_json(answer).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    } else {
        text = wish.count ? fmt::format("{}\n", answer.matched) : to_text(answer);
    }
    auto status = write_stdout(text);
    return status ? static_cast<int>(kExitGood) : fail(status.error());
}

base::Status check_time(const QueryWish& wish, std::int64_t t, const char* option, std::int64_t begin,
                        std::int64_t end) {
    if (t >= begin && t <= end) return base::ok_status();
    return base::error(base::ErrorCode::kUsage,
                       fmt::format("{} {:.3f}ms lies outside {}, which covers {:.3f}ms to {:.3f}ms", option,
                                   static_cast<double>(t) / 1e6, wish.file, static_cast<double>(begin) / 1e6,
                                   static_cast<double>(end) / 1e6));
}

// A rule about one moment, of whatever can be looked at.
int query_moment(const QueryWish& wish, const RulePointer& rule) {
    traces::LiveOptions quietly;
    quietly.listening = traces::Listening::kNever;
    quietly.with_stacks = false;
    auto session = wish.pid != 0 ? traces::open_live(wish.pid, quietly)
                                 : traces::open_recording(wish.file, "");
    if (!session) return fail(session.error());
    if (wish.at_ns) {
        const traces::SessionInfo info = (*session)->info();
        if (auto status = check_time(wish, *wish.at_ns, "--at", info.begin, info.end); !status)
            return fail(status.error());
        (*session)->set_time(*wish.at_ns);
    }
    auto moment = (*session)->wait_moment();
    if (!moment) return fail(moment.error());
    return print(wish, rules::query_state(**moment, rule, wish.count ? 0 : wish.limit));
}

// The one event, or beginning of a time at which the rule held, next to a moment.
int query_step(const QueryWish& wish, const traces::Replay& replay, const RulePointer& rule) {
    const std::int64_t t = wish.before_ns ? *wish.before_ns : *wish.after_ns;
    if (auto status = check_time(wish, t, wish.before_ns ? "--before" : "--after", replay.begin(), replay.end()); !status)
        return fail(status.error());
    // What happens at T itself is neither before nor after it.
    rules::EventPlace from = rules::place_at(replay, t);
    if (wish.before_ns) from = {from.ticks, 0, 0};
    traces::Search search;
    auto step = rules::step_rule(replay, rule, from, wish.before_ns ? rules::Direction::kPrevious : rules::Direction::kNext, search);
    if (!step) return fail(step.error());
    std::string text = "none\n";
    if (wish.json) {
        text = (*step ? to_json(**step) : nlohmann::json(nullptr)).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    } else if (*step) {
        text = to_text(**step);
    }
    auto status = write_stdout(text);
    return status ? static_cast<int>(kExitGood) : fail(status.error());
}

int query_trace(const QueryWish& wish, const RulePointer& rule) {
    auto reader = traces::TraceReader::open(wish.file);
    if (!reader) return fail(reader.error());
    auto replay = traces::Replay::make(std::shared_ptr<const traces::TraceReader>(std::move(*reader)));
    if (!replay) return fail(replay.error());
    if (wish.before_ns || wish.after_ns) return query_step(wish, **replay, rule);
    rules::QueryOptions options;
    options.from = wish.from_ns;
    options.to = wish.to_ns;
    options.limit = wish.count ? 0 : wish.limit;
    if (wish.when) {
        auto answer = rules::query_spans(**replay, rule, options);
        return answer ? print(wish, *answer) : fail(answer.error());
    }
    auto answer = rules::query_events(**replay, rule, options);
    return answer ? print(wish, *answer) : fail(answer.error());
}

}  // namespace

int fail_rule(const base::Error& error) {
    std::fprintf(stderr, "coroscope: %s\n", error.message.c_str());
    return exit_code_of(error.code);
}

int run_query(const QueryWish& wish) {
    auto rule = Rule::parse(wish.rule);
    if (!rule) return fail_rule(rule.error());
    if ((*rule)->about_events()) {
        if (wish.pid != 0)
            return wrong_use(
                "this rule is about events, and those of a running program are not kept: record it, or ask "
                "about state, such as "
                "'coroutine.state == parked'");
        if (wish.at_ns || wish.when)
            return wrong_use("--at and --when go with rules about state: this one is about events");
        return query_trace(wish, *rule);
    }
    if (wish.when || wish.before_ns || wish.after_ns) return query_trace(wish, *rule);
    if (wish.from_ns || wish.to_ns)
        return wrong_use(
            "this rule is about state: say --at for one moment, or --when for the times at which it held");
    return query_moment(wish, *rule);
}

}  // namespace coroscope::app
