// What the palette finds for what was typed: commands, and in the omnibox coroutines, channels, locks, sites, views and times as well.
//
// Each word of the pattern must be found in a line, folded: as a part of it, best at the start of a word, or as letters in order ("shpo" finds
// "Show: Stack pools"). What is found better stands first; where equal, the shorter line.
//
// Pure functions; find_in_state() runs off the frame (100,000 coroutines: some 10 ms). Drawn by palette.cpp.
// Tested in tests/unit/views/palette_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/moment.h"
#include "views/actions.h"

namespace coroscope::views {

struct PaletteHit {
    enum class Kind : std::uint8_t { kAction, kCoroutine, kChannel, kLock, kSite, kTime, kFilter };
    Kind kind = Kind::kAction;
    std::string title;         // what was searched, and is shown
    std::string detail;        // beside it, in faint
    std::string keys;          // of an action, as people write them
    std::string id;            // of an action; the channel's, the site's or the filter's text
    std::uint64_t number = 0;  // the coroutine's identity; nanoseconds
    bool possible = true;
    int score = 0;
};

const char* kind_name(PaletteHit::Kind kind);

// How well a pattern is found in a line; nullopt when it is not. Nothing typed is found everywhere, with 0.
std::optional<int> match_score(std::string_view line, std::string_view pattern);

// A time as people write it: "1.5s", "200 ms", "3us", "1m"; after + or - from `now`. nullopt for anything else.
std::optional<traces::TimeNs> time_of(std::string_view text, traces::TimeNs now);

std::vector<PaletteHit> find_actions(const Actions& actions, std::string_view pattern);
// At most `hits_max` of a kind.
std::vector<PaletteHit> find_in_state(const traces::Moment& moment, std::string_view pattern, std::size_t hits_max);

// Best first, at most `hits_max`; actions that are not possible now last.
void put_in_order(std::vector<PaletteHit>& hits, std::size_t hits_max);

}  // namespace coroscope::views
