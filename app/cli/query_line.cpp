// See query_line.h.
#include "app/cli/query_line.h"

#include <CLI/CLI.hpp>

namespace coroscope::app {
namespace {

base::Error usage(const std::string& message) {
    return base::error(base::ErrorCode::kUsage, message);
}

base::Status take_time(const std::string& text, std::optional<std::int64_t>& to) {
    if (text.empty()) return base::ok_status();
    auto ns = parse_duration_ns(text);
    if (!ns) return ns.error();
    to = *ns;
    return base::ok_status();
}

}  // namespace

void add_query_options(CLI::App* query, QueryLine& line) {
    query
        ->add_option("ARGS", line.words,
                     "A trace (or a core), unless --pid is given; then the rule, in quotes")
        ->type_name("[FILE] RULE")
        ->expected(0, 2);
    query->add_option("--pid", line.pid, "Ask a running program instead; a rule about state")
        ->type_name("PID");
    query
        ->add_option("--at", line.at,
                     "A rule about state: the moment, such as 1500ms or 1.5s (default: the end)")
        ->type_name("T");
    query->add_flag("--when", line.wish.when, "A rule about state: when it held, and for how long");
    query->add_option("--from", line.from, "Events, or --when: not before")->type_name("T");
    query->add_option("--to", line.to, "Events, or --when: not after")->type_name("T");
    query
        ->add_option("--before", line.before,
                     "The last event before T that matches, or the last time a rule about state began to hold")
        ->type_name("T");
    query->add_option("--after", line.after, "The same: the first one after T")->type_name("T");
    query->add_option("--limit", line.wish.limit, "Rows that are printed; all are counted (default 100)")
        ->type_name("N");
    query->add_flag("--count", line.wish.count, "How many match, and nothing else");
    query->add_flag("--json", line.wish.json, "One JSON object on stdout");
}

base::Result<Wish> finish_query(QueryLine& line) {
    QueryWish& wish = line.wish;
    const bool live = !line.pid.empty();
    if (line.words.size() != (live ? 1U : 2U))
        return usage(
            "query needs a trace and a rule: coroscope query (FILE | --pid PID) 'suspend and blocked_ns > "
            "10ms'");
    wish.rule = line.words.back();
    if (live) {
        auto pid = parse_pid(line.pid);
        if (!pid) return pid.error();
        wish.pid = *pid;
    } else {
        wish.file = line.words.front();
    }
    if (auto status = take_time(line.at, wish.at_ns); !status) return status.error();
    if (auto status = take_time(line.from, wish.from_ns); !status) return status.error();
    if (auto status = take_time(line.to, wish.to_ns); !status) return status.error();
    if (auto status = take_time(line.before, wish.before_ns); !status) return status.error();
    if (auto status = take_time(line.after, wish.after_ns); !status) return status.error();
    const bool steps = wish.before_ns || wish.after_ns;
    if (live && (wish.at_ns || wish.from_ns || wish.to_ns || wish.when || steps))
        return usage(
            "--at, --from, --to, --before, --after and --when go with a trace: a running program can only be looked at as it is "
            "now");
    if (wish.at_ns && (wish.when || wish.from_ns || wish.to_ns))
        return usage(
            "--at asks for one moment; --from, --to and --when ask for a stretch of time: choose one");
    if ((wish.before_ns && wish.after_ns) || (steps && (wish.at_ns || wish.from_ns || wish.to_ns || wish.when || wish.count)))
        return usage("--before and --after ask for the one event next to a time: choose one, without --at, --from, --to, --when and --count");
    if (wish.from_ns && wish.to_ns && *wish.to_ns < *wish.from_ns) return usage("--to lies before --from");
    return Wish(wish);
}

void add_record_rule(CLI::App* record, RecordRuleLine& line) {
    record
        ->add_option(
            "--on", line.rule,
            "End the recording when this rule first holds, such as 'loss or exit and status == failed'")
        ->type_name("RULE");
    record->add_option("--after", line.after, "With --on: go on for so long (500ms, 2s)")
        ->type_name("DURATION");
}

base::Status finish_record_rule(const RecordRuleLine& line, RecordWish& wish) {
    wish.stop_rule = line.rule;
    if (line.after.empty()) return base::ok_status();
    if (line.rule.empty())
        return usage("--after goes with --on: so long is recorded after the rule has held");
    constexpr std::int64_t kMostNs = 3'600'000'000'000;
    auto after_ns = parse_duration_ns(line.after);
    if (!after_ns) return after_ns.error();
    if (*after_ns > kMostNs) return usage("--after takes an hour at most");
    wish.after_ms = static_cast<int>(*after_ns / 1'000'000);
    return base::ok_status();
}

}  // namespace coroscope::app
