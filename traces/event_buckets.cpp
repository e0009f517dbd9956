// See event_buckets.h.
#include "traces/event_buckets.h"

#include <limits>

#include "traces/ring_log.h"

namespace coroscope::traces {

std::vector<std::uint16_t> count_buckets(const ChunkHeader& header, std::span<const wire::EventSlot> slots) {
    if (header.events_count < kBucketEventsMin) return {};
    std::vector<std::uint16_t> buckets(kTimeBuckets);
    const unsigned shift = bucket_shift(header.ticks_min, header.ticks_max);
    for (const wire::EventSlot slot : slots) {
        if (is_bookkeeping(wire::slot_type(slot))) continue;
        // 48 bits of the distance from the first event are all there is: a chunk is never longer than that.
        const std::uint64_t since = (wire::slot_stamp(slot) - header.ticks_min) & wire::kStampMask;
        std::uint16_t& count = buckets[(since >> shift) % kTimeBuckets];
        if (count != std::numeric_limits<std::uint16_t>::max()) ++count;
    }
    return buckets;
}

}  // namespace coroscope::traces
