// See values.h.
#include "instrumentation/bounds/values.h"

namespace coroscope::bounds {
namespace {

constexpr std::int64_t kOffsetMax = 1 << 30;
constexpr std::int32_t kWordBytes = 8;

}  // namespace

Value Value::plus(std::int64_t bytes) const {
    const std::int64_t sum = offset + bytes;
    if (anchor == kUnknown || sum > kOffsetMax || sum < -kOffsetMax) return {};
    return {anchor, static_cast<std::int32_t>(sum)};
}

Value Values::word_at(const Value& address) const {
    if (!address.is_stack()) return {};
    for (std::size_t i = 0; i < words_count_; ++i) {
        if (words_[i].address == address) return words_[i].content;
    }
    return {};
}

void Values::store(const Value& address, const Value& word) {
    forget(address, kWordBytes);
    if (!address.is_stack() || !word.is_stack() || words_count_ == kWordsMax) return;
    words_[words_count_++] = {address, word};
}

void Values::forget(const Value& address, std::uint32_t bytes) {
    if (!address.is_stack()) return;
    const auto length = static_cast<std::int32_t>(bytes == 0 ? 1 << 12 : bytes);  // unknown: a large one
    for (std::size_t i = words_count_; i-- > 0;) {
        const Value& word = words_[i].address;
        // Below another anchor: what a compiler keeps by one anchor it does not overwrite by another.
        if (word.anchor != address.anchor) continue;
        if (word.offset + kWordBytes > address.offset && address.offset + length > word.offset) drop(i);
    }
}

void Values::forget_registers(std::uint16_t numbers) {
    for (std::uint8_t number = 0; number < kRegistersCount; ++number) {
        if ((numbers & (1U << number)) != 0) registers_[number] = {};
    }
}

bool Values::meet(const Values& other) {
    bool changed = false;
    for (std::uint8_t number = 0; number < kRegistersCount; ++number) {
        if (registers_[number] == other.registers_[number] || registers_[number].anchor == Value::kUnknown)
            continue;
        registers_[number] = {};
        changed = true;
    }
    for (std::size_t i = words_count_; i-- > 0;) {
        if (other.word_at(words_[i].address) == words_[i].content) continue;
        drop(i);
        changed = true;
    }
    return changed;
}

}  // namespace coroscope::bounds
