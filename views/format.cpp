// See format.h. Units are chosen so that three significant digits say all that a glance needs.
#include "views/format.h"

#include <cmath>

#include <fmt/format.h>

namespace coroscope::views {
namespace {

constexpr const char* kThinSpace = "\xE2\x80\x89";

// Three significant digits of a value below 10,000.
std::string three_digits(double value) {
    if (value < 9.995) return fmt::format("{:.2f}", value);
    if (value < 99.95) return fmt::format("{:.1f}", value);
    return fmt::format("{:.0f}", value);
}

}  // namespace

std::string format_count(std::uint64_t value) {
    const std::string digits = std::to_string(value);
    std::string out;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) out += kThinSpace;
        out += digits[i];
    }
    return out;
}

std::string format_bytes(std::uint64_t bytes) {
    static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < std::size(kUnits)) {
        value /= 1024;
        ++unit;
    }
    if (value == std::floor(value)) return fmt::format("{:.0f} {}", value, kUnits[unit]);
    return fmt::format("{} {}", three_digits(value), kUnits[unit]);
}

std::string format_duration(std::int64_t ns) {
    if (ns < 0) return "-" + format_duration(-ns);
    if (ns == 0) return "0";
    const auto value = static_cast<double>(ns);
    if (ns < 1000) return fmt::format("{} ns", ns);
    if (ns < 1'000'000) return three_digits(value / 1e3) + " µs";
    if (ns < 1'000'000'000) return three_digits(value / 1e6) + " ms";
    if (ns < 60'000'000'000) return fmt::format("{:.3f} s", value / 1e9);
    const std::int64_t seconds = ns / 1'000'000'000;
    if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
    return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

std::string format_time(std::int64_t ns) {
    return fmt::format("{:.3f} s", static_cast<double>(ns) / 1e9);
}

std::string format_ticks(double ticks) {
    if (ticks < 10 && ticks != std::floor(ticks)) return fmt::format("{:.1f} ticks", ticks);
    return format_count(static_cast<std::uint64_t>(std::llround(std::max(0.0, ticks)))) + " ticks";
}

std::string format_rate(double per_second) {
    if (per_second < 1000) return fmt::format("{:.0f} /s", per_second);
    if (per_second < 1e6) return three_digits(per_second / 1e3) + " k/s";
    if (per_second < 1e9) return three_digits(per_second / 1e6) + " M/s";
    return three_digits(per_second / 1e9) + " G/s";
}

std::string format_share(double share) {
    return fmt::format("{:.1f} %", share * 100);
}

std::string_view short_path(std::string_view path) {
    const std::size_t last = path.rfind('/');
    if (last == std::string_view::npos || last == 0) return path;
    const std::size_t before = path.rfind('/', last - 1);
    return before == std::string_view::npos ? path : path.substr(before + 1);
}

std::string short_function(std::string_view function) {
    std::string out;
    int depth = 0;
    for (std::size_t i = 0; i < function.size(); ++i) {
        const char c = function[i];
        if (c == '(' && depth == 0 && function.compare(i, 21, "(anonymous namespace)") == 0) {
            i += 20;
            if (i + 2 < function.size() && function[i + 1] == ':') i += 2;
            continue;
        }
        if (c == '(' && depth == 0 && out.ends_with("operator") && function.compare(i, 2, "()") == 0) {
            out += "()";
            ++i;
            continue;
        }
        if (c == '(' && depth == 0) {
            // A lambda's own parameters are followed by its body's name; a function's end it.
            const std::size_t inner = function.find("::", i);
            if (inner == std::string_view::npos) break;
        }
        if (c == ' ' && depth == 0 && !out.ends_with("operator")) {
            const std::string_view rest = function.substr(i + 1);
            if (rest.starts_with('[') || rest.starts_with("const") || rest.starts_with("volatile")) break;
            out.clear();  // what stood there was the result's type
            continue;
        }
        if (c == '<' || c == '(' || c == '[') ++depth;
        if (depth == 0) out += c;
        if ((c == '>' || c == ')' || c == ']') && depth > 0) --depth;
    }
    return out.empty() ? std::string(function) : out;
}

}  // namespace coroscope::views
