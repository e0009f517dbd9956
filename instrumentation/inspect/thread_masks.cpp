// See thread_masks.h.
#include "instrumentation/inspect/thread_masks.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace coroscope::inspect {
namespace {

bool parse_set(std::string_view digits, std::uint64_t& set) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), set, 16);
    return error == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

bool parse_thread_status(std::string_view text, ThreadMask& thread, SignalMasks& masks) {
    struct Field {
        std::string_view key;
        std::uint64_t* set;
        bool found = false;
    };
    Field fields[] = {{"SigPnd:\t", &thread.pending}, {"ShdPnd:\t", &masks.pending}, {"SigBlk:\t", &thread.blocked},
                      {"SigIgn:\t", &masks.ignored},  {"SigCgt:\t", &masks.caught}};
    constexpr std::string_view kName = "Name:\t";
    bool named = false;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with(kName)) {
            thread.name = line.substr(kName.size());
            named = true;
        }
        for (Field& field : fields) {
            if (line.starts_with(field.key) && !parse_set(line.substr(field.key.size()), *field.set)) return false;
            field.found |= line.starts_with(field.key);
        }
    }
    for (const Field& field : fields)
        named = named && field.found;
    return named;
}

base::Result<SignalMasks> read_signal_masks(std::uint32_t pid) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/task";
    std::error_code error;
    std::filesystem::directory_iterator threads(folder, error);
    if (error) return base::error(base::ErrorCode::kGone, "process " + std::to_string(pid) + " is gone: its threads' signal masks cannot be read");
    SignalMasks masks;
    for (; threads != std::filesystem::directory_iterator(); threads.increment(error)) {
        if (error) break;  // it ends while it is read: what was read stands
        ThreadMask thread;
        const std::string id = threads->path().filename();
        if (std::from_chars(id.data(), id.data() + id.size(), thread.thread).ec != std::errc()) continue;
        std::ifstream file(threads->path() / "status", std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        if (parse_thread_status(text, thread, masks)) masks.threads.push_back(std::move(thread));
    }
    if (masks.threads.empty())
        return base::error(base::ErrorCode::kUnreadable, "/proc/" + std::to_string(pid) + "/task tells of no thread: is /proc mounted with hidepid?");
    return masks;
}

}  // namespace coroscope::inspect
