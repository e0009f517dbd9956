// What came of a pause or a step, as text and as JSON.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "traces/control.h"

namespace coroscope::traces {
namespace {

using nlohmann::json;

std::string who(std::uint64_t identity, const std::string& name) {
    return name.empty() ? fmt::format("coroutine {}", identity) : fmt::format("coroutine {} \"{}\"", identity, name);
}

const char* plural(std::uint64_t count) {
    return count == 1 ? "" : "s";
}

}  // namespace

std::string to_text(const HoldReport& report) {
    std::string text;
    if (report.pause.everything) {
        text = fmt::format("process {} is paused: {} of {} worker{} held, {} coroutine{} stand{}, {} of them ready\n",
                           report.pid, report.held, report.workers, plural(report.workers), report.coroutines,
                           plural(report.coroutines), report.coroutines == 1 ? "s" : "", report.ready);
    } else if (report.pause.chosen != 0) {
        text = fmt::format("process {} runs, but for {} chosen coroutine{}\n", report.pid, report.pause.chosen,
                           plural(report.pause.chosen));
    } else {
        text = fmt::format("process {} runs, nothing of it is held\n", report.pid);
    }
    for (const Chosen& chosen : report.chosen)
        text += fmt::format("{}: {}\n", who(chosen.coroutine, chosen.name), chosen.does);
    for (const Straggler& straggler : report.stragglers) {
        text += fmt::format(
            "worker {} runs {} (spawned at {}), which has not come to a scheduling point: 'coroscope ctl --pid {} "
            "stop {}' stops its thread\n",
            straggler.worker, who(straggler.coroutine, straggler.name), straggler.site, report.pid,
            straggler.coroutine);
    }
    return text;
}

json to_json(const HoldReport& report) {
    json stragglers = json::array();
    for (const Straggler& straggler : report.stragglers)
        stragglers.push_back({{"worker", straggler.worker},
                              {"thread", straggler.thread},
                              {"coroutine", straggler.coroutine},
                              {"name", straggler.name},
                              {"site", straggler.site}});
    json chosen = json::array();
    for (const Chosen& one : report.chosen)
        chosen.push_back({{"coroutine", one.coroutine}, {"name", one.name}, {"does", one.does}});
    return {{"pid", report.pid},
            {"paused", report.pause.everything},
            {"chosen_count", report.pause.chosen},
            {"workers", report.workers},
            {"held", report.held},
            {"coroutines", report.coroutines},
            {"ready", report.ready},
            {"chosen", std::move(chosen)},
            {"stragglers", std::move(stragglers)}};
}

std::string to_text(const StepReport& report) {
    if (report.under_way)
        return report.coroutine == 0
                   ? "the step is under way: its coroutine has not come to a scheduling point yet\n"
                   : who(report.coroutine, report.name) + " has not come to a scheduling point yet\n";
    if (report.coroutine == 0) return "nobody is ready: nothing was run\n";
    std::string text = fmt::format("{} ran, and {}\n", who(report.coroutine, report.name),
                                   report.does == "ended" ? "has ended" : "is " + report.does);
    if (report.does.rfind("waits", 0) == 0)
        text = fmt::format("{} ran, and {}\n", who(report.coroutine, report.name), report.does);
    for (std::size_t i = 0; i < report.frames.size(); ++i) {
        const inspect::Frame& frame = report.frames[i];
        text += fmt::format("  #{} {}", i, frame.function.empty() ? fmt::format("{:#x}", frame.pc) : frame.function);
        if (!frame.file.empty()) text += fmt::format(" at {}:{}", frame.file, frame.line);
        text += "\n";
    }
    return text;
}

json to_json(const StepReport& report) {
    json frames = json::array();
    for (const inspect::Frame& frame : report.frames)
        frames.push_back({{"pc", frame.pc}, {"function", frame.function}, {"file", frame.file}, {"line", frame.line}});
    return {{"coroutine", report.coroutine},
            {"name", report.name},
            {"does", report.does},
            {"under_way", report.under_way},
            {"frames", std::move(frames)}};
}

}  // namespace coroscope::traces
