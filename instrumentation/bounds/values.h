// What is known of registers and stack words at one place of a function: which of them hold stack addresses, and which.
//
// A value is a sum of an anchor and an offset. Anchors are the stack pointer at the function's entry, where the return address lies (kEntry),
// and what a realignment (`and rsp, -32`) made of some stack address: that lies at most so far below it, but nobody knows where exactly.
//
//        kEntry + 8    the canonical frame address: the caller's stack pointer before its call
//        kEntry        return address                               depth 0
//        kEntry - 24   three words further down                     depth 24
//
// Two paths that meet agree on what both know; what they say differently becomes unknown. So a walk over all paths ends.
//
// Thread: values. Tested in tests/unit/bounds.
#pragma once

#include <array>
#include <cstdint>

#include "instrumentation/bounds/decoder.h"

namespace coroscope::bounds {

struct Value {
    static constexpr std::uint8_t kUnknown = 0, kNumber = 1, kEntry = 2, kFirstAligned = 3, kAlignedMax = 4;
    static constexpr std::uint8_t kAnchorsCount = kFirstAligned + kAlignedMax;
    std::uint8_t anchor = kUnknown;
    std::int32_t offset = 0;

    bool is_stack() const { return anchor >= kEntry; }
    bool operator==(const Value& other) const = default;
    // Unknown where the sum is beyond any stack.
    Value plus(std::int64_t bytes) const;
};

class Values {
public:
    Value& at(std::uint8_t number) { return registers_[number]; }
    const Value& at(std::uint8_t number) const { return registers_[number]; }
    const Value& rsp() const { return registers_[kRsp]; }

    // The word at a stack address, if it was stored and nothing else since.
    Value word_at(const Value& address) const;
    void store(const Value& address, const Value& word);
    // Bytes there changed, in a way that is not followed.
    void forget(const Value& address, std::uint32_t bytes);
    // Registers, one bit each.
    void forget_registers(std::uint16_t numbers);

    // Keeps what both know. True: something was given up.
    bool meet(const Values& other);

private:
    struct Word {
        Value address, content;
    };
    static constexpr std::size_t kWordsMax = 24;
    void drop(std::size_t i) { words_[i] = words_[--words_count_]; }

    std::array<Value, kRegistersCount> registers_{};
    std::array<Word, kWordsMax> words_{};
    std::size_t words_count_ = 0;
};

}  // namespace coroscope::bounds
