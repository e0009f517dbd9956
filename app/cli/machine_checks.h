// What `coroscope doctor` asks of the machine, one finding each.
//
// A finding is good, or a warning with one sentence on how to mend it. Nothing here is fatal: the runtime has a fallback for whatever is
// missing, and the finding says what that costs.
//
// Thread: any. Blocks: reads small files of /proc. Tested in tests/unit/app/machine_checks_test.cpp on a made-up /proc.
#pragma once

#include <string>
#include <vector>

namespace coroscope::app {

struct Finding {
    std::string about;  // "guard pages"
    bool good = true;
    std::string what;    // what was found
    std::string remedy;  // how to mend it; "" when good
};

// The kernel's side. `root` stands before every path ("" = this machine's own files).
Finding check_guard_pages();
Finding check_map_count(const std::string& root, bool guards_need_mappings);
Finding check_overcommit(const std::string& root);
Finding check_ptrace(const std::string& root);
Finding check_reading_memory();
Finding check_sealing();
Finding check_clock(const std::string& root);
// Coroscope's own side.
Finding check_debug_information();

}  // namespace coroscope::app
