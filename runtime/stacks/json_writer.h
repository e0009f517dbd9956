// JSON out of the values of json_reader.h, laid out as `coroscope sizes` lays out its tables: a member a line, one blank a level.
//
// Members stand in the order in which they are; put() keeps a sorted object sorted. Numbers that are whole are written whole.
//
// Thread: any. Tested in tests/unit/runtime/learned_table_test.cpp.
#pragma once

#include <string>
#include <string_view>

#include "runtime/stacks/json_reader.h"

namespace cprime::detail {

// Without a newline at its end.
std::string json_text(const JsonValue& value);

// Sets a member: in its place, or before the first member whose name is greater.
void put(JsonObject& object, std::string_view name, JsonValue value);

}  // namespace cprime::detail
