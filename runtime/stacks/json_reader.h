// A small strict JSON reader for configuration files: values as a tree, errors as one sentence with line and column.
//
// The runtime is linked into other people's programs, so it brings no JSON library with it. RFC 8259, UTF-8, at most
// kJsonDepthMax levels deep; numbers become double. Not for hot paths.
//
// Thread: any. Tested in tests/unit/runtime/size_table_test.cpp.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "instrumentation/base/result.h"

namespace cprime::detail {

inline constexpr int kJsonDepthMax = 64;

struct JsonValue;
using JsonArray = std::vector<JsonValue>;
using JsonObject = std::vector<std::pair<std::string, JsonValue>>;

struct JsonValue {
    std::variant<std::monostate, bool, double, std::string, JsonArray, JsonObject> value;  // monostate: null

    const std::string* string() const { return std::get_if<std::string>(&value); }
    const double* number() const { return std::get_if<double>(&value); }
    const JsonArray* array() const { return std::get_if<JsonArray>(&value); }
    const JsonObject* object() const { return std::get_if<JsonObject>(&value); }
    // Member of an object; null when this is no object or has no such member.
    const JsonValue* member(std::string_view name) const;
};

// The whole text as one value. The error says what is wrong and where ("line 3, column 7: ...").
coroscope::base::Result<JsonValue> parse_json(std::string_view text);

}  // namespace cprime::detail
