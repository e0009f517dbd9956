// Columns of numbers of uneven length: two bits a value say how many bytes it takes.
//
//   control   ceil(count / 4) bytes; value i has bits 2 (i mod 4) of byte i / 4
//   data      the values' bytes, little endian
//
// Unlike a varint, where the next value begins is known without looking at this one's bytes, so that a processor reads several at once; 1 to 2
// values a nanosecond. Which four lengths there are is the column's choice: nibble n of kLengths is the length of class n. Class 0 with length 0
// stands for "as predicted" (event_predictor.h).
//
// Thread: value types. Tested in tests/unit/traces/event_columns_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace coroscope::traces {

inline constexpr std::size_t kValueSlackBytes = 8;  // that must be readable behind a column's last byte

constexpr unsigned value_length(std::uint32_t lengths, unsigned value_class) {
    return lengths >> (4 * value_class) & 0xf;
}
constexpr std::uint64_t value_mask(unsigned bytes) {
    return bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

template <std::uint32_t kLengths>
class ValueWriter {
public:
    // Room for `count` values; forgets what was there.
    void begin(std::size_t count) {
        control_.assign((count + 3) / 4, 0);
        data_.resize(count * 8 + kValueSlackBytes);
        count_ = 0;
        to_ = data_.data();
    }
    // In the shortest class that holds it, from `class_min` on. Without a branch: what comes next is hard to foretell.
    void put(std::uint64_t value, unsigned class_min = 0) {
        unsigned c = class_min;
        for (unsigned longer = 1; longer <= 3; ++longer)
            c += longer > class_min && value > value_mask(value_length(kLengths, longer - 1)) ? 1 : 0;
        put_as(value, c);
    }
    // Class 0, whose length is 0, where it is as predicted; else the shortest of the others that holds it.
    void put_unless(bool predicted, std::uint64_t value) {
        static_assert(value_length(kLengths, 0) == 0);
        const unsigned longer = (value > value_mask(value_length(kLengths, 1)) ? 2U : 1U) +
                                (value > value_mask(value_length(kLengths, 2)) ? 1U : 0U);
        put_as(value, predicted ? 0 : longer);
    }

    // Appends control and data.
    void append_to(std::vector<std::uint8_t>& bytes) const {
        bytes.insert(bytes.end(), control_.begin(), control_.end());
        bytes.insert(bytes.end(), data_.data(), static_cast<const std::uint8_t*>(to_));
    }

private:
    void put_as(std::uint64_t value, unsigned value_class) {
        std::uint8_t& control = control_[count_ / 4];
        control = static_cast<std::uint8_t>(control | value_class << (2 * (count_ % 4)));
        std::memcpy(to_, &value, sizeof value);
        to_ += value_length(kLengths, value_class);
        ++count_;
    }

    std::vector<std::uint8_t> control_, data_;
    std::size_t count_ = 0;
    std::uint8_t* to_ = nullptr;
};

// Where the values of one control byte begin, and their bytes together.
template <std::uint32_t kLengths>
struct ValueOffsets {
    struct Row {
        std::uint8_t begin[4];
        std::uint8_t bytes;
    };
    static constexpr std::array<Row, 256> make() {
        std::array<Row, 256> rows{};
        for (unsigned control = 0; control < 256; ++control) {
            unsigned at = 0;
            for (unsigned i = 0; i < 4; ++i) {
                rows[control].begin[i] = static_cast<std::uint8_t>(at);
                at += value_length(kLengths, control >> (2 * i) & 3);
            }
            rows[control].bytes = static_cast<std::uint8_t>(at);
        }
        return rows;
    }
    static constexpr std::array<Row, 256> kRows = make();
};

template <std::uint32_t kLengths>
class ValueReader {
public:
    // False unless `bytes` is exactly a column of `count` values. kValueSlackBytes behind it must be readable.
    bool begin(std::span<const std::uint8_t> bytes, std::size_t count) {
        const std::size_t control_bytes = (count + 3) / 4;
        if (bytes.size() < control_bytes) return false;
        control_ = bytes.data();
        data_ = bytes.data() + control_bytes;
        at_ = 0;
        std::size_t data_bytes = 0;
        for (std::size_t i = 0; i < control_bytes; ++i)
            data_bytes += ValueOffsets<kLengths>::kRows[control_[i]].bytes;
        // Classes behind the last value take no part, but must not hide bytes either.
        if (count % 4 != 0 && control_[control_bytes - 1] >> (2 * (count % 4)) != 0) return false;
        const std::size_t unused = (4 - count % 4) % 4 * value_length(kLengths, 0);
        return data_bytes == bytes.size() - control_bytes + unused;
    }
    // The next value; its class tells "as predicted" (0 of length 0) from a value. Not to be called more than `count` times.
    std::uint64_t next(unsigned& value_class) {
        value_class = control_[at_ / 4] >> (2 * (at_ % 4)) & 3U;
        ++at_;
        std::uint64_t value;
        std::memcpy(&value, data_, sizeof value);
        const unsigned length = value_length(kLengths, value_class);
        data_ += length;
        return value & value_mask(length);
    }
    // All values to `to`, which has room for them rounded up to four.
    void all(std::size_t count, std::uint64_t* to) const {
        const std::uint8_t* data = data_;
        for (std::size_t i = 0; i < count; i += 4) {
            const unsigned control = control_[i / 4];
            const auto& row = ValueOffsets<kLengths>::kRows[control];
            for (unsigned k = 0; k < 4; ++k) {
                std::uint64_t value = 0;
                if (i + k < count) std::memcpy(&value, data + row.begin[k], sizeof value);
                to[i + k] = value & value_mask(value_length(kLengths, control >> (2 * k) & 3));
            }
            data += row.bytes;
        }
    }

private:
    const std::uint8_t* control_ = nullptr;
    const std::uint8_t* data_ = nullptr;
    std::size_t at_ = 0;
};

}  // namespace coroscope::traces
