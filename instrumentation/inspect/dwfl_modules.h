// A libdwfl session over a fixed list of modules: what the CFI rows and the symbols are read from.
//
// Only files of the build-id that the target runs are reported, so nothing is ever explained by another
// build. Separate debug files are found by build-id or name beside the binary, in its .debug folder, in /usr/lib/debug, and in
// folders that the caller names. Thread: one at a time.
// Blocks: reads files on first use.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "instrumentation/inspect/module_set.h"

namespace coroscope::inspect {

class DwflModules {
public:
    // `modules` must outlive this. `debug_paths`: folders in which separate debug files are looked for as well, after the default ones.
    explicit DwflModules(ModuleSet& modules, const std::vector<std::string>& debug_paths = {});
    DwflModules(const DwflModules&) = delete;
    DwflModules& operator=(const DwflModules&) = delete;

    // The module that covers an address of the target; nullptr when none does.
    Dwfl_Module* find(std::uint64_t address) { return dwfl_addrmodule(dwfl_.get(), address); }

private:
    struct End {
        void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    };
    // Both are pointed to by dwfl_ as long as it lives.
    std::string debug_path_;
    char* debug_path_text_ = nullptr;
    Dwfl_Callbacks callbacks_{};
    std::unique_ptr<Dwfl, End> dwfl_;
};

}  // namespace coroscope::inspect
