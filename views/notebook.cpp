// See notebook.h.
#include "views/notebook.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

constexpr std::size_t kBookmarksMax = 10'000;
constexpr std::uintmax_t kBytesMax = 16 << 20;

bool earlier(const Bookmark& a, const Bookmark& b) {
    return a.t != b.t ? a.t < b.t : a.coroutine < b.coroutine;
}

std::optional<Bookmark> bookmark_of(const nlohmann::json& item) {
    if (!item.is_object()) return std::nullopt;
    const auto t = item.find("time_ns"), coroutine = item.find("coroutine"), note = item.find("note");
    if (t == item.end() || !t->is_number_integer()) return std::nullopt;
    Bookmark mark;
    mark.t = t->get<traces::TimeNs>();
    if (coroutine != item.end() && coroutine->is_number_unsigned()) mark.coroutine = coroutine->get<std::uint64_t>();
    if (note != item.end() && note->is_string()) mark.note = note->get<std::string>();
    return mark;
}

}  // namespace

base::Status Notebook::open(const std::string& trace) {
    all_.clear();
    unreadable_.clear();
    path_ = trace.empty() ? "" : trace + ".notes";
    std::error_code problem;
    if (path_.empty() || !std::filesystem::exists(path_, problem)) return base::ok_status();
    const auto refuse = [this](base::ErrorCode code, const char* what) {
        unreadable_ = fmt::format("the notes {} {}; move them away to begin new ones", path_, what);
        return base::error(code, unreadable_);
    };
    std::ifstream file(path_);
    const auto bytes = std::filesystem::file_size(path_, problem);
    if (!file || problem) return refuse(base::ErrorCode::kUnreadable, "cannot be read");
    if (bytes > kBytesMax) return refuse(base::ErrorCode::kCorrupt, "are larger than notes can be");
    const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
    const auto list = json.is_object() ? json.find("bookmarks") : json.end();
    if (!json.is_object() || list == json.end() || !list->is_array()) return refuse(base::ErrorCode::kCorrupt, "are damaged");
    for (const auto& item : *list) {
        if (auto mark = bookmark_of(item); mark.has_value() && all_.size() < kBookmarksMax) all_.push_back(std::move(*mark));
    }
    std::sort(all_.begin(), all_.end(), earlier);
    return base::ok_status();
}

base::Status Notebook::move_to(const std::string& trace) {
    path_ = trace + ".notes";
    unreadable_.clear();
    return all_.empty() ? base::ok_status() : save();
}

base::Status Notebook::save() const {
    if (path_.empty()) return base::ok_status();
    if (!unreadable_.empty()) return base::error(base::ErrorCode::kIo, unreadable_);
    nlohmann::json list = nlohmann::json::array();
    for (const Bookmark& mark : all_)
        list.push_back({{"time_ns", mark.t}, {"coroutine", mark.coroutine}, {"note", mark.note}});
    const std::string unfinished = path_ + ".part";
    std::error_code problem;
    {
        std::ofstream file(unfinished);
        const nlohmann::json json = {{"bookmarks", std::move(list)}};
        file << json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
        if (!file.flush())
            return base::error(base::ErrorCode::kIo, fmt::format("the notes cannot be written to {}; they are kept until the "
                                                                 "window is closed",
                                                                 path_));
    }
    std::filesystem::rename(unfinished, path_, problem);
    if (problem)
        return base::error(base::ErrorCode::kIo, fmt::format("the notes cannot be written to {}: {}", path_, problem.message()));
    return base::ok_status();
}

base::Status Notebook::put(Bookmark mark) {
    const auto at = std::lower_bound(all_.begin(), all_.end(), mark, earlier);
    if (at != all_.end() && at->t == mark.t && at->coroutine == mark.coroutine) {
        at->note = std::move(mark.note);
    } else if (all_.size() < kBookmarksMax) {
        all_.insert(at, std::move(mark));
    } else {
        return base::error(base::ErrorCode::kUsage, fmt::format("{} bookmarks are all that a trace has; remove some", kBookmarksMax));
    }
    return save();
}

base::Status Notebook::remove(std::size_t index) {
    if (index < all_.size()) all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(index));
    return save();
}

std::optional<std::size_t> Notebook::after(traces::TimeNs t) const {
    const auto found = std::find_if(all_.begin(), all_.end(), [&](const Bookmark& mark) { return mark.t > t; });
    if (found == all_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - all_.begin());
}

std::optional<std::size_t> Notebook::before(traces::TimeNs t) const {
    const auto found = std::find_if(all_.rbegin(), all_.rend(), [&](const Bookmark& mark) { return mark.t < t; });
    if (found == all_.rend()) return std::nullopt;
    return static_cast<std::size_t>(all_.rend() - found - 1);
}

}  // namespace coroscope::views
