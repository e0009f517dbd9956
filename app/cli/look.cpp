// `coroscope stat`, `stacks`, `waits`: one Moment of a trace, a core or a running program, put through one analysis.
//
// A running program is looked at without listening to it: the state plane and the parked stacks are read, no event is switched on, and the
// program does not notice.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "traces/analysis.h"
#include "traces/control.h"
#include "traces/recording_stat.h"
#include "traces/session.h"

namespace coroscope::app {
namespace {

using SessionResult = base::Result<std::unique_ptr<traces::Session>>;

SessionResult open_live_quietly(const LookWish& wish) {
    traces::LiveOptions options;
    options.listening = traces::Listening::kNever;
    options.with_stacks = wish.what == LookWish::What::kStacks;
    options.force_agent_copies = wish.agent_copies;
    return traces::open_live(wish.pid, options);
}

base::Status choose_time(traces::Session& session, const LookWish& wish) {
    if (!wish.at_ns) return base::ok_status();
    const traces::SessionInfo info = session.info();
    if (*wish.at_ns < info.begin || *wish.at_ns > info.end) {
        return base::error(
            base::ErrorCode::kUsage,
            fmt::format("--at {:.3f}ms lies outside {}, which covers {:.3f}ms to {:.3f}ms",
                        static_cast<double>(*wish.at_ns) / 1e6, wish.file,
                        static_cast<double>(info.begin) / 1e6, static_cast<double>(info.end) / 1e6));
    }
    session.set_time(*wish.at_ns);
    return base::ok_status();
}

// A name in the target need not be UTF-8; what is not becomes a replacement character.
std::string dump(const nlohmann::json& json) {
    return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// The analyses ask for names and go on without those that are not known yet; here there is time.
void wait_for_names(traces::Session& session, const traces::Moment& moment) {
    for (const inspect::SiteMigrationsImage& row : moment.state.migrations) {
        if (row.last_address != 0) (void)session.wait_frames({row.last_address});
    }
    for (const inspect::SelectImage& select : moment.state.selects)
        (void)session.wait_frames({select.address});
}

// The stacks of those that run, taken now: put into the rows of `stacks`, or after its text.
base::Status add_running(const LookWish& wish, nlohmann::json* rows, std::string* text) {
    auto control = traces::Control::open(wish.pid);
    if (!control) return control.error();
    auto running = (*control)->running();
    if (!running) return running.error();
    for (const traces::Control::Running& one : *running) {
        const inspect::RunningStack& stack = one.stack;
        nlohmann::json frames = nlohmann::json::array();
        *text += stack.identity == 0 ? fmt::format("\nworker {}\n", stack.worker)
                 : one.name.empty()
                     ? fmt::format("\nrunning on worker {}: {}\n", stack.worker, stack.identity)
                     : fmt::format("\nrunning on worker {}: {} \"{}\" (spawned at {})\n", stack.worker,
                                   stack.identity, one.name, one.site);
        for (const inspect::Frame& frame : one.frames) {
            *text += fmt::format("    {:#x}  {}{}{}\n", frame.pc, frame.function.empty() ? "?" : frame.function,
                                 frame.inlined ? " (inlined)" : "",
                                 frame.file.empty() ? "" : fmt::format("  {}:{}", frame.file, frame.line));
            frames.push_back({{"pc", frame.pc},
                              {"function", frame.function},
                              {"file", frame.file},
                              {"line", frame.line},
                              {"module", frame.module},
                              {"inlined", frame.inlined}});
        }
        if (one.frames.empty()) *text += "    (" + (stack.error.empty() ? "no stack" : stack.error) + ")\n";
        rows->push_back({{"id", stack.identity},
                         {"name", one.name},
                         {"worker", stack.worker},
                         {"consistency", one.frames.empty() ? "running" : "exact"},
                         {"whole", stack.end == inspect::UnwindEnd::kEntry},
                         {"stopped_ns", stack.stopped_ns},
                         {"error", stack.error},
                         {"frames", std::move(frames)}});
    }
    if (running->empty()) *text += "\nno worker runs a coroutine just now\n";
    return base::ok_status();
}

std::string stacks_and_running(traces::Session& session, const traces::Moment& moment, const LookWish& wish,
                               int* code) {
    nlohmann::json rows = nlohmann::json::array();
    std::string text;
    if (auto status = add_running(wish, &rows, &text); !status) *code = fail(status.error());
    if (!wish.json) return traces::stacks_text(session, moment) + text;
    nlohmann::json stacks = traces::stacks_json(session, moment);
    stacks["running"] = std::move(rows);
    return dump(stacks);
}

// How a trace was recorded; nothing of a core or a running program.
std::optional<traces::RecordingStat> recording_of(const traces::Session& session) {
    if (session.info().kind != traces::SessionKind::kRecorded) return std::nullopt;
    const std::shared_ptr<const traces::Replay> replay = session.replay();
    return traces::recording_stat(replay->reader());
}

// The text to print; *code becomes kExitFinding where the answer is one.
std::string answer(traces::Session& session, const traces::Moment& moment, const LookWish& wish, int* code) {
    switch (wish.what) {
        case LookWish::What::kStat: {
            const traces::Stat stat = traces::compute_stat(session, moment);
            const auto recording = recording_of(session);
            if (!wish.json) return traces::to_text(stat) + (recording ? traces::to_text(*recording) : "");
            nlohmann::json json = traces::to_json(stat);
            json["recording"] = recording ? traces::to_json(*recording) : nlohmann::json(nullptr);
            return dump(json);
        }
        case LookWish::What::kStacks:
            if (!wish.running)
                return wish.json ? dump(traces::stacks_json(session, moment))
                                 : traces::stacks_text(session, moment);
            return stacks_and_running(session, moment, wish, code);
        case LookWish::What::kWaits: {
            const traces::Waits waits = traces::compute_waits(moment);
            if (std::any_of(waits.cycles.begin(), waits.cycles.end(),
                            [](const auto& cycle) { return cycle.certain; }))
                *code = kExitFinding;
            if (wish.dot) return traces::to_dot(waits);
            return wish.json ? dump(traces::to_json(waits)) : traces::to_text(waits);
        }
    }
    return "";
}

// A program that has ended has nothing to show at its end: says when it had. "" where there is something, or never was.
std::string ended_hint(const traces::Session& session, const traces::Moment& moment, const LookWish& wish) {
    const traces::SessionInfo info = session.info();
    if (wish.at_ns || !moment.state.coroutines.empty() || info.kind != traces::SessionKind::kRecorded ||
        info.populated >= info.end)
        return "";
    const char* word = wish.what == LookWish::What::kStacks ? "stacks" : "waits";
    const double at_ms = std::floor(static_cast<double>(info.populated) / 1e3) / 1e3;
    return fmt::format(
        "the program had ended by then; for its last look with coroutines: coroscope {} {} --at {:.3f}ms\n",
        word, wish.file, at_ms);
}

}  // namespace

int run_look(const LookWish& wish) {
    SessionResult session = wish.pid != 0 ? open_live_quietly(wish)
                                          : traces::open_recording(wish.file, wish.binary);
    if (!session) return fail(session.error());
    if (auto status = choose_time(**session, wish); !status) return fail(status.error());
    auto moment = (*session)->wait_moment();
    if (!moment) return fail(moment.error());
    wait_for_names(**session, **moment);
    int code = kExitGood;
    if (const std::string lacks = (*session)->info().lacks; !lacks.empty())
        std::fprintf(stderr, "%s\n", error_line(wish.file + ": " + lacks).c_str());
    if (auto status = write_stdout(answer(**session, **moment, wish, &code)); !status)
        return fail(status.error());
    if (wish.what != LookWish::What::kStat && !wish.json && !wish.dot)
        std::fputs(ended_hint(**session, **moment, wish).c_str(), stderr);
    return code;
}

}  // namespace coroscope::app
