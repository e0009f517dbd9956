// Numbers as people read them: thin separators, adaptive units, one width for a column.
//
// Every view and the status line write numbers through these, so that a count looks the same everywhere. The separator is a thin
// space (U+2009), which the fonts carry; text meant for machines (dump, clipboard) never passes here.
//
// Pure functions; any thread. Tested in tests/unit/views/format_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coroscope::views {

// 1234567 -> "1 234 567" (thin spaces).
std::string format_count(std::uint64_t value);
// Bytes in binary units, at most four digits: "256 B", "16 KiB", "1.6 GiB".
std::string format_bytes(std::uint64_t bytes);
// Nanoseconds with a unit that fits: "0", "850 ns", "12.3 µs", "4.56 ms", "1.500 s", "2 min 05 s". Negative lengths keep their sign.
std::string format_duration(std::int64_t ns);
// A point on the time axis, always in seconds with milliseconds: "1.500 s".
std::string format_time(std::int64_t ns);
// TSC ticks, a count with its unit: "1 234 ticks"; fractions below ten: "7.5 ticks".
std::string format_ticks(double ticks);
// A rate: "83.1 M/s", "950 /s".
std::string format_rate(double per_second);
// 0.1234 -> "12.3 %".
std::string format_share(double share);
// The last two components of a path: "/a/b/c/d.cpp" -> "c/d.cpp".
std::string_view short_path(std::string_view path);
// The function's name without its arguments and template arguments, for narrow columns: "ns::worker".
std::string short_function(std::string_view function);

}  // namespace coroscope::views
