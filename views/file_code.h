// FileCode: the code of binary files, for the code view to show places in which nobody stands (binary_place.h).
//
// A file is opened off the frame, once, and asked about by a NameService at the addresses that the file itself has. One that is gone, or is no build
// that the place is of, ends in a sentence.
//
// The frame's thread. Tested in tests/unit/views/file_code_test.cpp and tests/e2e/sizes_proof_view_test.py.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/name_service.h"
#include "views/binary_place.h"
#include "views/workspace.h"

namespace coroscope::views {

// Names and code of the file that a place is in. Any thread; Blocks: opens the file. Errors: kUnreadable, kCorrupt, kVersion (another build).
base::Result<std::shared_ptr<traces::NameService>> open_file_code(const BinaryPlace& place, const std::vector<std::string>& debug_paths);

class FileCode {
public:
    // The file of a place; nullptr until it is opened, or with *problem why it cannot be.
    std::shared_ptr<traces::NameService> of(Workspace& ws, const BinaryPlace& place, std::string* problem);
    void reset() { files_.clear(); }

private:
    struct Opened {
        std::shared_ptr<traces::NameService> names;
        std::string problem;
    };
    using Key = std::pair<std::string, std::vector<std::string>>;  // path, builds
    std::map<Key, Computed<int, Opened>> files_;
};

}  // namespace coroscope::views
