// Words of the size reports: columns that fit 120 characters, whatever a site is called.
//
// Thread: pure. Tested with the reports in tests/unit/traces/sizes_test.cpp and size_compare_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace coroscope::traces {

// As much of a build id as is said in a sentence.
inline std::string short_build_id(const std::string& id) {
    return id.substr(0, 8);
}

// The folder that all sites are in, with its slash; "" where there is none.
std::string common_folder(const std::vector<std::string>& sites);
// The end of a text that has at most so many letters, after an ellipsis where something is missing.
std::string end_of(const std::string& text, std::size_t width);
// "512 B", "7.5 KiB", "-12 MiB": at most eight letters.
std::string brief_bytes(std::int64_t bytes);
// "12345", "1.23 M".
std::string brief_count(std::uint64_t count);

}  // namespace coroscope::traces
