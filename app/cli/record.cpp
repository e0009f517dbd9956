// `coroscope record`: starts the program if it is asked to, waits for the runtime in it or in what it starts, and records to the end.
//
// The program's stdout is the program's alone; our own words go to stderr. With `-o -` stdout is the trace's, and the program's goes to stderr as
// well. The trace decides the exit code: a program that fails or is killed is recorded all the same, and its status is one line. When recording
// fails (the disk is full, whoever read the pipe has gone) the program still runs to its end, because it is not ours to kill. Whoever does not
// read the pipe is waited for until a signal asks for the end, and then for kReaderPatienceMs; where the program waits with us, any signal asks.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "app/cli/exit_codes.h"
#include "app/cli/record_words.h"
#include "app/cli/runtime_wait.h"
#include "app/cli/signal_relay.h"
#include "app/cli/words.h"
#include "app/launcher.h"
#include "instrumentation/base/file_descriptor.h"
#include "traces/recorder.h"
#include "traces/rules/record_watch.h"
#include "traces/trace_medium.h"

namespace coroscope::app {
namespace {

std::string cost_text(const traces::RecordingCost& cost) {
    return cost.seconds > 0 ? "coroscope: " + traces::to_text(cost) + "\n" : "";
}

std::string summary(const RecordWish& wish, const traces::RecordResult& result) {
    const std::string waited = wish.block ? fmt::format("its threads waited {:.2f} s, ", result.cost.blocked_seconds) : "";
    return fmt::format("coroscope: {}: {} events, {}, {}{} keyframes, {:.1f} MB; {}\n",
                       wish.output == traces::kStandardStream ? "stdout" : wish.output, result.events, lost_text(result.lost), waited,
                       result.keyframes, static_cast<double>(result.file_bytes) / 1e6, result.ended_because);
}

// On a terminal one line that is written over; elsewhere, where that was asked for, a line each time.
class ProgressLine {
public:
    static bool wanted(const RecordWish& wish) { return wish.progress || on_terminal(); }
    static void say(const traces::RecordOptions::Progress& progress) {
        const std::string line = fmt::format("coroscope: {} events, {}, {:.1f} MB; {}", progress.events, lost_text(progress.lost),
                                             static_cast<double>(progress.bytes) / 1e6, traces::to_text(progress.cost));
        std::fputs((on_terminal() ? kClear + line : line + "\n").c_str(), stderr);
    }
    static void clear() {
        if (on_terminal()) std::fputs(kClear, stderr);
    }

private:
    static constexpr const char* kClear = "\r\033[K";
    static bool on_terminal() { return isatty(STDERR_FILENO) == 1; }
};

int finish(const RecordWish& wish, const base::Result<traces::RecordResult>& result) {
    ProgressLine::clear();
    if (!result) return fail(result.error());
    const std::string line = result->last_dump ? dump_text(wish.flight.value_or(FlightSize{}), *result->last_dump) : summary(wish, *result);
    std::fputs((line + cost_text(result->cost)).c_str(), stderr);
    return kExitGood;
}

// How a process that is gone ended, as RecordOptions wants it. Known of our own children: the program, or who was left behind by it.
std::string how_it_ended(LaunchedProgram& program, pid_t pid) {
    int status = 0;
    std::string text;
    if (pid == program.pid()) {
        program.wait();
        text = program.status_text();
    } else if (waitpid(pid, &status, WNOHANG) == pid) {
        text = LaunchedProgram::status_text(status);
    }
    return (text.starts_with("killed") ? "was " : "") + text;
}

using Watch = std::unique_ptr<rules::RecordWatch>;

// With --on: somebody who waits for the rule, and the recording that asks him. Without: nobody.
base::Result<Watch> watch_for(const RecordWish& wish, const std::shared_ptr<const rules::Rule>& rule, traces::RecordOptions& options) {
    if (rule == nullptr) return Watch();
    auto watch = rules::RecordWatch::start(options.pid, rule);
    if (!watch) return watch.error();
    options.should_end = [watch = watch->get()] { return watch->held(); };
    options.after_ms = wish.after_ms;
    return watch;
}

// What became of the rule, where the recording did not end by it.
void say_rule(const Watch& watch) {
    if (watch == nullptr) return;
    if (watch->held().empty()) std::fputs("coroscope: the rule did not hold\n", stderr);
    if (watch->overtaken() != 0)
        std::fprintf(stderr, "coroscope: %llu slots of events were overwritten before the rule saw them\n",
                     static_cast<unsigned long long>(watch->overtaken()));
}

// What the signals ask for. [record.stop] [record.dumps] the signal thread writes, the recording loop reads
struct Asked {
    std::atomic<bool> stop{false}, signalled{false};
    std::atomic<std::uint32_t> dumps{0};
};

void add_flight(const FlightSize& size, Asked& asked, traces::RecordOptions& options) {
    traces::TraceWindow window;
    window.bytes = size.bytes;
    if (size.ns != 0) window.ns = size.ns;
    options.flight = window;
    options.dump_wanted = [&asked, done = std::uint32_t{0}]() mutable -> std::string {
        const std::uint32_t wanted = asked.dumps.load(std::memory_order_relaxed);
        return std::exchange(done, wanted) == wanted ? "" : "asked for by SIGUSR1";
    };
    options.on_dump = [size](const base::Result<traces::FlightDump>& dump) {
        const std::string line = dump ? dump_text(size, *dump)
                                      : error_line(dump.error().message + "; recording goes on in memory") + "\n";
        ProgressLine::clear();
        std::fputs(line.c_str(), stderr);
    };
}

base::Result<traces::RecordOptions> options_of(const RecordWish& wish, Asked& asked) {
    traces::RecordOptions options;
    options.path = wish.output;
    options.pid = wish.pid;
    options.sample_period = wish.sample_period;
    options.keyframe_interval_ms = wish.keyframe_interval_ms;
    options.when_full = wish.block ? traces::WhenFull::kBlock : traces::WhenFull::kLose;
    if (wish.flight) add_flight(*wish.flight, asked, options);
    if (ProgressLine::wanted(wish)) options.on_progress = ProgressLine::say;
    if (wish.output != traces::kStandardStream) return options;
    auto medium = traces::open_medium(wish.output, wish.block ? &asked.signalled : &asked.stop);
    if (!medium) return medium.error();
    options.medium = std::move(*medium);
    // From here on whoever writes to stdout, we and the program, writes to stderr.
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return base::error(base::ErrorCode::kIo, "stdout cannot be lent to the trace: " + base::errno_text(errno));
    return options;
}

}  // namespace

int run_record(const RecordWish& wish) {
    std::shared_ptr<const rules::Rule> rule;
    if (!wish.stop_rule.empty()) {
        auto parsed = rules::Rule::parse(wish.stop_rule);
        if (!parsed) return fail_rule(parsed.error());
        rule = *parsed;
    }
    if (auto status = may_write(wish.output); !status) return fail(status.error());
    Asked asked;
    SignalRelay relay({.stop = &asked.stop, .dumps = wish.flight ? &asked.dumps : nullptr, .signalled = &asked.signalled});
    auto options = options_of(wish, asked);
    if (!options) return fail(options.error());
    if (wish.pid != 0) {
        auto watch = watch_for(wish, rule, *options);
        if (!watch) return fail(watch.error());
        const int code = finish(wish, traces::record(*options, &asked.stop));
        say_rule(*watch);
        return code;
    }

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    auto program = LaunchedProgram::start(wish.program, OutputTo::kInherit);
    if (!program) return fail(program.error());
    relay.forward_to((*program)->pid());
    auto target = wait_for_runtime(**program, wish.program.program);
    if (!target) return fail(target.error());
    if (*target != static_cast<std::uint32_t>((*program)->pid()))
        relay.forward_to(static_cast<pid_t>(*target));
    options->pid = *target;
    options->how_it_ended = [&program, pid = static_cast<pid_t>(*target)] {
        return how_it_ended(**program, pid);
    };
    options->on_begin = [&program] { (*program)->stop_looking(); };
    auto watch = watch_for(wish, rule, *options);
    if (!watch) return fail(watch.error());
    const int code = finish(wish, traces::record(*options, &asked.stop));
    say_rule(*watch);
    if ((*program)->wait() != 0) {
        std::fprintf(stderr, "coroscope: %s %s\n", wish.program.program.c_str(),
                     (*program)->status_text().c_str());
    }
    return code;
}

}  // namespace coroscope::app
