// ProtoMessage: a message of Protocol Buffers, field by field, as bytes. All that two formats of ours need of the encoding.
//
// Fields are written in the order of the calls. Numbers of fields are those of the published schema of each format.
//
// Thread: a value type. Tested in tests/unit/exports/encoding_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coroscope::exports {

inline void append_varint(std::string& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        to.push_back(static_cast<char>(0x80 | (value & 0x7f)));
    to.push_back(static_cast<char>(value));
}

class ProtoMessage {
public:
    void number(std::uint32_t field, std::uint64_t value) {
        tag(field, 0);
        append_varint(bytes_, value);
    }
    void fixed64(std::uint32_t field, std::uint64_t value) {
        tag(field, 1);
        for (int i = 0; i < 64; i += 8)
            bytes_.push_back(static_cast<char>(value >> i & 0xff));
    }
    void text(std::uint32_t field, std::string_view value) {
        tag(field, 2);
        append_varint(bytes_, value.size());
        bytes_.append(value);
    }
    void message(std::uint32_t field, const ProtoMessage& value) { text(field, value.bytes_); }
    const std::string& bytes() const { return bytes_; }

private:
    void tag(std::uint32_t field, std::uint32_t kind) {
        append_varint(bytes_, std::uint64_t{field} << 3 | kind);
    }
    std::string bytes_;
};

}  // namespace coroscope::exports
