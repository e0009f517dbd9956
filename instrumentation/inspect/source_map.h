// Where the source of a program lies on this machine, when it is not where the compiler saw it.
//
// Debug information names files by the path at which they were compiled: on a build machine, in a container, or mapped to something short
// (-ffile-prefix-map). A SourceMap holds pairs FROM=TO (`--source-map`); a path that begins with FROM, whole folders only, is looked for
// under TO. The longest FROM that fits wins.
//
// Thread: a value; read() any thread. Blocks: read() reads a file. Tested in tests/unit/inspect/source_map_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "instrumentation/base/result.h"

namespace coroscope::inspect {

class SourceMap {
public:
    // "FROM=TO". Errors: kUsage.
    base::Status add(std::string_view pair);
    bool empty() const { return pairs_.empty(); }
    // Where to look, best first: what the map says, then the path itself.
    std::vector<std::string> places(const std::string& path) const;

    struct Source {
        std::string path;  // where it was found
        std::vector<std::string> lines;
    };
    // kUnreadable with one sentence: each path that was tried, why, and what can be done.
    base::Result<Source> read(const std::string& path) const;

private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace coroscope::inspect
