// See avx512.h.
#include "instrumentation/bounds/avx512.h"

namespace coroscope::bounds {
namespace {

constexpr std::uint8_t kEvexPrefix = 0x62, kLongVexPrefix = 0xc4, kShortVexPrefix = 0xc5;
constexpr std::uint8_t kMap0F = 1, kMap0F3A = 3;
constexpr std::uint8_t kVectorBytes = 64;
// The numbers of instruction encodings, in DWARF's order: rax rcx rdx rbx rsp rbp rsi rdi, then r8 and on are the same.
constexpr std::uint8_t kNumbers[] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

bool ends_with_a_number(std::uint8_t map, std::uint8_t opcode) {
    if (map == kMap0F3A) return true;
    return map == kMap0F &&
           ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6));
}

// Conversions to integers, and single elements moved out: the register in the operands' middle field, or the last one.
bool writes_middle(std::uint8_t map, std::uint8_t opcode) {
    return map == kMap0F &&
           (opcode == 0x2c || opcode == 0x2d || opcode == 0x78 || opcode == 0x79 || opcode == 0xc5);
}
bool writes_last(std::uint8_t map, std::uint8_t opcode) {
    return (map == kMap0F && opcode == 0x7e) || (map == kMap0F3A && opcode >= 0x14 && opcode <= 0x17);
}

// What a prefix says of the opcode behind it, and of operands beyond the first eight registers.
struct Prefix {
    std::size_t bytes = 0;
    std::uint8_t map = 0;
    std::uint8_t high_middle = 0, high_index = 0, high_last = 0;
};

// Of the extension bits, 0 means 8 more.
Prefix prefix_of(const std::uint8_t* bytes) {
    const std::uint8_t first = bytes[1];
    const auto more = [first](std::uint8_t bit) {
        return static_cast<std::uint8_t>((first & bit) == 0 ? 8 : 0);
    };
    switch (bytes[0]) {
        case kEvexPrefix:
            if ((first & 0x08) != 0 || (bytes[2] & 0x04) == 0) return {};
            return {4, static_cast<std::uint8_t>(first & 0x07), more(0x80), more(0x40), more(0x20)};
        case kLongVexPrefix:
            return {3, static_cast<std::uint8_t>(first & 0x1f), more(0x80), more(0x40), more(0x20)};
        case kShortVexPrefix:
            return {2, kMap0F, more(0x80), 0, 0};
        default:
            return {};
    }
}

// Of mask registers: moves, tests, logic and shifts.
bool is_of_masks(std::uint8_t map, std::uint8_t opcode) {
    if (map == kMap0F3A) return opcode >= 0x30 && opcode <= 0x33;
    return map == kMap0F && ((opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x93) ||
                             opcode == 0x98 || opcode == 0x99);
}

// The memory operand behind the byte that describes the operands; its length. 0: more than there is.
std::size_t read_operand(const std::uint8_t* operands, std::size_t count, const Prefix& prefix, Step& step) {
    const std::uint8_t way = operands[0] >> 6;
    std::uint8_t base = operands[0] & 0x07;
    std::size_t length = 1;
    std::uint8_t index = kNoRegister;
    if (base == 4) {
        if (count < 2) return 0;
        index = kNumbers[((operands[1] >> 3) & 0x07) + prefix.high_index];
        base = operands[1] & 0x07;
        length = 2;
    }
    const bool no_base = way == 0 && base == 5;  // a number alone, or a distance from the instruction
    length += way == 1 ? 1 : (way == 2 || no_base ? 4 : 0);
    if (no_base) return length;
    // Where in the frame is not followed: as if by an index.
    step.base = kNumbers[base + prefix.high_last];
    step.index = index != kNoRegister ? index : step.base;
    step.memory_bytes = kVectorBytes;
    step.writes_memory = true;
    return length;
}

}  // namespace

bool read_avx512(const std::uint8_t* bytes, std::size_t count, Step& step) {
    constexpr std::size_t kPrefixBytesMax = 4;
    if (count < kPrefixBytesMax) return false;
    const Prefix prefix = prefix_of(bytes);
    if (prefix.map < kMap0F || prefix.map > kMap0F3A || count < prefix.bytes + 2) return false;
    const std::uint8_t opcode = bytes[prefix.bytes];
    const std::uint8_t* const operands = bytes + prefix.bytes + 1;
    const bool wide = bytes[0] == kEvexPrefix;
    if (!wide && !is_of_masks(prefix.map, opcode)) return false;
    std::size_t length = prefix.bytes + 1;
    if (operands[0] >> 6 != 3) {
        const std::size_t operand = read_operand(operands, count - length, prefix, step);
        if (operand == 0) return false;
        length += operand;
    } else {
        ++length;
        if (wide && writes_last(prefix.map, opcode))
            step.clobbers = static_cast<std::uint16_t>(1U
                                                       << kNumbers[(operands[0] & 0x07) + prefix.high_last]);
    }
    constexpr std::uint8_t kFromMask = 0x93;
    if (wide ? writes_middle(prefix.map, opcode) : prefix.map == kMap0F && opcode == kFromMask)
        step.clobbers = static_cast<std::uint16_t>(
            1U << kNumbers[((operands[0] >> 3) & 0x07) + prefix.high_middle]);
    length += ends_with_a_number(prefix.map, opcode) ? 1 : 0;
    if (length > count) return false;
    step.bytes = static_cast<std::uint8_t>(length);
    return true;
}

}  // namespace coroscope::bounds
