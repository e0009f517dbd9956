// ByteWriter and ByteReader: how values become the bytes of a chunk's payload, and how they come back safely.
//
// Everything is little endian and unaligned. Tables are written column by column (all values of one field together), which
// compresses several times better than records. A reader never trusts a count: room for it is checked before anything is
// allocated, and after the first failure every further read gives zero and ok() stays false, so that a decoder checks once at
// its end.
//
// Thread: value types. Tested in tests/unit/traces/bytes_test.cpp; fed with garbage by tests/fuzz/trace_file_fuzz.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace coroscope::traces {

inline constexpr std::uint64_t zigzag(std::int64_t value) {
    return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline constexpr std::int64_t unzigzag(std::uint64_t value) {
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

class ByteWriter {
public:
    template <typename T>
    void put(T value) {
        static_assert(std::is_trivially_copyable_v<T>);
        const std::size_t at = bytes_.size();
        bytes_.resize(at + sizeof(T));
        std::memcpy(bytes_.data() + at, &value, sizeof(T));
    }
    void put_varint(std::uint64_t value) {
        while (value >= 0x80) {
            bytes_.push_back(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7;
        }
        bytes_.push_back(static_cast<std::uint8_t>(value));
    }
    void put_bytes(std::span<const std::uint8_t> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    // Length, then the text.
    void put_text(std::string_view text) {
        put_varint(text.size());
        const auto* first = reinterpret_cast<const std::uint8_t*>(text.data());
        bytes_.insert(bytes_.end(), first, first + text.size());
    }
    // get(row) of every row, each as a T. The count is not written: it precedes a table's first column.
    template <typename T, typename Rows, typename Get>
    void put_column(const Rows& rows, Get&& get) {
        std::size_t at = bytes_.size();
        bytes_.resize(at + rows.size() * sizeof(T));
        for (const auto& row : rows) {
            const T value = static_cast<T>(get(row));
            std::memcpy(bytes_.data() + at, &value, sizeof(T));
            at += sizeof(T);
        }
    }
    // The same as differences to the row before, in as few bytes as they need: for indices, identities and stamps.
    template <typename Rows, typename Get>
    void put_delta_column(const Rows& rows, Get&& get) {
        std::uint64_t before = 0;
        for (const auto& row : rows) {
            const std::uint64_t value = get(row);
            put_varint(zigzag(static_cast<std::int64_t>(value - before)));
            before = value;
        }
    }

    std::vector<std::uint8_t>& bytes() { return bytes_; }
    std::size_t size() const { return bytes_.size(); }

private:
    std::vector<std::uint8_t> bytes_;
};

class ByteReader {
public:
    explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    // False after a read that went past the end or found nonsense.
    bool ok() const { return ok_; }
    std::size_t remaining() const { return bytes_.size() - at_; }
    void fail() { ok_ = false; }

    template <typename T>
    T get() {
        static_assert(std::is_trivially_copyable_v<T>);
        T value{};
        if (!take(sizeof(T))) return value;
        std::memcpy(&value, bytes_.data() + at_ - sizeof(T), sizeof(T));
        return value;
    }
    std::uint64_t get_varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (!take(1)) return 0;
            const std::uint8_t byte = bytes_[at_ - 1];
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80) == 0) return value;
        }
        ok_ = false;
        return 0;
    }
    std::string get_text() {
        const std::uint64_t length = get_varint();
        if (!ok_ || length > remaining()) {
            ok_ = false;
            return {};
        }
        const auto* first = reinterpret_cast<const char*>(bytes_.data() + at_);
        at_ += length;
        return std::string(first, length);
    }
    std::span<const std::uint8_t> get_bytes(std::size_t count) {
        if (!take(count)) return {};
        return bytes_.subspan(at_ - count, count);
    }
    // A row count, refused (0, ok() false) unless each of that many rows still has `bytes_per_row_min` bytes here.
    std::size_t get_count(std::size_t bytes_per_row_min) {
        const std::uint64_t count = get_varint();
        if (!ok_ || count > remaining() / (bytes_per_row_min == 0 ? 1 : bytes_per_row_min)) {
            ok_ = false;
            return 0;
        }
        return static_cast<std::size_t>(count);
    }
    template <typename T, typename Rows, typename Set>
    void get_column(Rows& rows, Set&& set) {
        if (!take(rows.size() * sizeof(T))) return;
        std::size_t at = at_ - rows.size() * sizeof(T);
        for (auto& row : rows) {
            T value;
            std::memcpy(&value, bytes_.data() + at, sizeof(T));
            set(row, value);
            at += sizeof(T);
        }
    }
    template <typename Rows, typename Set>
    void get_delta_column(Rows& rows, Set&& set) {
        std::uint64_t value = 0;
        for (auto& row : rows) {
            value += static_cast<std::uint64_t>(unzigzag(get_varint()));
            if (!ok_) return;
            set(row, value);
        }
    }

private:
    bool take(std::size_t count) {
        if (!ok_ || count > remaining()) {
            ok_ = false;
            return false;
        }
        at_ += count;
        return true;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

}  // namespace coroscope::traces
