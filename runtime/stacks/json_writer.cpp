// Recursive; depth is that of what the reader let through.
#include "runtime/stacks/json_writer.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace cprime::detail {
namespace {

constexpr double kWholeMax = 9223372036854774784.0;  // the largest double below 2^63: times in nanoseconds stay whole numbers

void write_string(std::string& out, const std::string& text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out += c;
        }
    }
    out += '"';
}

void write_number(std::string& out, double number) {
    char digits[64];
    const bool whole = std::abs(number) <= kWholeMax && number == std::floor(number);
    const auto end = whole
                         ? std::to_chars(digits, digits + sizeof digits, static_cast<std::int64_t>(number)).ptr
                         : std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(digits, end);
}

void write(std::string& out, const JsonValue& value, std::size_t depth);

// What stands between two brackets, an item a line.
template <typename Items, typename WriteItem>
void write_items(std::string& out, const Items& items, std::size_t depth, const char* brackets,
                 const WriteItem& write_item) {
    out += brackets[0];
    bool first = true;
    for (const auto& item : items) {
        out += first ? "\n" : ",\n";
        first = false;
        out.append(depth + 1, ' ');
        write_item(item);
    }
    if (!first) {
        out += '\n';
        out.append(depth, ' ');
    }
    out += brackets[1];
}

void write(std::string& out, const JsonValue& value, std::size_t depth) {
    if (const std::string* text = value.string()) {
        write_string(out, *text);
    } else if (const double* number = value.number()) {
        write_number(out, *number);
    } else if (const bool* is_so = std::get_if<bool>(&value.value)) {
        out += *is_so ? "true" : "false";
    } else if (const JsonArray* array = value.array()) {
        write_items(out, *array, depth, "[]", [&](const JsonValue& item) { write(out, item, depth + 1); });
    } else if (const JsonObject* object = value.object()) {
        write_items(out, *object, depth, "{}", [&](const auto& member) {
            write_string(out, member.first);
            out += ": ";
            write(out, member.second, depth + 1);
        });
    } else {
        out += "null";
    }
}

}  // namespace

std::string json_text(const JsonValue& value) {
    std::string out;
    write(out, value, 0);
    return out;
}

void put(JsonObject& object, std::string_view name, JsonValue value) {
    for (auto member = object.begin(); member != object.end(); ++member) {
        if (member->first == name) {
            member->second = std::move(value);
            return;
        }
    }
    auto at = object.begin();
    while (at != object.end() && at->first < name)
        ++at;
    object.emplace(at, std::string(name), std::move(value));
}

}  // namespace cprime::detail
