// Text of a trace as a JSON string. Names come from other programs: control characters are escaped, and what is no UTF-8 becomes U+FFFD.
//
// Thread: pure. Tested in tests/unit/exports/encoding_test.cpp.
#pragma once

#include <string>
#include <string_view>

namespace coroscope::exports {

// With its quotation marks.
std::string json_text(std::string_view text);

}  // namespace coroscope::exports
