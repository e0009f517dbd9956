// The ELF files that a program had mapped when its core was written, and where they are now.
//
// A core names paths; what lies there now may be another build. The first page of each mapped file is in the core (the kernel and gdb put it
// there), and with it the build-id of what ran: a file is used only if it has that.
//
// Thread: any. Blocks: reads the core and the files. Tested in tests/unit/inspect/core_file_test.cpp and tests/e2e/core_test.py.
#pragma once

#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/core_file.h"
#include "instrumentation/inspect/stack.h"

namespace coroscope::inspect {

struct CoreModules {
    std::vector<Module> modules;       // ascending by address; of missing ones the file cannot be used
    std::string program;               // path of the executable, as the core has it; "" = not known
    bool program_missing = false;      // gone, or another build
    std::vector<std::string> missing;  // paths of libraries that are gone, or other builds
};

// `binary` stands for the program's own path where that is not ""; errors: kUnreadable (it cannot be read), kCorrupt (another build than
// the one that ran).
base::Result<CoreModules> modules_of_core(const CoreFile& core, const std::string& binary);

}  // namespace coroscope::inspect
