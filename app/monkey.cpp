// See monkey.h.
#include "app/monkey.h"

#include <array>

#include <fmt/format.h>

namespace coroscope::app {
namespace {

using Kind = MonkeyInput::Kind;

// Of a hundred inputs that are no storm, this many are of a kind; the rest are clicks.
struct Share {
    Kind kind;
    int share;
};
constexpr std::array kShares = {Share{Kind::kMove, 10}, Share{Kind::kDrag, 8}, Share{Kind::kWheel, 14}, Share{Kind::kKey, 22},
                                Share{Kind::kType, 8}, Share{Kind::kResize, 3}, Share{Kind::kTime, 6}, Share{Kind::kOpen, 3},
                                Share{Kind::kKill, 1}, Share{Kind::kRestart, 1}, Share{Kind::kClose, 1}};
// No name of a program among them: they are typed into the launch form, too.
constexpr std::array<const char*, 10> kTexts = {"climb", "blocked_ns > 10ms", "name =~ \"(", "\"", "state == ",        "~#)(", "äöü→",
                                                "-1",    "run.coro",          "99999999999999999999"};
constexpr std::array<const char*, 8> kKeysOfNothing = {"enter", "tab", "escape", "backspace", "ctrl+a", "ctrl+v", "f12", "alt+x"};

template <typename List>
const auto& one_of(const List& list, int index) {
    return list[static_cast<std::size_t>(index)];
}

}  // namespace

// At a random point, or more often somewhere on a widget.
void Monkey::aim(const MonkeyToys& toys, MonkeyInput& input) {
    if (toys.widgets.empty() || below(5) == 0) {
        input.x = static_cast<float>(below(toys.width + 40) - 20);
        input.y = static_cast<float>(below(toys.height + 40) - 20);
        input.said = fmt::format("at {:.0f},{:.0f}", input.x, input.y);
        return;
    }
    const auto& [name, rect] = one_of(toys.widgets, below(static_cast<int>(toys.widgets.size())));
    input.x = rect.x0 + static_cast<float>(below(1000)) / 1000 * (rect.x1 - rect.x0);
    input.y = rect.y0 + static_cast<float>(below(1000)) / 1000 * (rect.y1 - rect.y0);
    input.said = "on " + name;
}

void Monkey::resize(MonkeyInput& input) {
    input.kind = Kind::kResize;
    switch (storm_left_ > 0 ? below(6) : 5) {  // it ends at a size at which there is something to hit
        case 0:  // what no window manager should do
            input.width = 1 + below(60);
            input.height = 1 + below(60);
            break;
        case 1:
            input.width = 3000;
            input.height = 2000;
            break;
        case 2:  // a strip
            input.width = below(2) == 0 ? 1 + below(40) : 1 + below(3000);
            input.height = input.width <= 40 ? 1 + below(2000) : 1 + below(40);
            break;
        default:
            input.width = 160 + below(below(3) == 0 ? 400 : 1800);
            input.height = 120 + below(below(3) == 0 ? 300 : 1100);
    }
    input.said = fmt::format("resize to {}x{}", input.width, input.height);
}

MonkeyInput Monkey::next(const MonkeyToys& toys) {
    MonkeyInput input;
    if (storm_left_ > 0) {
        --storm_left_;
        resize(input);
        return input;
    }
    input.kind = Kind::kClick;
    int drawn = below(100);
    for (const Share& share : kShares) {
        if (drawn >= 0 && drawn < share.share) input.kind = share.kind;
        drawn -= share.share;
    }
    if (input.kind == Kind::kOpen && openable_.empty()) input.kind = Kind::kClick;
    input.ctrl = below(12) == 0;
    input.shift = below(12) == 0;
    switch (input.kind) {
        case Kind::kMove:
        case Kind::kClick:
        case Kind::kDrag:
        case Kind::kWheel:
            aim(toys, input);
            input.button = below(6) == 0 ? 1 : 0;
            input.to_x = input.x + static_cast<float>(below(600) - 300);
            input.to_y = input.y + static_cast<float>(below(400) - 200);
            input.wheel = static_cast<float>(below(9) - 4);
            input.said = (input.kind == Kind::kMove    ? "move "
                          : input.kind == Kind::kClick ? input.button == 0 ? "click " : "right click "
                          : input.kind == Kind::kDrag  ? "drag "
                                                       : "wheel ") +
                         input.said;
            break;
        case Kind::kKey:
            input.ctrl = input.shift = false;
            input.text = toys.chords.empty() || below(5) == 0 ? one_of(kKeysOfNothing, below(static_cast<int>(kKeysOfNothing.size())))
                                                              : one_of(toys.chords, below(static_cast<int>(toys.chords.size())));
            input.said = "key " + input.text;
            break;
        case Kind::kType:
            input.text = one_of(kTexts, below(static_cast<int>(kTexts.size())));
            input.said = "type " + input.text;
            break;
        case Kind::kResize:
            storm_left_ = below(12);
            resize(input);
            break;
        case Kind::kTime:
            input.time_ns = below(4) == 0 ? -1 : static_cast<std::int64_t>(below(4000)) * 1'000'000;
            input.said = fmt::format("time {} ms", input.time_ns / 1'000'000);
            break;
        case Kind::kOpen:
            input.text = one_of(openable_, below(static_cast<int>(openable_.size())));
            input.said = "open " + input.text;
            break;
        case Kind::kKill:
            input.said = "kill";
            break;
        case Kind::kRestart:
            input.said = "restart";
            break;
        case Kind::kClose:
            input.said = "close";
            break;
    }
    return input;
}

}  // namespace coroscope::app
