// `coroscope ctl`: takes hold of a running program, says what came of it, and holds it until it is interrupted.
//
// A pause lasts as long as the one who asked for it: until Ctrl-C, until somebody says resume, or until the program has ended; with --keep it is
// left behind. So nobody's program stands still because a terminal was closed.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/cli/ctl_line.h"

#include "app/cli/exit_codes.h"
#include "app/cli/interrupt.h"
#include "app/cli/words.h"
#include "instrumentation/wire/event.h"
#include "traces/control.h"

namespace coroscope::app {
namespace {

constexpr int kLookMs = 20;  // between two looks whether somebody has resumed it

template <typename Report>
int print(const CtlWish& wish, const Report& report) {
    const std::string text = wish.json ? traces::to_json(report).dump(
                                             1, ' ', false, nlohmann::json::error_handler_t::replace) +
                                             "\n"
                                       : traces::to_text(report);
    if (auto status = write_stdout(text); !status) return fail(status.error());
    return kExitGood;
}

int pause(const CtlWish& wish, traces::Control& control) {
    const Interrupt interrupt;
    auto report = control.pause(wish.coroutines, wish.keep, wish.patience_ms);
    if (!report) return fail(report.error());
    if (const int code = print(wish, *report); code != kExitGood) return code;
    const int code = report->stragglers.empty() ? kExitGood : kExitFinding;
    if (wish.keep) {
        std::fprintf(stderr, "coroscope: it stays so until 'coroscope ctl --pid %u resume'\n", wish.pid);
        return code;
    }
    std::fprintf(stderr, "coroscope: it stays so until Ctrl-C, or 'coroscope ctl --pid %u resume'\n", wish.pid);
    while (!interrupt.wait(kLookMs)) {
        auto held = control.pause_now();
        if (!held || !control.alive()) return fail(base::error(base::ErrorCode::kGone, fmt::format("process {} has ended", wish.pid)));
        if (!held->everything && held->chosen == 0) break;
    }
    return code;
}

int stop(const CtlWish& wish, traces::Control& control) {
    const Interrupt interrupt;
    // First its stack: once its thread is ours nobody else, we included, could stop it anew.
    auto running = control.running();
    if (!running) return fail(running.error());
    auto stopped = control.stop(wish.coroutines.front());
    if (!stopped) return fail(stopped.error());
    std::string text = fmt::format("thread {} of process {} is stopped, in coroutine {}; a moment before:\n",
                                   stopped->thread(), wish.pid, wish.coroutines.front());
    nlohmann::json frames = nlohmann::json::array();
    for (const traces::Control::Running& one : *running) {
        if (one.stack.identity != wish.coroutines.front()) continue;
        for (std::size_t i = 0; i < one.frames.size(); ++i) {
            const inspect::Frame& frame = one.frames[i];
            text += fmt::format("  #{} {}{}\n", i, frame.function.empty() ? fmt::format("{:#x}", frame.pc) : frame.function,
                                frame.file.empty() ? "" : fmt::format(" at {}:{}", frame.file, frame.line));
            frames.push_back({{"pc", frame.pc}, {"function", frame.function}, {"file", frame.file}, {"line", frame.line}});
        }
        if (one.frames.empty()) text += "  (" + (one.stack.error.empty() ? "no stack" : one.stack.error) + ")\n";
    }
    if (wish.json)
        text = nlohmann::json{{"pid", wish.pid}, {"thread", stopped->thread()}, {"coroutine", wish.coroutines.front()},
                              {"frames", std::move(frames)}}.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (auto status = write_stdout(text); !status) return fail(status.error());
    std::fprintf(stderr, "coroscope: it stands until Ctrl-C; the rest of the program goes on\n");
    while (!interrupt.wait(kLookMs)) {
        if (!control.alive()) return fail(base::error(base::ErrorCode::kGone, fmt::format("process {} has ended", wish.pid)));
    }
    return kExitGood;
}

int mask(const CtlWish& wish, traces::Control& control) {
    auto withheld = control.withhold(wish.withheld, wish.changed);
    if (!withheld) return fail(withheld.error());
    const std::uint32_t left = wire::kEventCategories & ~*withheld;
    const std::string text =
        wish.json ? nlohmann::json{{"pid", wish.pid}, {"categories", categories_text(left)}, {"withheld", categories_text(*withheld)}}.dump(1) + "\n"
                  : fmt::format("process {} emits for whoever listens: {}; withheld: {}\n", wish.pid, categories_text(left),
                                categories_text(*withheld));
    auto status = write_stdout(text);
    return status ? static_cast<int>(kExitGood) : fail(status.error());
}

}  // namespace

int run_ctl(const CtlWish& wish) {
    if (wish.what == CtlWish::What::kBreak) return run_break(wish);
    auto control = traces::Control::open(wish.pid);
    if (!control) return fail(control.error());
    switch (wish.what) {
        case CtlWish::What::kPause:
            return pause(wish, **control);
        case CtlWish::What::kStop:
            return stop(wish, **control);
        case CtlWish::What::kResume: {
            auto report = (*control)->resume(wish.coroutines);
            return report ? print(wish, *report) : fail(report.error());
        }
        case CtlWish::What::kStep: {
            auto report = (*control)->step(wish.coroutines.empty() ? 0 : wish.coroutines.front(), wish.patience_ms);
            return report ? print(wish, *report) : fail(report.error());
        }
        case CtlWish::What::kMask:
            return mask(wish, **control);
        case CtlWish::What::kBreak:
            break;
    }
    return kExitUsage;
}

}  // namespace coroscope::app
