// See event_feed.h.
#include "traces/event_feed.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>

namespace coroscope::traces {

EventFeed::EventFeed(const TraceReader& reader, std::uint64_t from_ticks, std::uint64_t to_ticks, std::span<const inspect::RingHead> heads)
    : reader_(reader), from_ticks_(from_ticks), to_ticks_(to_ticks) {
    std::array<std::uint64_t, wire::kRingsMax> settled{};  // slots, by ring
    for (const inspect::RingHead& head : heads)
        settled[head.ring] = head.slots - std::min(head.slots, kSettledSlots);
    std::map<std::uint32_t, Lane> lanes;
    for (const std::uint32_t position : reader.events()) {
        const ChunkHeader& header = reader.chunks()[position].header;
        // A loss is told by the first event that found room again: its chunk may begin after the interval that it speaks of.
        if (header.lost_count != 0 && header.ticks_min > to_ticks && header.lost_since_ticks <= to_ticks) {
            note_loss(header.lost_since_ticks, to_ticks);
        }
        if (header.ticks_max < from_ticks || header.ticks_min > to_ticks) continue;
        if (header.ring < settled.size() && header.first_position + header.slots_count <= settled[header.ring]) continue;
        Lane& lane = lanes[header.ring];
        lane.chunks.push_back(position);
    }
    for (auto& [ring, lane] : lanes) {
        lane.ring = reader.ring(ring);
        const auto before = [&](std::uint32_t a, std::uint32_t b) {
            return reader.chunks()[a].header.first_position < reader.chunks()[b].header.first_position;
        };
        std::stable_sort(lane.chunks.begin(), lane.chunks.end(), before);
        lanes_.push_back(std::move(lane));
    }
}

void EventFeed::note_loss(std::uint64_t since_ticks, std::uint64_t until_ticks) {
    losses_.push_back({since_ticks, until_ticks});
}

void EventFeed::load(Lane& lane, const ChunkRef& chunk) {
    lane.events.clear();
    lane.at = 0;
    if (chunk.header.owner <= static_cast<std::uint32_t>(wire::RingOwner::kThread)) {
        lane.ring.owner = static_cast<wire::RingOwner>(chunk.header.owner);
        lane.ring.owner_index = chunk.header.owner_index;
    }
    if (!reader_.read_events(chunk, slots_).ok()) {
        note_loss(chunk.header.ticks_min, chunk.header.ticks_max);
        return;
    }
    lane.events.reserve(slots_.size());
    // Slots that were lapped before they were read lie before the chunk.
    if (chunk.header.lost_since_ticks != 0 && chunk.header.lost_since_ticks < chunk.header.ticks_min) {
        note_loss(chunk.header.lost_since_ticks, chunk.header.ticks_min);
    }
    wire::EventDecoder decoder;
    decoder.seed(chunk.header.context_ticks, chunk.header.context_current, chunk.header.context_known != 0);
    std::uint64_t position = chunk.header.first_position;
    decoder.feed(slots_, [&](const wire::DecodedEvent& event) {
        if (event.type == wire::EventType::kLoss && event.ext64[0] <= to_ticks_ && event.tsc >= from_ticks_) {
            note_loss(event.ext64[0], event.tsc);
        }
        if (event.tsc >= from_ticks_ && event.tsc <= to_ticks_) {
            if (lane.events.empty()) lane.first_position = position;
            lane.events.push_back(event);
        }
        ++position;
    });
}

bool EventFeed::fill(Lane& lane) {
    while (lane.at >= lane.events.size()) {
        if (lane.next_chunk >= lane.chunks.size()) {
            lane.events = {};
            return false;
        }
        load(lane, reader_.chunks()[lane.chunks[lane.next_chunk++]]);
    }
    return true;
}

EventFeed::Lane* EventFeed::next_lane(std::uint64_t* limit) {
    Lane* first = nullptr;
    std::uint64_t second = std::numeric_limits<std::uint64_t>::max();
    for (Lane& lane : lanes_) {
        if (!fill(lane)) continue;
        const std::uint64_t ticks = lane.events[lane.at].tsc;
        if (first == nullptr || ticks < first->events[first->at].tsc) {
            if (first != nullptr) second = std::min(second, first->events[first->at].tsc);
            first = &lane;
        } else {
            second = std::min(second, ticks);
        }
    }
    *limit = second;
    return first;
}

}  // namespace coroscope::traces
