// A libdwfl session over a fixed list of modules: what the CFI rows and the symbols are read from.
//
// Only files of the build-id that the target runs are reported, so nothing is ever explained by another
// build. Separate debug files are found where Debian puts them (libdw's default path). Thread: one at a time.
// Blocks: reads files on first use.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>

#include "instrumentation/inspect/module_set.h"

namespace coroscope::inspect {

class DwflModules {
public:
    // `modules` must outlive this.
    explicit DwflModules(ModuleSet& modules);

    // The module that covers an address of the target; nullptr when none does.
    Dwfl_Module* find(std::uint64_t address) { return dwfl_addrmodule(dwfl_.get(), address); }

private:
    struct End {
        void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    };
    std::unique_ptr<Dwfl, End> dwfl_;
};

}  // namespace coroscope::inspect
