// Reporting modules to libdwfl at the addresses where the target has them.
#include "instrumentation/inspect/dwfl_modules.h"

#include <fcntl.h>
#include <unistd.h>

namespace coroscope::inspect {
namespace {

// libdw's own default, which a path of ours replaces: beside the binary, its .debug folder, where Debian puts them.
constexpr const char* kDebugPathDefault = ":.debug:/usr/lib/debug";

}  // namespace

DwflModules::DwflModules(ModuleSet& modules, const std::vector<std::string>& debug_paths)
    : debug_path_(kDebugPathDefault) {
    for (const std::string& path : debug_paths)
        debug_path_ += ":" + path;
    debug_path_text_ = debug_path_.data();
    callbacks_.find_elf = dwfl_build_id_find_elf;
    callbacks_.find_debuginfo = dwfl_standard_find_debuginfo;
    callbacks_.section_address = dwfl_offline_section_address;
    callbacks_.debuginfo_path = &debug_path_text_;
    dwfl_.reset(dwfl_begin(&callbacks_));
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
