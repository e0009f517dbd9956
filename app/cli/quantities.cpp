// Process ids, times and sizes as people type them.
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "app/cli/command_line.h"

namespace coroscope::app {
namespace {

// Longest unit first, so that "ms" is not read as "s" with an m before it.
constexpr std::pair<std::string_view, double> kUnits[] = {
    {"ns", 1}, {"us", 1e3}, {"\u00b5s", 1e3}, {"ms", 1e6}, {"min", 60e9}, {"s", 1e9}, {"m", 60e9}};
constexpr std::uint32_t kSideMin = 64, kSideMax = 16384;

}  // namespace

base::Result<std::uint32_t> parse_pid(const std::string& text) {
    std::uint32_t pid = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (problem != std::errc() || end != text.data() + text.size() || pid == 0 || pid > 0x7fffffffU) {
        return base::error(base::ErrorCode::kUsage, "'" + text +
                     "' is no process id: 'coroscope ls' lists the programs that can be attached to");
    }
    return pid;
}

base::Result<std::int64_t> parse_duration_ns(const std::string& text) {
    const base::Error wrong = base::error(
        base::ErrorCode::kUsage,
        "'" + text + "' is no time: write a number and a unit, such as 1500ms, 1.5s, 200us or 42ns");
    std::string_view number = text;
    double factor = 1e6;
    for (const auto& [unit, unit_factor] : kUnits) {
        if (!number.ends_with(unit)) continue;
        number.remove_suffix(unit.size());
        factor = unit_factor;
        break;
    }
    double value = 0;
    const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), value,
                                                std::chars_format::fixed);
    if (number.empty() || problem != std::errc() || end != number.data() + number.size()) return wrong;
    const double ns = std::round(value * factor);
    // 2^62 ns are 146 years; what is beyond would not fit.
    if (!(ns >= 0) || ns > 4.6e18) return wrong;
    return static_cast<std::int64_t>(ns);
}

base::Status parse_size(const std::string& text, std::uint32_t* width, std::uint32_t* height) {
    const base::Error wrong = base::error(
        base::ErrorCode::kUsage, "'" + text +
                                     "' is no size: write WIDTHxHEIGHT in pixels, such as 1600x1000, " +
                                     std::to_string(kSideMin) + " to " + std::to_string(kSideMax) + " each");
    const std::size_t x = text.find('x');
    if (x == std::string::npos) return wrong;
    const auto side = [](std::string_view digits, std::uint32_t* to) {
        const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), *to);
        return problem == std::errc() && end == digits.data() + digits.size() && *to >= kSideMin &&
               *to <= kSideMax;
    };
    const std::string_view view = text;
    std::uint32_t w = 0, h = 0;
    if (!side(view.substr(0, x), &w) || !side(view.substr(x + 1), &h)) return wrong;
    *width = w;
    *height = h;
    return base::ok_status();
}

}  // namespace coroscope::app
