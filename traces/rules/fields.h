// The value of a field in a scope, by its type.
//
// Thread: pure functions. Tested through query_test.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "traces/rules/facts.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {

// kNumber, kTime, kBytes and kFlag (0 or 1). Span::Known::kNo where there is no object, or the field is not known of it.
Span number_of(const Operand& operand, const Scope& scope);
// kWord: its code; -1: not known.
int word_code_of(const Operand& operand, const Scope& scope);
// kText; *key is the same for the same text, and never 0. False: not known.
bool text_of(const Operand& operand, const Scope& scope, std::string_view* text, std::uint64_t* key);

}  // namespace coroscope::rules
