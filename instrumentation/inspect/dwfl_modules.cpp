// Reporting modules to libdwfl at the addresses where the target has them.
#include "instrumentation/inspect/dwfl_modules.h"

#include <fcntl.h>
#include <unistd.h>

namespace coroscope::inspect {
namespace {

const Dwfl_Callbacks kCallbacks = {
    dwfl_build_id_find_elf, dwfl_standard_find_debuginfo, dwfl_offline_section_address,
    nullptr,  // the default path: :.debug:/usr/lib/debug
};

}  // namespace

DwflModules::DwflModules(ModuleSet& modules) : dwfl_(dwfl_begin(&kCallbacks)) {
    CHECK(dwfl_ != nullptr);
    dwfl_report_begin(dwfl_.get());
    for (const ModuleSet::Entry& entry : modules.all()) {
        if (entry.file == nullptr) continue;
        const char* path = entry.module.path.c_str();
        // What is no file is read through a descriptor, which libdwfl then closes.
        const bool file = path[0] == '/';
        const int descriptor = file ? -1 : fcntl(entry.file->descriptor(), F_DUPFD_CLOEXEC, 0);
        const auto* reported = dwfl_report_elf(dwfl_.get(), path, path, descriptor, entry.bias, true);
        if (reported == nullptr && descriptor >= 0) close(descriptor);
    }
    dwfl_report_end(dwfl_.get(), nullptr, nullptr);
}

}  // namespace coroscope::inspect
