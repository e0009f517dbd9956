// See ring_heads_codec.h.
#include "traces/ring_heads_codec.h"

#include <limits>

#include "instrumentation/wire/limits.h"

namespace coroscope::traces {

void put_ring_heads(ByteWriter& out, const std::vector<inspect::RingHead>& heads) {
    out.put_varint(heads.size());
    for (const inspect::RingHead& head : heads) {
        out.put_varint(head.ring);
        out.put_varint(head.slots);
    }
}

void get_ring_heads(ByteReader& in, std::vector<inspect::RingHead>& heads) {
    if (in.remaining() == 0) return;
    heads.resize(in.get_count(2));
    std::uint64_t next = 0;
    for (inspect::RingHead& head : heads) {
        const std::uint64_t ring = in.get_varint();
        head.slots = in.get_varint();
        if (ring < next || ring >= wire::kRingsMax) in.fail();
        if (!in.ok()) return;
        head.ring = static_cast<std::uint32_t>(ring);
        next = ring + 1;
    }
}

}  // namespace coroscope::traces
