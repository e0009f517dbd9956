// `coroscope top`: the text twin of the window's overview, in a terminal; one table where there is none, or for a file.
//
// The program is looked at ten times in each interval without listening to it; the terminal is drawn once an interval and after each key.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/exit_codes.h"
#include "app/cli/interrupt.h"
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

base::Result<SessionPtr> open(const TopWish& wish) {
    if (wish.pid == 0) return traces::open_recording(wish.file, wish.binary, {}, traces::StartAt::kPopulated);
    traces::LiveOptions options;
    options.listening = traces::Listening::kNever;
    options.refresh_ms = look_ms(wish);
    return traces::open_live(wish.pid, options);
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

// Of a running program waits so long as rates and shares need, then prints. `interrupt` ends the waiting; nullptr: it is a file.
int print_once(traces::Session& session, TopFollower& follower, const TopWish& wish,
               const Interrupt* interrupt) {
    if (interrupt != nullptr) {
        (void)follower.table();  // what rates are differences to
        // A lint's second look lies further off than any rule asks for; a program at which nothing happens is looked at ever more rarely.
        const milliseconds apart = std::max(milliseconds(1100), milliseconds(wish.every_ns / 1'000'000));
        const auto until = Clock::now() + apart;
        const auto first = session.moment();
        const auto apart_yet = [&] { return session.moment()->t - first->t >= std::chrono::nanoseconds(apart).count(); };
        while ((Clock::now() < until || !apart_yet()) && session.info().status == traces::TargetStatus::kRunning &&
               !interrupt->wait(look_ms(wish)))
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

void follow(Terminal& terminal, traces::Session& session, TopFollower& follower, const TopWish& wish) {
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
        if (!take_key(key, look)) return;
        draw = true;
    }
}

}  // namespace

int run_top(const TopWish& wish) {
    const bool screen = !wish.once && !wish.json && wish.pid != 0 && is_terminal();
    // Before the session's threads, which inherit what signals are blocked.
    std::optional<Terminal> terminal;
    std::optional<Interrupt> interrupt;
    if (screen) terminal.emplace();
    if (!screen && wish.pid != 0) interrupt.emplace();
    base::Result<SessionPtr> session = open(wish);
    if (!session) return fail(session.error());
    TopFollower follower(**session, {wish.mutes.begin(), wish.mutes.end()});
    if (auto first = (*session)->wait_moment(); !first) return fail(first.error());
    follower.poll();
    if (!screen) return print_once(**session, follower, wish, interrupt ? &*interrupt : nullptr);
    if (auto entered = terminal->enter(); !entered) return fail(entered.error());
    follow(*terminal, **session, follower, wish);
    terminal.reset();  // the session may take a moment to let go
    return kExitGood;
}

}  // namespace coroscope::app
