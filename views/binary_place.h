// BinaryPlace: an instruction of a binary file, whether or not a coroutine stands there: what a proof names, for the code view to show.
//
// The file must be of one of the builds that were proven: another one has other code at that address, and is refused.
//
// Plain values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace coroscope::views {

struct BinaryPlace {
    std::string binary = {};                  // path
    std::vector<std::string> build_ids = {};  // hex; none: any
    std::uint64_t address = 0;                // as the file has it
    std::string function = {};                // around it, as the proof names it
    std::string mark = {};                    // what the instruction does in the proof: "calls demo::weigh"
    bool operator==(const BinaryPlace&) const = default;
};

}  // namespace coroscope::views
