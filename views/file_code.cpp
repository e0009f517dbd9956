// See file_code.h.
#include "views/file_code.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "instrumentation/inspect/elf_file.h"

namespace coroscope::views {

base::Result<std::shared_ptr<traces::NameService>> open_file_code(const BinaryPlace& place, const std::vector<std::string>& debug_paths) {
    auto file = inspect::ElfFile::open(place.binary);
    if (!file) return file.error();
    const std::string& build_id = (*file)->build_id();
    if (!place.build_ids.empty() && std::find(place.build_ids.begin(), place.build_ids.end(), build_id) == place.build_ids.end()) {
        return base::error(base::ErrorCode::kVersion, fmt::format("{} is another build than was proven; its code cannot be shown: prove again with "
                                                                  "'coroscope sizes', or put the binary that was proven there",
                                                                  place.binary));
    }
    // Mapped where it says itself, with nothing else around.
    const inspect::Module module = {place.binary, (*file)->first_address(), std::numeric_limits<std::uint64_t>::max(), build_id, nullptr};
    return std::make_shared<traces::NameService>(std::vector{module}, debug_paths);
}

std::shared_ptr<traces::NameService> FileCode::of(Workspace& ws, const BinaryPlace& place, std::string* problem) {
    Computed<int, Opened>& file = files_[{place.binary, place.build_ids}];
    file.want(ws.background, 0, [place, debug_paths = ws.debug_paths, wake = ws.wake()] {
        Opened opened;
        if (auto names = open_file_code(place, debug_paths)) {
            opened.names = std::move(*names);
            opened.names->on_change(wake);
        } else {
            opened.problem = names.error().message;
        }
        return opened;
    });
    if (file.value() == nullptr) return nullptr;
    *problem = file.value()->problem;
    return file.value()->names;
}

}  // namespace coroscope::views
