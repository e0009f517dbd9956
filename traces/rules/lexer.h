// The words of a rule: names, numbers with their units, texts, operators, brackets.
//
// Bounded by kRuleBytesMax; what is no word of the language is a mistake with its place. Called by parser.cpp alone.
//
// Thread: pure functions. Tested in tests/unit/rules/parser_test.cpp; fuzzed by tests/fuzz/rule_fuzz.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/result.h"

namespace coroscope::rules {

inline constexpr std::size_t kRuleBytesMax = 1000;

// One sentence, then the rule with a caret under the place: "there is no …\n  suspend and blokced_ns > 1ms\n              ^".
// `at` counts bytes of `rule`.
base::Error mistake(std::string_view rule, std::size_t at, const std::string& sentence);

struct Token {
    enum class Kind {
        kName,     // suspend, channel-send, blocked_ns, and, or, not
        kNumber,   // 10, 1.5ms, 8KiB
        kText,     // "^conn" or '^conn'
        kCompare,  // == != < <= > >= =~ !~
        kDot,
        kOpenBracket,
        kCloseBracket,
        kOpen,
        kClose,
        kNot,  // !
        kAnd,  // &&
        kOr,   // ||
        kEnd,
    };
    enum class Unit { kNone, kTime, kBytes };

    Kind kind = Kind::kEnd;
    Unit unit = Unit::kNone;
    std::size_t at = 0;  // of its first byte
    std::string text;    // as written; of a text what stands between the quotes
    double number = 0;   // in nanoseconds or bytes where it has a unit
};

// The last is kEnd. Errors: kUsage, as mistake() makes them.
base::Result<std::vector<Token>> words_of_rule(std::string_view rule);

}  // namespace coroscope::rules
