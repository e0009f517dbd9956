// Writes straight into one buffer: this runs for every event of a recording.
#include "traces/slot_codec.h"

#include <cstring>

#include "traces/bytes.h"
#include "traces/format.h"

namespace coroscope::traces {
namespace {

constexpr std::size_t kVarintBytesMax = 7;  // of 49 bits

std::uint8_t* write_varint(std::uint8_t* to, std::uint64_t value) {
    while (value >= 0x80) {
        *to++ = static_cast<std::uint8_t>(value | 0x80);
        value >>= 7;
    }
    *to++ = static_cast<std::uint8_t>(value);
    return to;
}

}  // namespace

std::vector<std::uint8_t> encode_slots(std::span<const wire::EventSlot> slots) {
    const std::size_t count = slots.size();
    std::vector<std::uint8_t> bytes(10 + count * (kVarintBytesMax + 1 + 4 + 4));
    std::uint8_t* to = write_varint(bytes.data(), count);
    std::uint64_t before = 0;
    for (const wire::EventSlot slot : slots) {
        const std::uint64_t stamp = wire::slot_stamp(slot);
        if (wire::slot_type(slot) == wire::EventType::kExt) {
            to = write_varint(to, stamp);
        } else {
            const auto difference = static_cast<std::int64_t>((stamp - before) << 16) >> 16;  // 48 bits, signed
            to = write_varint(to, zigzag(difference));
            before = stamp;
        }
    }
    for (const wire::EventSlot slot : slots)
        *to++ = static_cast<std::uint8_t>(wire::slot_type(slot));
    for (const wire::EventSlot slot : slots) {
        const std::uint32_t low = wire::slot_object(slot);
        std::memcpy(to, &low, sizeof low);
        to += sizeof low;
    }
    for (const wire::EventSlot slot : slots) {
        const std::uint32_t high = wire::slot_argument(slot);
        std::memcpy(to, &high, sizeof high);
        to += sizeof high;
    }
    bytes.resize(static_cast<std::size_t>(to - bytes.data()));
    return bytes;
}

base::Result<std::vector<wire::EventSlot>> decode_slots(std::span<const std::uint8_t> bytes) {
    ByteReader reader(bytes);
    const std::size_t count = reader.get_count(1 + 1 + 4 + 4);
    if (!reader.ok() || count > kChunkSlotsMax)
        return base::error(base::ErrorCode::kCorrupt, "an events chunk claims more slots than it has");
    std::vector<std::uint64_t> stamps(count);
    for (std::uint64_t& stamp : stamps)
        stamp = reader.get_varint();
    const auto types = reader.get_bytes(count);
    const auto lows = reader.get_bytes(count * 4);
    const auto highs = reader.get_bytes(count * 4);
    if (!reader.ok() || reader.remaining() != 0)
        return base::error(base::ErrorCode::kCorrupt, "the columns of an events chunk have the wrong length");
    std::vector<wire::EventSlot> slots(count);
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto type = static_cast<wire::EventType>(types[i]);
        std::uint64_t stamp = stamps[i];
        if (type != wire::EventType::kExt) {
            before = (before + static_cast<std::uint64_t>(unzigzag(stamp))) & wire::kStampMask;
            stamp = before;
        }
        std::uint32_t low = 0;
        std::uint32_t high = 0;
        std::memcpy(&low, lows.data() + i * 4, 4);
        std::memcpy(&high, highs.data() + i * 4, 4);
        slots[i] = wire::make_slot(stamp, type, 0, wire::make_word1(low, high));
    }
    return slots;
}

}  // namespace coroscope::traces
