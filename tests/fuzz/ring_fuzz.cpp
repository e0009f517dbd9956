// Reading a damaged ring segment: no byte leads outside, reading ends, and every slot is accounted for.
//
// Input: pairs of 32-bit words (offset, value), little endian, each written over a sample segment of one small ring; an
// offset of all ones moves the head by `value` instead, between two reads. The same bytes are then decoded as slots.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring_reader.h"
#include "instrumentation/wire/segment.h"

namespace {

using namespace coroscope::wire;

constexpr std::uint32_t kSlots = 64;
constexpr std::uint64_t kBytes = kRingDirectoryBytes + kPageBytes + kSlots * kEventSlotBytes;

struct alignas(64) Sample {
    std::byte bytes[kBytes];
    RingSegmentHeader& header() { return *reinterpret_cast<RingSegmentHeader*>(bytes); }
    RingHeader& ring() { return *reinterpret_cast<RingHeader*>(bytes + kRingDirectoryBytes); }
};

std::unique_ptr<Sample> make_sample() {
    auto sample = std::make_unique<Sample>();
    std::memset(sample->bytes, 0, kBytes);
    sample->header().magic = kRingMagic;
    sample->header().version_major = kWireMajor;
    sample->header().rings_count = 1;
    sample->header().rings[0].header_offset = kRingDirectoryBytes;
    sample->header().rings[0].slots = kSlots;
    auto* slots = reinterpret_cast<EventSlot*>(sample->bytes + kRingDirectoryBytes + kPageBytes);
    for (std::uint64_t i = 0; i < kSlots; ++i) {
        const EventType types[] = {EventType::kSync, EventType::kExt, EventType::kSuspend, EventType::kExt};
        slots[i] = make_slot(1000 + i, types[i % 4], 0, i);
    }
    sample->ring().head = kSlots - kRingGroupSlotsMax;
    return sample;
}

void decode(EventDecoder& decoder, std::span<const EventSlot> slots, std::uint64_t& used) {
    decoder.feed(slots, [&](const DecodedEvent& event) {
        if (event.exts_count > 2) std::abort();
        used += 1U + event.exts_count;
    });
}

void check_books(EventDecoder& decoder, std::uint64_t used, std::uint64_t fed) {
    decoder.gap();
    if (used + decoder.pads() + decoder.before_sync() + decoder.undecodable() != fed) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    const auto sample = make_sample();
    RingReader reader(0);
    EventDecoder decoder;
    std::vector<EventSlot> out(48);
    std::uint64_t used = 0;
    const auto read = [&] {
        const auto view = RingSegmentView::open(sample->bytes, kBytes);
        if (!view) {
            if (view.error().message.empty()) std::abort();
            return;
        }
        std::uint64_t needs = 0;
        const RingLocation ring = view->ring(0, &needs);
        if (needs != 0 && (needs <= kBytes || ring.slots_count != 0)) std::abort();
        for (int i = 0; i < 8; ++i) {
            const RingBatch batch = reader.read(ring, out);
            if (batch.skipped != 0) decoder.gap();
            if (batch.accepted > out.size()) std::abort();
            decode(decoder, {out.data(), batch.accepted}, used);
        }
        if (reader.accepted() + reader.overtaken() + reader.foreign() != reader.position()) std::abort();
    };
    for (std::size_t at = 0; at + 8 <= bytes; at += 8) {
        std::uint32_t offset = 0;
        std::uint32_t value = 0;
        std::memcpy(&offset, data + at, 4);
        std::memcpy(&value, data + at + 4, 4);
        if (offset == 0xffffffffU) {
            sample->ring().head.fetch_add(value);
            read();
        } else {
            std::memcpy(sample->bytes + offset % (kBytes - 4), &value, 4);
        }
    }
    read();
    check_books(decoder, used, reader.accepted());

    std::vector<EventSlot> raw(bytes / sizeof(EventSlot));
    if (!raw.empty()) std::memcpy(raw.data(), data, raw.size() * sizeof(EventSlot));
    EventDecoder raw_decoder;
    raw_decoder.seed(1, kNone, false);
    used = 0;
    decode(raw_decoder, raw, used);
    check_books(raw_decoder, used, raw.size());
    return 0;
}
