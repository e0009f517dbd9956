// `coroscope top`: the text twin of the window's overview, in a terminal; one table where there is none, or for a file.
//
// The program is looked at ten times in each interval without listening to it; the terminal is drawn once an interval and after each key. One that
// was started here ends the screen with its own end, and its exit status is ours.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/exit_codes.h"
#include "app/cli/interrupt.h"
#include "app/cli/top_program.h"
#include "app/cli/words.h"
#include "app/top/terminal.h"
#include "app/top/top_screen.h"
#include "app/top/top_table.h"
#include "traces/session.h"

namespace coroscope::app {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using SessionPtr = std::unique_ptr<traces::Session>;

constexpr int kLooksEach = 10;
constexpr int kLookMsMin = 20, kLookMsMax = 1000;

int look_ms(const TopWish& wish) {
    return std::clamp(static_cast<int>(wish.every_ns / 1'000'000 / kLooksEach), kLookMsMin, kLookMsMax);
}

base::Result<SessionPtr> open(const TopWish& wish, std::uint32_t pid) {
    if (pid == 0) return traces::open_recording(wish.file, wish.binary, {}, traces::StartAt::kPopulated);
    traces::LiveOptions options;
    options.listening = traces::Listening::kNever;
    options.refresh_ms = look_ms(wish);
    return traces::open_live(pid, options);
}

bool colours_wanted() {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    return (no_colour == nullptr || *no_colour == '\0') &&
           (terminal == nullptr || std::string(terminal) != "dumb");
}

TopTable arranged(TopTable table, const TopLook& look) {
    filter_table(table, look.filter);
    sort_sites(table.sites, look.sort);
    return table;
}

// Of a running program waits so long as rates and shares need, then prints. `wait` takes milliseconds, and says when waiting must end before; empty:
// it is a file.
int print_once(traces::Session& session, TopFollower& follower, const TopWish& wish, const std::function<bool(int)>& wait) {
    if (wait) {
        (void)follower.table();  // what rates are differences to
        // A lint's second look lies further off than any rule asks for; a program at which nothing happens is looked at ever more rarely.
        const milliseconds apart = std::max(milliseconds(1100), milliseconds(wish.every_ns / 1'000'000));
        const auto until = Clock::now() + apart;
        const auto first = session.moment();
        const auto apart_yet = [&] { return session.moment()->t - first->t >= std::chrono::nanoseconds(apart).count(); };
        while ((Clock::now() < until || !apart_yet()) && session.info().status == traces::TargetStatus::kRunning &&
               !wait(look_ms(wish)))
            follower.poll();
        follower.poll();
    }
    TopLook look;
    look.rows = 0;
    look.filter = wish.filter;
    look.sort = top_sort(wish.sort);
    const TopTable table = arranged(follower.table(), look);
    // A name in the target need not be UTF-8; what is not becomes a replacement character.
    auto written = write_stdout(
        wish.json ? to_json(table).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                  : top_lines(table, look));
    return written ? static_cast<int>(kExitGood) : fail(written.error());
}

// What a key changes of the look; false: the end is asked for.
bool take_key(const Key& key, TopLook& look) {
    if (key.kind == KeyKind::kAskedToEnd) return false;
    if (look.typing) {
        if (key.kind == KeyKind::kEnter) look.typing = false;
        if (key.kind == KeyKind::kText) look.filter += key.text;
        if (key.kind == KeyKind::kBackspace) {
            while (!look.filter.empty() && (static_cast<unsigned char>(look.filter.back()) & 0xc0) == 0x80)
                look.filter.pop_back();
            if (!look.filter.empty()) look.filter.pop_back();
        }
        if (key.kind == KeyKind::kEscape) {
            look.typing = false;
            look.filter.clear();
        }
        return true;
    }
    const auto page = static_cast<std::size_t>(std::max(1, look.rows / 2));
    switch (key.kind) {
        case KeyKind::kUp:
            look.first -= std::min<std::size_t>(look.first, 1);
            break;
        case KeyKind::kDown:
            ++look.first;
            break;
        case KeyKind::kPageUp:
            look.first -= std::min(look.first, page);
            break;
        case KeyKind::kPageDown:
            look.first += page;
            break;
        case KeyKind::kHome:
            look.first = 0;
            break;
        case KeyKind::kEnd:
            look.first = SIZE_MAX;
            break;
        case KeyKind::kEscape:
            look.filter.clear();
            break;
        default:
            break;
    }
    if (key.kind != KeyKind::kText) return true;
    if (key.text == "q") return false;
    if (key.text == "p" || key.text == " ") look.paused = !look.paused;
    if (key.text == "/") look.typing = true;
    if (key.text == "s")
        look.sort = static_cast<TopSort>((static_cast<std::size_t>(look.sort) + 1) % std::size(kTopSortNames));
    return true;
}

// Until somebody asks for the end, or the program that was started here (nullptr: none was) has ended: then true.
bool follow(Terminal& terminal, traces::Session& session, TopFollower& follower, const TopWish& wish, TopProgram* program) {
    TopLook look;
    look.colour = colours_wanted();
    look.filter = wish.filter;
    look.sort = top_sort(wish.sort);
    const milliseconds every(wish.every_ns / 1'000'000);
    auto next_table = Clock::now();
    TopTable shown;
    bool draw = true;
    for (;;) {
        follower.poll();
        if (program != nullptr && program->poll() && session.info().status != traces::TargetStatus::kRunning) return true;
        if (!look.paused && Clock::now() >= next_table && follower.has_look()) {
            shown = follower.table();
            next_table = Clock::now() + every;
            draw = true;
        }
        if (draw) {
            const Terminal::Size size = terminal.size();
            look.columns = size.columns;
            look.rows = size.rows;
            // Its status is of now, also where the table stands still.
            shown.status = session.info().status_text;
            terminal.draw(top_lines(arranged(shown, look), look));
            draw = false;
        }
        const Key key = terminal.wait(look_ms(wish));
        if (key.kind == KeyKind::kNone) continue;
        if (!take_key(key, look)) return false;
        draw = true;
    }
}

// With a screen. `pid`: of the program, which was started here or not.
int follow_on_screen(Terminal& terminal, const TopWish& wish, std::uint32_t pid, TopProgram* program, bool& ended) {
    base::Result<SessionPtr> session = open(wish, pid);
    if (!session) return fail(session.error());
    TopFollower follower(**session, {wish.mutes.begin(), wish.mutes.end()});
    if (auto first = (*session)->wait_moment(); !first) return fail(first.error());
    if (auto entered = terminal.enter(); !entered) return fail(entered.error());
    ended = follow(terminal, **session, follower, wish, program);
    terminal.leave();  // the session may take a moment to let go
    return kExitGood;
}

int print_table(const TopWish& wish, std::uint32_t pid, const std::function<bool(int)>& wait) {
    base::Result<SessionPtr> session = open(wish, pid);
    if (!session) return fail(session.error());
    TopFollower follower(**session, {wish.mutes.begin(), wish.mutes.end()});
    if (auto first = (*session)->wait_moment(); !first) return fail(first.error());
    follower.poll();
    return print_once(**session, follower, wish, wait);
}

// A program of our own: what it ends with is what we end with, unless somebody asks for our end first, or we fail.
int run_program(const TopWish& wish, Terminal* terminal) {
    auto program = TopProgram::start(wish.program, terminal != nullptr);
    if (!program) return fail(program.error());
    const auto given_up = [&] { return terminal != nullptr ? terminal->asked_to_end() : (*program)->wait(0); };
    auto pid = (*program)->wait_for_runtime(given_up);
    if (!pid && terminal == nullptr && pid.error().code != base::ErrorCode::kGone) return (*program)->finish();  // the signal is its own
    if (!pid) {
        (*program)->dismiss();
        return fail(pid.error());
    }
    if (terminal == nullptr) {
        const int code = print_table(wish, *pid, [&](int ms) { return (*program)->wait(ms); });
        const int its = (*program)->finish();
        return code != kExitGood ? code : its;
    }
    bool ended = false;
    const int code = follow_on_screen(*terminal, wish, *pid, program->get(), ended);
    if (ended) return (*program)->finish();
    (*program)->dismiss();
    return code;
}

}  // namespace

int run_top(const TopWish& wish) {
    const bool runs = wish.file.empty();
    const bool screen = !wish.once && !wish.json && runs && is_terminal();
    // Before the session's threads, which inherit what signals are blocked.
    std::optional<Terminal> terminal;
    if (screen) terminal.emplace();
    if (!wish.program.program.empty()) return run_program(wish, terminal ? &*terminal : nullptr);
    if (screen) {
        bool ended = false;
        return follow_on_screen(*terminal, wish, wish.pid, nullptr, ended);
    }
    if (!runs) return print_table(wish, 0, {});
    const Interrupt interrupt;
    return print_table(wish, wish.pid, [&](int ms) { return interrupt.wait(ms); });
}

}  // namespace coroscope::app
