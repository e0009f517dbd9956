// See saved_state.h.
#include "app/saved_state.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace coroscope::app {
namespace {

template <typename T, typename Same>
void put_first(std::vector<T>& list, const T& item, Same&& same) {
    // A copy: `item` may be one of the list's own.
    T first = item;
    std::erase_if(list, [&](const T& other) { return same(other, first); });
    list.insert(list.begin(), std::move(first));
    if (list.size() > SavedState::kRecentMax) list.resize(SavedState::kRecentMax);
}

std::string text_of(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_of(const nlohmann::json& object, const char* key) {
    std::vector<std::string> texts;
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array()) return texts;
    for (const auto& item : *found) {
        if (item.is_string()) texts.push_back(item.get<std::string>());
    }
    return texts;
}

}  // namespace

void SavedState::remember_launch(const views::LaunchSpec& spec) {
    put_first(launches, spec, [](const views::LaunchSpec& a, const views::LaunchSpec& b) {
        return a.program == b.program && a.arguments == b.arguments && a.environment == b.environment &&
               a.directory == b.directory;
    });
}

void SavedState::remember_trace(const std::string& path) {
    std::error_code problem;
    const std::filesystem::path absolute = std::filesystem::absolute(path, problem);
    put_first(traces, problem ? path : absolute.lexically_normal().string(), std::equal_to<>());
}

std::string saved_state_path() {
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && state[0] == '/')
        return std::string(state) + "/coroscope/window.json";
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/')
        return std::string(home) + "/.local/state/coroscope/window.json";
    return {};
}

SavedState load_saved_state() {
    SavedState state;
    const std::string path = saved_state_path();
    std::ifstream file(path);
    if (path.empty() || !file) return state;
    const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
    if (!json.is_object()) return state;
    state.theme = text_of(json, "theme");
    state.layout = text_of(json, "layout");
    state.preset = text_of(json, "preset");
    if (const auto arranged = json.find("arranged"); arranged != json.end() && arranged->is_object()) {
        for (const auto& [preset, layout] : arranged->items()) {
            if (layout.is_string()) state.arranged[preset] = layout.get<std::string>();
        }
    }
    if (const auto zoom = json.find("zoom"); zoom != json.end() && zoom->is_number()) state.zoom = zoom->get<double>();
    if (const auto mouse = json.find("tracy_mouse"); mouse != json.end() && mouse->is_boolean()) state.tracy_mouse = mouse->get<bool>();
    state.traces = texts_of(json, "traces");
    state.muted_lints = texts_of(json, "muted_lints");
    if (const auto launches = json.find("launches"); launches != json.end() && launches->is_array()) {
        for (const auto& item : *launches) {
            if (!item.is_object()) continue;
            state.launches.push_back({text_of(item, "program"), texts_of(item, "arguments"),
                                      texts_of(item, "environment"), text_of(item, "directory")});
        }
    }
    return state;
}

base::Status save_state(const SavedState& state) {
    const std::string path = saved_state_path();
    if (path.empty())
        return base::error(base::ErrorCode::kIo,
                           "the window's state is not kept: neither XDG_STATE_HOME nor HOME is set");
    nlohmann::json launches = nlohmann::json::array();
    for (const views::LaunchSpec& spec : state.launches) {
        launches.push_back({{"program", spec.program},
                            {"arguments", spec.arguments},
                            {"environment", spec.environment},
                            {"directory", spec.directory}});
    }
    const nlohmann::json json = {{"theme", state.theme},
                                 {"layout", state.layout},
                                 {"preset", state.preset},
                                 {"arranged", state.arranged},
                                 {"zoom", state.zoom},
                                 {"tracy_mouse", state.tracy_mouse},
                                 {"traces", state.traces},
                                 {"muted_lints", state.muted_lints},
                                 {"launches", std::move(launches)}};
    std::error_code problem;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), problem);
    const std::string unfinished = path + ".part";
    {
        std::ofstream file(unfinished);
        file << json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
        if (!file.flush())
            return base::error(base::ErrorCode::kIo, "the window's state cannot be written to " + path);
    }
    std::filesystem::rename(unfinished, path, problem);
    if (problem)
        return base::error(base::ErrorCode::kIo,
                           "the window's state cannot be written to " + path + ": " + problem.message());
    return base::ok_status();
}

void remember_recorded_trace(const std::string& path) {
    SavedState state = load_saved_state();
    state.remember_trace(path);
    (void)save_state(state);  // a convenience: whoever recorded is not to be bothered
}

std::vector<views::RecentTrace> recent_traces(const SavedState& state) {
    std::vector<views::RecentTrace> recent;
    const std::time_t now = std::time(nullptr);
    for (const std::string& path : state.traces) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
        recent.push_back({path, status.st_size, std::max<std::int64_t>(0, now - status.st_mtime)});
    }
    return recent;
}

}  // namespace coroscope::app
