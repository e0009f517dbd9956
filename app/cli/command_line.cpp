// The words and their options, declared for CLI11, and CLI11's complaints in our own form.
//
// What follows a lone "--" is cut off before CLI11 sees the line: a program's arguments are nobody's options.
#include "app/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>

#include "app/cli/ctl_line.h"
#include "app/cli/file_words.h"
#include "app/cli/help_formatter.h"
#include "app/cli/lints_line.h"
#include "app/cli/pages.h"
#include "app/cli/query_line.h"
#include "instrumentation/inspect/source_map.h"
#include "traces/trace_medium.h"

namespace coroscope::app {
namespace {

constexpr const char* kDescription =
    "Coroscope shows what a coroutine program does: its stacks, who waits for whom, its stack pools and what "
    "each switch costs.\n"
    "Without a word it opens its window on the start page.";

base::Error usage(const std::string& message) {
    return base::error(base::ErrorCode::kUsage, message);
}

class Parser {
public:
    Parser();
    base::Result<Wish> parse(const std::vector<std::string>& arguments);

private:
    using Finish = std::function<base::Result<Wish>()>;

    CLI::App* word(const std::string& name, const std::string& description, Finish finish);
    void add_window_options(CLI::App* app);
    CLI::App* add_look(LookWish::What what, const char* name, const char* description);
    void add_window_words();
    void add_record();
    void add_compact();
    void add_query();

    base::Result<Wish> finish_window(WindowStart start);
    base::Result<Wish> finish_record();
    base::Result<Wish> finish_look();
    base::Error condensed(const CLI::ParseError& error) const;
    const CLI::App* parsed_word() const;

    CLI::App app_{kDescription, "coroscope"};
    std::vector<std::pair<CLI::App*, Finish>> words_;
    bool has_program_ = false;          // a "--" stood in the line
    std::vector<std::string> program_;  // what followed it

    WindowOptions window_;
    std::string window_size_;
    RecordWish record_;
    CompactWish compact_;
    LsWish ls_;
    LookWish look_;
    CtlLine ctl_;
    AnalyzeWish analyze_;
    SizesWish sizes_;
    ProfileWish profile_;
    CompareWish compare_;
    ExportWish export_;
    std::string export_at_;
    QueryLine query_;
    LintsLine lints_;
    TopLine top_;
    RecordRuleLine record_rule_;
    std::string when_full_ = "lose";
    DoctorWish doctor_;
    std::string pid_, at_, flight_, page_;
    const CLI::Option* flight_option_ = nullptr;
};

Parser::Parser() {
    app_.formatter(std::make_shared<HelpFormatter>());
    app_.require_subcommand(0, 1);
    app_.set_help_flag("-h,--help", "Print this and exit");
    app_.set_version_flag("--version", version_line(), "Print the version and exit");
    add_window_options(&app_);
    add_window_words();
    add_record();
    add_compact();
    CLI::App* ls = word("ls", "List the programs that can be attached to", [this] { return Wish(ls_); });
    ls->add_flag("--json", ls_.json, "One JSON object on stdout");
    add_look(LookWish::What::kStat, "stat", "Counts, losses, states, latencies and pools");
    add_look(LookWish::What::kStacks, "stacks", "Every coroutine's stack, look-alikes merged");
    CLI::App* waits = add_look(LookWish::What::kWaits, "waits",
                               "Who waits for whom, cycles and orphans; exits 1 on a certain deadlock");
    waits->add_flag("--dot", look_.dot, "A graph for Graphviz");
    add_ctl_options(word("ctl", "Pause, step, break and mask: take hold of a running program", [this] { return finish_ctl(ctl_); }),
                    ctl_);
    declare_analyze(word("analyze", "Stack bounds of a program's coroutines, proven from its code; exits 1 if one is not",
                         [this] { return finish_analyze(analyze_, pid_); }),
                    analyze_, pid_);
    declare_sizes(
        word("sizes", "Stack size table from traces, for CPRIME_SIZES=FILE", [this] { return finish_sizes(sizes_); }),
        sizes_);
    declare_profile(
        word("profile", "Where the time of a recorded program went", [this] { return Wish(profile_); }),
        profile_);
    declare_compare(
        word("diff", "Two recorded runs held against each other", [this] { return Wish(compare_); }),
        compare_);
    declare_export(word("export", "A trace in the format of another tool",
                        [this] { return finish_export(export_, export_at_); }),
                   export_, export_at_);
    add_query();
    add_lints_options(word("lint", "What is wrong with a program; exits 1 when something is", [this] { return finish_lints(lints_); }), lints_);
    add_top_options(word("top", "A running program in a terminal, second by second", [this] { return finish_top(top_, program_); }), top_);
    CLI::App* doctor = word("doctor", "What this machine lacks, and how to mend it",
                            [this] { return Wish(doctor_); });
    doctor->add_flag("--json", doctor_.json, "One JSON object on stdout");
    declare_pages(word("pages", "The manual page, or completion for a shell", [this] { return finish_pages(app_, page_); }), page_);
}

CLI::App* Parser::word(const std::string& name, const std::string& description, Finish finish) {
    CLI::App* app = app_.add_subcommand(name, description);
    words_.emplace_back(app, std::move(finish));
    return app;
}

void Parser::add_window_options(CLI::App* app) {
    const char* group = "Window";
    app->add_flag("--offscreen", window_.offscreen, "Draw without a display")->group(group);
    app->add_option("--script", window_.script, "Do what this file says, one command a line")
        ->type_name("FILE")
        ->group(group);
    app->add_option("--screenshot", window_.screenshot,
                    "Save a picture; without a script: draw until the data stands, then quit")
        ->type_name("PNG")
        ->group(group);
    app->add_option("--dump", window_.dump,
                    "Save the row models of all visible views; without a script: then quit")
        ->type_name("JSON")
        ->group(group);
    app->add_option("--size", window_size_, "Size of the window, such as 1600x1000")
        ->type_name("WxH")
        ->group(group);
    app->add_option("--theme", window_.theme, "dark, light or contrast")
        ->type_name("NAME")
        ->check(CLI::IsMember({"dark", "light", "contrast"}))
        ->group(group);
    app->add_option("--source-map", window_.source_maps,
                    "Look for source under TO whose path begins with FROM; may be given again")
        ->type_name("FROM=TO")
        ->expected(1)
        ->take_all()
        ->group(group);
    app->add_option("--debug-path", window_.debug_paths,
                    "Look there for separate debug files, too; may be given again")
        ->type_name("DIR")
        ->expected(1)
        ->take_all()
        ->group(group);
    app->add_option("--events", window_.events,
                    "Listen to events: never, affordable (while they cost the program little) or always")
        ->type_name("WHEN")
        ->check(CLI::IsMember({"never", "affordable", "always"}))
        ->group(group);
    app->add_option("--scale", window_.scale, "Pixels for each unit of the design; 0 takes the monitor's")
        ->type_name("FACTOR")
        ->check(CLI::Range(0.0, 8.0))
        ->group(group);
}

void Parser::add_window_words() {
    CLI::App* launch = word("launch", "Window on a program that it starts",
                            [this] { return finish_window(WindowStart::kLaunch); });
    launch->add_flag("--paused", window_.launch.paused, "Nothing of it runs until it is resumed or stepped");
    launch->add_option("--directory", window_.launch.directory, "Start it there")->type_name("DIR");
    launch->add_option("--env", window_.launch.environment, "Set a variable for it; may be given again")
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->take_all();
    add_window_options(launch);
    CLI::App* attach = word("attach", "Window on a running program",
                            [this] { return finish_window(WindowStart::kAttach); });
    attach->add_option(
        "PID", pid_,
        "Its process id; without one the only program that can be attached to, or the start page's list");
    add_window_options(attach);
    CLI::App* replay = word("replay", "Window on a trace or a core",
                            [this] { return finish_window(WindowStart::kReplay); });
    replay->add_option("FILE", window_.file, "A trace written by 'coroscope record', or a core")->required();
    declare_binary(replay, window_.binary);
    declare_before(replay, window_.before);
    add_window_options(replay);
}

void Parser::add_record() {
    CLI::App* record = word("record", "Write a trace of a program that runs, or that it starts",
                            [this] { return finish_record(); });
    record
        ->add_option("-o,--output", record_.output,
                     "The trace to write; - is stdout, for a pipe: what the program writes to stdout then goes to stderr")
        ->type_name("FILE")
        ->required();
    record->add_option("--pid", pid_, "Record a running program, until it ends or this one is interrupted")
        ->type_name("PID");
    record
        ->add_option("--sample-period", record_.sample_period,
                     "Measure one switch in N (default 64; 1 = each)")
        ->type_name("N")
        ->check(CLI::Range(1U, 1U << 20));
    record
        ->add_option("--keyframe-ms", record_.keyframe_interval_ms,
                     "Milliseconds between keyframes (default 500)")
        ->type_name("MS")
        ->check(CLI::Range(20, 60'000));
    add_record_rule(record, record_rule_);
    flight_option_ =
        record
            ->add_option("--flight-recorder", flight_,
                         "Keep the last of it in memory (64MB, 10s, or 64MB,10s: whichever is less; a time alone keeps no more than 256MB) "
                         "and write FILE only when the rule of --on holds, when the program ends or is killed, or when this one is "
                         "interrupted; SIGUSR1 to this process writes FILE, then FILE-2, FILE-3 ... and goes on")
            ->type_name("SIZE");
    record->add_option("--when-full", when_full_,
                       "What the program does while FILE's disk, or whoever reads it, is slower than its events: lose (default): it goes on and "
                       "what it drops is counted; block: it waits, however long, and nothing is lost; a recorder that is killed or stopped "
                       "holds it up for a second at most")
        ->type_name("lose|block");
    record->add_flag("--progress", record_.progress,
                     "Say each second what was recorded and what that costs, also where stderr is no terminal");
}

void Parser::add_compact() {
    CLI::App* compact = word("compact", "The same trace in fewer bytes, whole again where it was damaged",
                             [this] { return Wish(compact_); });
    compact->add_option("FILE", compact_.file, "A trace written by 'coroscope record'")->required();
    compact->add_option("-o,--output", compact_.output, "The trace to write")->type_name("FILE")->required();
    compact->add_flag("--json", compact_.json, "One JSON object on stdout");
}

CLI::App* Parser::add_look(LookWish::What what, const char* name, const char* description) {
    CLI::App* look = word(name, description, [this, what] {
        look_.what = what;
        return finish_look();
    });
    look->add_option("FILE", look_.file, "A trace written by 'coroscope record', or a core");
    declare_binary(look, look_.binary);
    look->add_option("--pid", pid_, "Look at a running program instead")->type_name("PID");
    look->add_flag("--json", look_.json, "One JSON object on stdout");
    if (what == LookWish::What::kStat) return look;
    look->add_option("--at", at_, "The moment of the trace: 1500ms, 1.5s, 200us, 42ns (default: its end)")
        ->type_name("T");
    if (what == LookWish::What::kStacks) {
        look->add_flag("--running", look_.running,
                       "Also those that run now: their workers are stopped for a moment");
        look->add_flag("--agent-copies", look_.agent_copies,
                       "Let the program copy its stacks, as where its memory may not be read from outside");
    }
    return look;
}

void Parser::add_query() {
    add_query_options(word("query", "What a rule finds: events, objects, times", [this] { return finish_query(query_); }), query_);
}

base::Result<Wish> Parser::finish_window(WindowStart start) {
    window_.start = start;
    if (!window_size_.empty()) {
        if (auto status = parse_size(window_size_, &window_.width, &window_.height); !status)
            return status.error();
    }
    for (const std::string& pair : window_.source_maps) {
        inspect::SourceMap map;
        if (auto status = map.add(pair); !status) return status.error();
    }
    if (start == WindowStart::kLaunch) {
        if (program_.empty()) return usage("launch needs a program: coroscope launch -- PROG ARGS...");
        for (const std::string& variable : window_.launch.environment) {
            const std::size_t equals = variable.find('=');
            if (equals == 0 || equals == std::string::npos)
                return usage("'" + variable + "' is no variable: write --env NAME=VALUE");
        }
        window_.launch.program = program_.front();
        window_.launch.arguments.assign(program_.begin() + 1, program_.end());
    }
    if (start == WindowStart::kAttach && !pid_.empty()) {
        auto pid = parse_pid(pid_);
        if (!pid) return pid.error();
        window_.pid = *pid;
    }
    return Wish(window_);
}

base::Result<Wish> Parser::finish_record() {
    if (pid_.empty() == program_.empty()) {
        return usage(
            "record needs either a running program or one to start: coroscope record -o FILE (--pid PID | -- "
            "PROG ARGS...)");
    }
    if (!pid_.empty()) {
        auto pid = parse_pid(pid_);
        if (!pid) return pid.error();
        record_.pid = *pid;
    } else {
        record_.program.program = program_.front();
        record_.program.arguments.assign(program_.begin() + 1, program_.end());
    }
    if (flight_option_->count() != 0) {
        auto size = parse_flight_size(flight_);
        if (!size) return size.error();
        record_.flight = *size;
        if (record_.output == traces::kStandardStream)
            return usage("--flight-recorder writes whole files: name one with -o, or record to the pipe without it");
    }
    if (when_full_ != "lose" && when_full_ != "block")
        return usage("'" + when_full_ + "' is nothing that a program can do when its rings are full: --when-full lose or block");
    record_.block = when_full_ == "block";
    if (record_.block && record_.flight)
        return usage("--when-full block goes without --flight-recorder, which never writes while the program runs and forgets by itself");
    if (auto status = finish_record_rule(record_rule_, record_); !status) return status.error();
    return Wish(record_);
}

base::Result<Wish> Parser::finish_look() {
    const std::string name = parsed_word()->get_name();
    if (look_.file.empty() == pid_.empty()) {
        return usage(name + " needs either a trace or a running program: coroscope " + name +
                     " (FILE | --pid PID)");
    }
    if (!pid_.empty()) {
        auto pid = parse_pid(pid_);
        if (!pid) return pid.error();
        look_.pid = *pid;
    }
    if (!at_.empty()) {
        if (look_.pid != 0)
            return usage("--at goes with a trace: a running program can only be looked at as it is now");
        auto at_ns = parse_duration_ns(at_);
        if (!at_ns) return at_ns.error();
        look_.at_ns = *at_ns;
    }
    if (!look_.binary.empty() && look_.pid != 0)
        return usage("--binary goes with a core: a running program knows its own file");
    if (look_.agent_copies && look_.pid == 0)
        return usage("--agent-copies goes with --pid: a trace already holds its stacks");
    if (look_.running && look_.pid == 0)
        return usage("--running goes with --pid: only a program that runs has coroutines on its workers");
    if (look_.json && look_.dot) return usage("--json and --dot are two forms of one answer: choose one");
    return Wish(look_);
}

const CLI::App* Parser::parsed_word() const {
    const auto found = std::find_if(words_.begin(), words_.end(),
                                    [](const auto& entry) { return entry.first->parsed(); });
    return found == words_.end() ? &app_ : found->first;
}

base::Error Parser::condensed(const CLI::ParseError& error) const {
    const CLI::App* word = parsed_word();
    const bool bare = word == &app_;
    const std::string help = bare ? "'coroscope --help'" : "'coroscope " + word->get_name() + " --help'";
    const std::string where = bare ? "" : word->get_name() + ": ";
    const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    const std::vector<std::string> rest = extras ? app_.remaining(true) : std::vector<std::string>();
    if (rest.empty()) return usage(where + error.what() + " (" + help + " lists the options)");
    const std::string& first = rest.front();
    if (!first.empty() && first[0] == '-')
        return usage(where + "there is no option " + first + " (" + help + " lists them)");
    if (bare) {
        std::string names;
        for (const auto& entry : words_)
            names += (names.empty() ? "" : ", ") + entry.first->get_name();
        return usage("there is no word '" + first + "'; the words are " + names);
    }
    const std::string name = word->get_name();
    if (name == "launch" || name == "record")
        return usage(name + ": put -- before the program: coroscope " + name + " ... -- " + first);
    return usage(where + "'" + first + "' is one argument too many (" + help + ")");
}

base::Result<Wish> Parser::parse(const std::vector<std::string>& arguments) {
    const auto cut = std::find(arguments.begin(), arguments.end(), "--");
    has_program_ = cut != arguments.end();
    if (has_program_) program_.assign(cut + 1, arguments.end());
    std::vector<std::string> ours(std::make_reverse_iterator(cut),
                                  arguments.rend());  // CLI11 takes them from the back
    try {
        app_.parse(std::move(ours));
    } catch (const CLI::CallForHelp&) {
        return Wish(HelpWish{app_.help()});
    } catch (const CLI::CallForVersion&) {
        return Wish(HelpWish{version_line() + "\n"});
    } catch (const CLI::ParseError& error) {
        return condensed(error);
    }
    const CLI::App* chosen = parsed_word();
    const std::string name = chosen->get_name();
    if (has_program_ && name != "launch" && name != "record" && name != "top") {
        return usage("only launch, record and top start a program with --: coroscope launch -- PROG ARGS...");
    }
    if (chosen == &app_) return finish_window(WindowStart::kStartPage);
    const auto finish = std::find_if(words_.begin(), words_.end(),
                                     [&](const auto& entry) { return entry.first == chosen; });
    auto wish = finish->second();
    const bool window_options_before_word = app_.count_all() > chosen->count_all() + 1;
    if (wish && window_options_before_word && !std::holds_alternative<WindowOptions>(*wish)) {
        return usage("window options such as --offscreen go with launch, attach and replay, not with " + name);
    }
    return wish;
}

}  // namespace

base::Result<Wish> parse_command_line(const std::vector<std::string>& arguments) {
    Parser parser;
    return parser.parse(arguments);
}

}  // namespace coroscope::app
