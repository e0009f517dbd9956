// Process ids, times and sizes as people type them.
#include <algorithm>
#include <cctype>
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
constexpr std::pair<std::string_view, double> kByteUnits[] = {
    {"KiB", 1024.0}, {"MiB", 1024.0 * 1024}, {"GiB", 1024.0 * 1024 * 1024}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}};
constexpr std::uint64_t kFlightBytesMin = 1'000'000;
constexpr std::int64_t kFlightNsMin = 1'000'000'000;
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

base::Result<std::uint64_t> parse_bytes(const std::string& text) {
    const base::Error wrong = base::error(
        base::ErrorCode::kUsage, "'" + text + "' is no amount of memory: write a number and a unit, such as 64MB, 1.5GiB or 512KB");
    for (const auto& [unit, factor] : kByteUnits) {
        if (!text.ends_with(unit)) continue;
        const std::string_view number(text.data(), text.size() - unit.size());
        double value = 0;
        const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), value,
                                                    std::chars_format::fixed);
        const double bytes = std::round(value * factor);
        if (number.empty() || problem != std::errc() || end != number.data() + number.size() || !(bytes >= 0) || bytes > 1e15)
            return wrong;
        return static_cast<std::uint64_t>(bytes);
    }
    return wrong;
}

base::Result<FlightSize> parse_flight_size(const std::string& text) {
    const auto wrong = [&](const std::string& why) {
        return base::error(base::ErrorCode::kUsage, "--flight-recorder " + text + ": " + why);
    };
    FlightSize size;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const std::string part = text.substr(begin, end - begin);
        begin = end + 1;
        if (part.ends_with('B')) {
            auto bytes = parse_bytes(part);
            if (!bytes) return bytes.error();
            if (*bytes < kFlightBytesMin) return wrong("less than 1MB holds no look at a program; say 8MB or more");
            if (size.bytes != 0) return wrong("one amount of memory is enough, and one length of time");
            size.bytes = *bytes;
        } else {
            if (part.empty() || !std::isalpha(static_cast<unsigned char>(part.back())))
                return wrong("say how much is kept: memory (64MB), time (10s), or both (64MB,10s)");
            auto ns = parse_duration_ns(part);
            if (!ns) return ns.error();
            if (*ns < kFlightNsMin) return wrong("less than a second is hardly worth keeping; say 1s or more");
            if (size.ns != 0) return wrong("one length of time is enough, and one amount of memory");
            size.ns = *ns;
        }
    }
    if (size.bytes == 0) size.bytes = FlightSize::kBytesDefault;
    return size;
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
