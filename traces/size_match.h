// Which spawn sites of one run are those of another, where the program may have changed in between, or may lie elsewhere.
//
// In turns, each over what the turns before have left, and only where neither side has a second one that fits as well:
//   1. the same "file:line", and the same function (or one of them is not known)
//   2. the same file and function: it moved within its file
//   3. the same file name, line and function: the tree lies in another folder
//   4. the same file name and function
// Functions are compared by name as in a table (size_join.h).
//
// Thread: pure. Tested in tests/unit/traces/size_compare_test.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace coroscope::traces {

struct SizeSiteName {
    std::string site;    // "file:line"
    std::string symbol;  // enclosing function; "" = not known
};

inline constexpr std::size_t kNoMatch = static_cast<std::size_t>(-1);

// For each of `now` its position in `before`, or kNoMatch.
std::vector<std::size_t> match_sites(const std::vector<SizeSiteName>& before, const std::vector<SizeSiteName>& now);

}  // namespace coroscope::traces
