// See lints_line.h.
#include "app/cli/lints_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "app/cli/file_words.h"
#include "traces/analyses/lints.h"

namespace coroscope::app {
namespace {

base::Error usage(const std::string& message) {
    return base::error(base::ErrorCode::kUsage, message);
}

base::Status take_target(const char* word, const std::string& file, const std::string& pid_text,
                         std::uint32_t& pid) {
    if (file.empty() == pid_text.empty())
        return usage(std::string(word) + " needs either a trace or a running program: coroscope " + word +
                     " (FILE | --pid PID)");
    if (pid_text.empty()) return base::ok_status();
    auto parsed = parse_pid(pid_text);
    if (!parsed) return parsed.error();
    pid = *parsed;
    return base::ok_status();
}

// A mute names a rule, alone or before what a finding is about.
base::Status check_mutes(const std::vector<std::string>& mutes) {
    const auto rules = analyses::lint_rules();
    for (const std::string& mute : mutes) {
        const std::string id = mute.substr(0, mute.find(' '));
        if (std::any_of(rules.begin(), rules.end(),
                        [&](const analyses::LintRule& rule) { return id == rule.id; }))
            continue;
        std::string names;
        for (const analyses::LintRule& rule : rules)
            names += (names.empty() ? "" : ", ") + std::string(rule.id);
        return usage("--mute: there is no rule '" + id + "'; the rules are " + names);
    }
    return base::ok_status();
}

void add_mutes(CLI::App* app, std::vector<std::string>& mutes) {
    app->add_option("--mute", mutes,
                    "Leave out a rule, or one finding by its key (as --json names it); may be given again")
        ->type_name("RULE")
        ->expected(1)
        ->take_all();
}

}  // namespace

void add_lints_options(CLI::App* lints, LintsLine& line) {
    lints->add_option("FILE", line.wish.file, "A trace written by 'coroscope record', or a core");
    declare_binary(lints, line.wish.binary);
    lints->add_option("--pid", line.pid, "Look at a running program instead, twice")->type_name("PID");
    lints->add_option("--apart", line.apart, "With --pid: the time between the two looks (default 1.1s)")
        ->type_name("DURATION");
    lints
        ->add_option("--at", line.at,
                     "The moment of the trace: 1500ms, 1.5s (default: the last with coroutines); slices and "
                     "stacks are those of the whole trace")
        ->type_name("T");
    add_mutes(lints, line.wish.mutes);
    lints->add_flag("--rules", line.wish.list_rules, "Only say what is looked for");
    lints->add_flag("--json", line.wish.json, "One JSON object on stdout");
}

base::Result<Wish> finish_lints(LintsLine& line) {
    LintsWish& wish = line.wish;
    if (auto status = check_mutes(wish.mutes); !status) return status.error();
    if (wish.list_rules) return Wish(wish);
    if (auto status = take_target("lint", wish.file, line.pid, wish.pid); !status) return status.error();
    if (!line.at.empty()) {
        if (wish.pid != 0)
            return usage("--at goes with a trace: a running program can only be looked at as it is now");
        auto at_ns = parse_duration_ns(line.at);
        if (!at_ns) return at_ns.error();
        wish.at_ns = *at_ns;
    }
    if (!line.apart.empty()) {
        if (wish.pid == 0) return usage("--apart goes with --pid: of a trace everything is known");
        constexpr std::int64_t kLeastNs = 1'000'000, kMostNs = 60'000'000'000;
        auto apart_ns = parse_duration_ns(line.apart);
        if (!apart_ns) return apart_ns.error();
        if (*apart_ns < kLeastNs || *apart_ns > kMostNs) return usage("--apart takes 1ms to 1m");
        wish.apart_ns = *apart_ns;
    }
    if (!wish.binary.empty() && wish.pid != 0)
        return usage("--binary goes with a core: a running program knows its own file");
    return Wish(wish);
}

void add_top_options(CLI::App* top, TopLine& line) {
    top->add_option("FILE", line.wish.file, "A trace or a core: one table of its last look with coroutines");
    declare_binary(top, line.wish.binary);
    top->add_option("--pid", line.pid, "The running program to look at")->type_name("PID");
    top->add_option("--every", line.every, "Time between two looks (default 1s)")->type_name("DURATION");
    top->add_option("--sort", line.wish.sort,
                    "Of the sites: running, ready, coroutines, stack or name (default running)")
        ->type_name("COLUMN")
        ->check(CLI::IsMember({"running", "ready", "coroutines", "stack", "name"}));
    top->add_option("--filter", line.wish.filter, "Only rows with all of these words")->type_name("WORDS");
    top->add_flag("--once", line.wish.once,
                  "Print one table as text and end; so it is where stdout is no terminal");
    add_mutes(top, line.wish.mutes);
    top->add_flag("--json", line.wish.json, "One table as a JSON object on stdout");
}

base::Result<Wish> finish_top(TopLine& line, const std::vector<std::string>& program) {
    TopWish& wish = line.wish;
    if (auto status = check_mutes(wish.mutes); !status) return status.error();
    if ((wish.file.empty() ? 0 : 1) + (line.pid.empty() ? 0 : 1) + (program.empty() ? 0 : 1) != 1)
        return usage("top needs either a trace or a running program, or one to start: coroscope top (FILE | --pid PID | -- PROG ARGS...)");
    if (program.empty()) {
        if (auto status = take_target("top", wish.file, line.pid, wish.pid); !status) return status.error();
    } else {
        wish.program.program = program.front();
        wish.program.arguments.assign(program.begin() + 1, program.end());
    }
    if (!wish.binary.empty() && wish.file.empty())
        return usage("--binary goes with a core: a running program knows its own file");
    if (!line.every.empty()) {
        constexpr std::int64_t kLeastNs = 100'000'000, kMostNs = 3'600'000'000'000;
        auto every_ns = parse_duration_ns(line.every);
        if (!every_ns) return every_ns.error();
        if (*every_ns < kLeastNs || *every_ns > kMostNs) return usage("--every takes 100ms to an hour");
        wish.every_ns = *every_ns;
    }
    return Wish(wish);
}

}  // namespace coroscope::app
