// The fields of events on their way into columns and out of them: how what the predictor did not guess is stored.
//
// An object or an argument, and the words of EXT slots, as zigzag difference to the last of that kind; a change count (low 24 bits) as difference
// to the guess, with its high 8 bits, where they are another's, on top. Nothing but class 0 of value_stream.h where the guess was right.
//
// Thread: value types. Tested in tests/unit/traces/event_columns_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/wire/event.h"
#include "traces/bytes.h"
#include "traces/value_stream.h"

namespace coroscope::traces {

inline constexpr std::uint32_t kStampLengths = 0x6321;
inline constexpr std::uint32_t kFieldLengths = 0x4210;
inline constexpr std::uint32_t kExt48Lengths = 0x6310;
inline constexpr std::uint32_t kExt64Lengths = 0x8410;

inline std::int64_t signed48(std::uint64_t value) {
    return static_cast<std::int64_t>(value << 16) >> 16;
}
inline std::uint32_t zigzag32(std::uint32_t difference) {
    return (difference << 1) ^ static_cast<std::uint32_t>(static_cast<std::int32_t>(difference) >> 31);
}
inline std::uint32_t unzigzag32(std::uint32_t value) {
    return (value >> 1) ^ (0U - (value & 1));
}

struct FieldWriter {
    ValueWriter<kFieldLengths> objects, arguments;
    ValueWriter<kExt48Lengths> ext48s;
    ValueWriter<kExt64Lengths> ext64s;

    template <typename Writer>
    static void field32(Writer& to, std::uint32_t guess, std::uint32_t last, std::uint32_t value) {
        to.put_unless(value == guess, zigzag32(value - last));
    }
    void object(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        field32(objects, guess, last, value);
    }
    void argument(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        field32(arguments, guess, last, value);
    }
    void count(std::uint32_t guess, std::uint32_t& value) {
        const std::uint32_t low = zigzag32((value - guess) << 8) >> 8;  // of 24 bits
        arguments.put_unless(value == guess, (low & 0xffffff) | ((value ^ guess) & 0xff000000));
    }
    void ext48(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        ext48s.put_unless(value == (guess & wire::kStampMask), zigzag(signed48(value - last)) & wire::kStampMask);
    }
    void ext64(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        ext64s.put_unless(value == guess, zigzag(static_cast<std::int64_t>(value - last)));
    }
};

struct FieldReader {
    ValueReader<kFieldLengths> objects, arguments;
    ValueReader<kExt48Lengths> ext48s;
    ValueReader<kExt64Lengths> ext64s;

    void object(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        value = field32(objects, guess, last);
    }
    void argument(std::uint32_t guess, std::uint32_t last, std::uint32_t& value) {
        value = field32(arguments, guess, last);
    }
    template <typename Reader>
    static std::uint32_t field32(Reader& from, std::uint32_t guess, std::uint32_t last) {
        unsigned value_class = 0;
        const auto stored = static_cast<std::uint32_t>(from.next(value_class));
        return value_class == 0 ? guess : last + unzigzag32(stored);
    }
    void count(std::uint32_t guess, std::uint32_t& value) {
        unsigned value_class = 0;
        const auto stored = static_cast<std::uint32_t>(arguments.next(value_class));
        const std::uint32_t low = guess + unzigzag32(stored & 0xffffff);
        value = value_class == 0 ? guess : (low & 0xffffff) | ((stored ^ guess) & 0xff000000);
    }
    void ext48(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        unsigned value_class = 0;
        const std::uint64_t stored = ext48s.next(value_class);
        const std::uint64_t other = last + static_cast<std::uint64_t>(unzigzag(stored));
        value = (value_class == 0 ? guess : other) & wire::kStampMask;
    }
    void ext64(std::uint64_t guess, std::uint64_t last, std::uint64_t& value) {
        unsigned value_class = 0;
        const std::uint64_t stored = ext64s.next(value_class);
        value = value_class == 0 ? guess : last + static_cast<std::uint64_t>(unzigzag(stored));
    }
};

}  // namespace coroscope::traces
