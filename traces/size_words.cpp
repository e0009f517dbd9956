#include "traces/size_words.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace coroscope::traces {

std::string common_folder(const std::vector<std::string>& sites) {
    if (sites.empty()) return {};
    std::string folder = sites.front().substr(0, sites.front().rfind('/') + 1);
    for (const std::string& site : sites) {
        while (!folder.empty() && !site.starts_with(folder)) {
            folder.pop_back();
            folder.resize(folder.rfind('/') + 1);
        }
    }
    return folder;
}

std::string end_of(const std::string& text, std::size_t width) {
    return text.size() <= width ? text : "…" + text.substr(text.size() - (width - 1));
}

std::string brief_bytes(std::int64_t bytes) {
    constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; std::abs(value) >= 1000 && unit + 1 < std::size(kUnits); ++unit)
        value /= 1024;
    const bool whole = unit == 0 || std::abs(value) >= 99.95;
    return fmt::format("{:.{}f} {}", value, whole ? 0 : 1, kUnits[unit]);
}

std::string brief_count(std::uint64_t count) {
    if (count < 100'000) return fmt::format("{}", count);
    const bool millions = count < 999'500'000;
    return fmt::format("{:.3g} {}", static_cast<double>(count) * (millions ? 1e-6 : 1e-9), millions ? "M" : "G");
}

}  // namespace coroscope::traces
