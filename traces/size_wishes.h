// Wishes of people for the class of a spawn site, as a size table keeps them.
//
// A wish is made in the Sizes view, and goes with the table through every merge. Where two contradict each other the newer one counts, of two made
// at once that for the larger class; the others are kept, so that the order of merging does not matter, and are named. A wish for a class that a
// stack of the site did not fit, as the program itself said, does not count. A wish follows a site that moved, and is left alone by another
// function's site at its line.
//
// Thread: pure. Tested in tests/unit/traces/size_wishes_test.cpp.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "instrumentation/wire/pool.h"

namespace coroscope::traces {

struct JoinedSizes;

inline constexpr std::size_t kSizeWishesMax = 8;  // of a site: the newest

struct SizeWish {
    std::uint64_t unix_ns = 0;  // when it was made
    wire::SizeClass size_class = wire::SizeClass::kMedium;
    std::string symbol;  // enclosing function of the spawn; "" = not known
    auto operator<=>(const SizeWish&) const = default;
};

using WishesBySite = std::map<std::string, std::set<SizeWish>>;  // by "file:line"

void add_wish(WishesBySite& wishes, const std::string& site, const SizeWish& wish);
void merge_wishes(WishesBySite& wishes, const WishesBySite& more);
// Puts them into the rows, and what they came to into the notes.
void apply_wishes(const WishesBySite& wishes, JoinedSizes& joined);

}  // namespace coroscope::traces
