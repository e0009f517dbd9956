// See slot_codec.h.
#include "traces/slot_codec.h"

#include <cstring>

#include "traces/bytes.h"
#include "traces/format.h"

namespace coroscope::traces {

base::Status copy_slots(std::span<const std::uint8_t> bytes, std::vector<wire::EventSlot>& slots) {
    const std::size_t count = bytes.size() / sizeof(wire::EventSlot);
    if (bytes.size() % sizeof(wire::EventSlot) != 0 || count > kChunkSlotsMax)
        return base::error(base::ErrorCode::kCorrupt, "its slots have the wrong length");
    slots.resize(count);
    if (count > 0) std::memcpy(slots.data(), bytes.data(), bytes.size());
    for (wire::EventSlot& slot : slots)
        slot.word0 &= ~std::uint64_t{0xff};
    return base::ok_status();
}

base::Status decode_slots(std::span<const std::uint8_t> bytes, std::vector<wire::EventSlot>& slots) {
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
    slots.resize(count);
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
    return base::ok_status();
}

}  // namespace coroscope::traces
