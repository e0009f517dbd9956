// See source_map.h.
#include "instrumentation/inspect/source_map.h"

#include "instrumentation/inspect/code.h"

namespace coroscope::inspect {
namespace {

// A folder without its last slash, but for the root.
std::string without_slash(std::string_view folder) {
    while (folder.size() > 1 && folder.back() == '/')
        folder.remove_suffix(1);
    return std::string(folder);
}

// Whether `path` is `folder` or lies in it.
bool lies_in(std::string_view path, std::string_view folder) {
    if (!path.starts_with(folder)) return false;
    return path.size() == folder.size() || folder.back() == '/' || path[folder.size()] == '/';
}

}  // namespace

base::Status SourceMap::add(std::string_view pair) {
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos || equals + 1 == pair.size()) {
        return base::error(base::ErrorCode::kUsage,
                           "'" + std::string(pair) +
                               "' maps no path: write --source-map FROM=TO, the folder that debug "
                               "information names and the one in which its files lie here");
    }
    pairs_.emplace_back(without_slash(pair.substr(0, equals)), without_slash(pair.substr(equals + 1)));
    return base::ok_status();
}

std::vector<std::string> SourceMap::places(const std::string& path) const {
    const std::pair<std::string, std::string>* best = nullptr;
    for (const auto& pair : pairs_) {
        // Of two that are equal the later one: it was said last.
        if (lies_in(path, pair.first) && (best == nullptr || pair.first.size() >= best->first.size()))
            best = &pair;
    }
    if (best == nullptr) return {path};
    std::string rest = path.substr(best->first.size());
    if (!rest.empty() && rest.front() != '/') rest.insert(rest.begin(), '/');  // FROM was the root
    return {best->second + rest, path};
}

base::Result<SourceMap::Source> SourceMap::read(const std::string& path) const {
    std::string why;
    for (const std::string& place : places(path)) {
        auto lines = read_source(place);
        if (lines) return Source{place, std::move(*lines)};
        why += (why.empty() ? "" : "; ") + lines.error().message;
    }
    return base::error(base::ErrorCode::kUnreadable,
                       why + ". If it lies elsewhere, say so: --source-map FROM=TO");
}

}  // namespace coroscope::inspect
