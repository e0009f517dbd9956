// Recursive descent over RFC 8259.
#include "runtime/stacks/json_reader.h"

#include <charconv>
#include <cstdint>

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::base::Result;

const JsonValue* JsonValue::member(std::string_view name) const {
    const JsonObject* members = object();
    if (members == nullptr) return nullptr;
    for (const auto& [key, found] : *members) {
        if (key == name) return &found;
    }
    return nullptr;
}

namespace {

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text) {}

    Result<JsonValue> read() {
        JsonValue root;
        if (!read_value(root, 0)) return failure();
        skip_space();
        if (position_ != text_.size()) {
            complain("something follows the end of the value");
            return failure();
        }
        return root;
    }

private:
    bool complain(const char* what) {
        if (problem_ == nullptr) problem_ = what;
        return false;
    }

    Result<JsonValue> failure() const {
        std::size_t line = 1;
        std::size_t column = 1;
        for (std::size_t i = 0; i < position_ && i < text_.size(); ++i) {
            column = text_[i] == '\n' ? 1 : column + 1;
            line += text_[i] == '\n' ? 1 : 0;
        }
        return coroscope::base::error(ErrorCode::kCorrupt, "line " + std::to_string(line) + ", column " +
                                                               std::to_string(column) + ": " +
                                                               (problem_ != nullptr ? problem_ : "not JSON"));
    }

    void skip_space() {
        while (position_ < text_.size() &&
               std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos)
            ++position_;
    }
    bool take(char wanted) {
        skip_space();
        if (position_ >= text_.size() || text_[position_] != wanted) return false;
        ++position_;
        return true;
    }
    bool take_word(std::string_view word) {
        if (text_.substr(position_, word.size()) != word) return complain("a value was expected");
        position_ += word.size();
        return true;
    }

    bool read_value(JsonValue& out, int depth) {
        if (depth > kJsonDepthMax) return complain("nested too deep");
        skip_space();
        if (position_ >= text_.size()) return complain("the text ends where a value was expected");
        switch (text_[position_]) {
            case '{':
                return read_object(out, depth);
            case '[':
                return read_array(out, depth);
            case '"': {
                std::string text;
                if (!read_string(text)) return false;
                out.value = std::move(text);
                return true;
            }
            case 't':
                out.value = true;
                return take_word("true");
            case 'f':
                out.value = false;
                return take_word("false");
            case 'n':
                out.value = std::monostate{};
                return take_word("null");
            default:
                return read_number(out);
        }
    }

    bool read_object(JsonValue& out, int depth) {
        ++position_;
        JsonObject members;
        if (!take('}')) {
            do {
                skip_space();
                std::string key;
                if (position_ >= text_.size() || text_[position_] != '"')
                    return complain("a member name in quotes was expected");
                if (!read_string(key)) return false;
                if (!take(':')) return complain("':' was expected");
                JsonValue member;
                if (!read_value(member, depth + 1)) return false;
                members.emplace_back(std::move(key), std::move(member));
            } while (take(','));
            if (!take('}')) return complain("',' or '}' was expected");
        }
        out.value = std::move(members);
        return true;
    }

    bool read_array(JsonValue& out, int depth) {
        ++position_;
        JsonArray items;
        if (!take(']')) {
            do {
                items.emplace_back();
                if (!read_value(items.back(), depth + 1)) return false;
            } while (take(','));
            if (!take(']')) return complain("',' or ']' was expected");
        }
        out.value = std::move(items);
        return true;
    }

    bool read_number(JsonValue& out) {
        double number = 0;
        const char* first = text_.data() + position_;
        const char* last = text_.data() + text_.size();
        if (*first != '-' && (*first < '0' || *first > '9')) return complain("a value was expected");
        const auto [end, problem] = std::from_chars(first, last, number);
        if (problem != std::errc{}) return complain("a number was expected");
        position_ += static_cast<std::size_t>(end - first);
        out.value = number;
        return true;
    }

    bool read_string(std::string& out) {
        ++position_;
        while (position_ < text_.size()) {
            const char c = text_[position_++];
            if (c == '"') return true;
            if (static_cast<unsigned char>(c) < 0x20)
                return complain("a control character stands in a string");
            if (c != '\\') {
                out.push_back(c);
                continue;
            }
            if (position_ >= text_.size()) break;
            const char escape = text_[position_++];
            const std::size_t plain = std::string_view("\"\\/bfnrt").find(escape);
            if (plain != std::string_view::npos) {
                out.push_back("\"\\/\b\f\n\r\t"[plain]);
            } else if (escape != 'u' || !read_unicode(out)) {
                return complain("a bad escape stands in a string");
            }
        }
        return complain("a string has no end");
    }

    bool read_hex(std::uint32_t& unit) {
        if (position_ + 4 > text_.size()) return false;
        const char* first = text_.data() + position_;
        const auto [end, problem] = std::from_chars(first, first + 4, unit, 16);
        position_ += 4;
        return problem == std::errc{} && end == first + 4;
    }

    bool read_unicode(std::string& out) {
        std::uint32_t point = 0;
        if (!read_hex(point)) return false;
        if (point >= 0xd800 && point < 0xdc00) {
            std::uint32_t low = 0;
            if (text_.substr(position_, 2) != "\\u") return false;
            position_ += 2;
            if (!read_hex(low) || low < 0xdc00 || low > 0xdfff) return false;
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        }
        const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
        if (point < 0x80) {
            put(point);
        } else if (point < 0x800) {
            put(0xc0 | point >> 6), put(0x80 | (point & 0x3f));
        } else if (point < 0x10000) {
            put(0xe0 | point >> 12), put(0x80 | (point >> 6 & 0x3f)), put(0x80 | (point & 0x3f));
        } else {
            put(0xf0 | point >> 18), put(0x80 | (point >> 12 & 0x3f)), put(0x80 | (point >> 6 & 0x3f)),
                put(0x80 | (point & 0x3f));
        }
        return true;
    }

    std::string_view text_;
    std::size_t position_ = 0;
    const char* problem_ = nullptr;
};

}  // namespace

Result<JsonValue> parse_json(std::string_view text) {
    return Reader(text).read();
}

}  // namespace cprime::detail
