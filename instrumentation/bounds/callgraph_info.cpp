// Reading nodes line by line, and holding frames against each other.
#include "instrumentation/bounds/callgraph_info.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace coroscope::bounds {
namespace {

constexpr std::uintmax_t kFileBytesMax = 64U << 20;
constexpr std::size_t kFilesMax = 100'000;

// What stands between `before` and `after`.
std::string_view between(std::string_view line, std::string_view before, std::string_view after) {
    const std::size_t begin = line.find(before);
    if (begin == std::string_view::npos) return {};
    const std::size_t end = line.find(after, begin + before.size());
    return end != std::string_view::npos ? line.substr(begin + before.size(), end - begin - before.size())
                                         : std::string_view();
}

// GCC gives a thunk the frame of the function that it goes on with.
bool is_thunk(std::string_view name) {
    return name.starts_with("_ZTh") || name.starts_with("_ZTv") || name.starts_with("_ZTc");
}

}  // namespace

void add_callgraph_info(const std::string& text, CompiledFrames& frames,
                        std::vector<std::string>& contradicted) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("node: {")) continue;
        std::string_view title = between(line, "title: \"", "\"");
        // Line breaks are written as two characters. "216 bytes (dynamic,bounded)" is no promise.
        const std::size_t end = line.find(" bytes (static)");
        if (title.empty() || end == std::string::npos) continue;
        const std::size_t begin = line.rfind("\\n", end);
        if (begin == std::string::npos) continue;
        std::uint64_t bytes = 0;
        const char* const last = line.data() + end;
        const auto read = std::from_chars(line.data() + begin + 2, last, bytes);
        if (read.ec != std::errc() || read.ptr != last) continue;
        // A function of one file is "file.c:name".
        title.remove_prefix(title.rfind(':') + 1);
        const auto [known, added] = frames.emplace(title, bytes);
        if (!added && known->second != bytes) contradicted.push_back(known->first);
    }
}

base::Result<CompiledFrames> read_callgraph_info(const std::string& folder) {
    CompiledFrames frames;
    std::vector<std::string> contradicted;
    std::size_t files = 0;
    std::error_code error;
    for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
         !error && at != std::filesystem::recursive_directory_iterator() && files < kFilesMax;
         at.increment(error)) {
        std::error_code unreadable;
        if (at->path().extension() != ".ci" || !at->is_regular_file(unreadable)) continue;
        if (at->file_size(unreadable) > kFileBytesMax || unreadable) continue;
        std::ifstream file(at->path(), std::ios::binary);
        add_callgraph_info({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()}, frames,
                           contradicted);
        ++files;
    }
    if (files == 0) {
        return base::error(base::ErrorCode::kUnreadable,
                           folder +
                               " holds no *.ci files: compile with GCC's -fcallgraph-info=su and name the "
                               "folder of the objects");
    }
    for (const std::string& name : contradicted)
        frames.erase(name);
    return frames;
}

FrameCheck check_frames(Program& program, const CompiledFrames& frames) {
    constexpr std::uint64_t kReturnAddressBytes = 8;
    constexpr std::uint64_t kRedZoneBytes = 128;
    FrameCheck check;
    for (NodeId node = 0; node < program.functions_count(); ++node) {
        const auto known = frames.find(program.function(node).name);
        if (known == frames.end()) continue;
        const auto walked = program.own_frame(node);
        if (!walked || is_thunk(program.function(node).name)) continue;
        // Of a leaf the return address is its caller's here, and the red zone is counted.
        const std::uint64_t most = known->second + kRedZoneBytes;
        const bool agrees = *walked + kReturnAddressBytes >= known->second && *walked <= most;
        if (agrees) {
            ++check.agreeing;
        } else {
            check.different.push_back({node, known->second, *walked});
        }
    }
    return check;
}

}  // namespace coroscope::bounds
