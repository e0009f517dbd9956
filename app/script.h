// Scripts: what drives a window without hands. One command a line; # begins a comment; words may be quoted.
//
//   view NAME                 bring a view to the front           preset NAME        arrange the panels
//   select coroutine ID       by identity, or by name             select slot POOL N   select channel NAME   select none
//   time T                    1500ms, 1.5s, 20000ns or "end"       theme NAME
//   click WIDGET              by published name; "click slot POOL N" clicks into the heatmap, "click WIDGET right" the other button
//   drag WIDGET WIDGET [left|right|above|below]   from the middle of one to the middle of the other, or to near its edge
//   drag WIDGET X0 Y0 X1 Y1 [middle|right]   within one, from and to a share of its width and height each: drag timeline.lanes 0.2 0.5 0.6 0.5
//   wheel WIDGET NOTCHES [ctrl|shift]   over the middle of one; up is positive
//   hover WIDGET              key CHORD                            type TEXT           resize WIDTH HEIGHT (pixels)
//   scale FACTOR              as when the window moves to a monitor of that scale; its pixels stay
//   step next|previous [rule]  as the keys . , > < do; waits until it is there
//   wait-for CONDITION [timeout T]     "coroutines > 100", "status == exited"; names are those of the dump's "facts".
//                             "view.NAME": that view is on the screen. "settled": what is drawn
//                             is that of the newest Moment, with its names and code, so that keys find what they act on
//   expect CONDITION          fails at once when it is not true
//   screenshot FILE           dump FILE                            both wait until what is shown is the newest, and of one moment
//   attach PID                replay FILE        launch PROGRAM [ARGUMENTS]      restart      kill      close
//   monkey COUNT SEED [TRACE.coro|PID|"PROGRAM ARGUMENTS"…]   random inputs (monkey.h)
//   quit
//
// A script that uses neither mouse nor keys leaves them to the user of the window: it may wait for what somebody does, and dump it.
//
// Pure parsing here; script_driver.h runs them. Tested in tests/unit/app/script_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"

namespace coroscope::app {

enum class ScriptWord : std::uint8_t {
    kView,
    kPreset,
    kTheme,
    kSelect,
    kTime,
    kClick,
    kDrag,
    kWheel,
    kHover,
    kKey,
    kType,
    kResize,
    kScale,
    kStep,
    kWaitFor,
    kExpect,
    kScreenshot,
    kDump,
    kAttach,
    kReplay,
    kLaunch,
    kRestart,
    kKill,
    kClose,
    kMonkey,
    kQuit,
};

// "coroutines > 100": a fact's name, a comparison, a number or a word.
struct Condition {
    enum class Comparison : std::uint8_t { kLess, kAtMost, kEqual, kNotEqual, kAtLeast, kGreater };
    std::string name;
    Comparison comparison = Comparison::kEqual;
    std::string value;
    std::string text;  // as written
};

struct ScriptCommand {
    ScriptWord word = ScriptWord::kQuit;
    std::vector<std::string> arguments;
    Condition condition;      // kWaitFor, kExpect
    std::vector<double> shares;  // kDrag within a widget: X0 Y0 X1 Y1; kWheel: the notches; kScale: the factor
    std::int64_t number = 0;  // kTime: nanoseconds, -1 = end; kWaitFor: timeout in nanoseconds
    int line = 0;
};

// Errors: kUsage, "FILE:LINE: …" in one sentence.
base::Result<std::vector<ScriptCommand>> parse_script(std::string_view text, const std::string& file);
base::Result<Condition> parse_condition(const std::vector<std::string>& words);
// Whether it holds for the facts; a fact that is not there makes every condition but != false. `now` gets the fact's value as text.
bool holds(const Condition& condition, const nlohmann::json& facts, std::string* now);
}  // namespace coroscope::app
