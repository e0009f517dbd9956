// Random input: what somebody might do who knows nothing, as a sequence that its seed repeats.
//
// It moves, clicks, drags and scrolls at random points and at random widgets (of which it is told where they are), presses any key that means
// something and some that do not, types what is half a rule, changes the window's size in storms, and opens, restarts, kills and closes sessions.
// It never asks the window to quit. What it does depends on the seed and on what is on the screen.
//
// The script's word `monkey` runs it (script_monkey.cpp); `./dev monkey` with ASan (tests/e2e/monkey_test.py). Thread: one. Tested in
// tests/unit/app/monkey_test.cpp.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "views/workspace.h"

namespace coroscope::app {

struct MonkeyInput {
    enum class Kind : std::uint8_t { kMove, kClick, kDrag, kWheel, kKey, kType, kResize, kTime, kOpen, kKill, kRestart, kClose };
    Kind kind = Kind::kMove;
    float x = 0, y = 0;        // kMove … kWheel: where
    float to_x = 0, to_y = 0;  // kDrag: where to
    int button = 0;            // kClick, kDrag
    float wheel = 0;
    bool ctrl = false, shift = false;
    int width = 0, height = 0;  // kResize
    std::int64_t time_ns = 0;   // kTime; -1 = end
    std::string text;           // kKey: a chord; kType; kOpen: what
    std::string said;           // what this is, for whoever reads what it led to
};

// What there is to play with.
struct MonkeyToys {
    std::vector<std::pair<std::string, views::Rect>> widgets;
    std::vector<std::string> chords;
    int width = 0, height = 0;
};

class Monkey {
public:
    // `openable`: traces (*.coro), processes (numbers) and command lines of programs to launch.
    Monkey(std::uint64_t seed, std::vector<std::string> openable) : random_(seed), openable_(std::move(openable)) {}
    MonkeyInput next(const MonkeyToys& toys);

private:
    int below(int bound) { return bound <= 1 ? 0 : static_cast<int>(random_() % static_cast<std::uint64_t>(bound)); }
    void aim(const MonkeyToys& toys, MonkeyInput& input);
    void resize(MonkeyInput& input);

    std::mt19937_64 random_;
    std::vector<std::string> openable_;
    int storm_left_ = 0;  // changes of size that follow each other
};

}  // namespace coroscope::app
