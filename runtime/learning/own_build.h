// Which build of which program this process runs: what rows of a size table are told apart by (traces/size_rows.h names builds the same way).
//
// The build-id is read from the notes that the loader has mapped with the program, by no library; a program that was linked without one has "".
//
// Thread: own_build() for the first time while no worker runs; afterwards any, also signal handlers. Tested in
// tests/unit/runtime/own_build_test.cpp.
#pragma once

#include <string>

namespace cprime::detail {

struct OwnBuild {
    std::string program;   // its file's name
    std::string build_id;  // hex
    bool operator==(const OwnBuild&) const = default;
};

const OwnBuild& own_build();

}  // namespace cprime::detail
