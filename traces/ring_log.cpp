// See ring_log.h.
#include "traces/ring_log.h"

#include <algorithm>

#include "instrumentation/base/check.h"

namespace coroscope::traces {
namespace {

constexpr std::size_t kGroupSlotsMax = 3;

// How many of the first slots are whole groups: all of them, or all but a group at the end that lacks its EXT slots.
std::size_t whole_groups(std::span<const wire::EventSlot> slots) {
    for (std::size_t back = 1; back <= std::min(slots.size(), kGroupSlotsMax); ++back) {
        const wire::EventSlot slot = slots[slots.size() - back];
        if (wire::slot_type(slot) == wire::EventType::kExt) continue;
        const std::uint32_t needs = wire::slots_of(wire::slot_type(slot), wire::slot_argument(slot));
        return needs > back ? slots.size() - back : slots.size();
    }
    return slots.size();
}

}  // namespace

RingLog::RingLog(std::uint32_t ring, std::uint64_t begin_ticks, TraceWriter* writer, Tally* tally)
    : writer_(writer), tally_(tally), last_ticks_(begin_ticks) {
    chunk_.ring = ring;
    decoder_.seed(begin_ticks, wire::kNone, false);
    open_chunk();
}

std::array<std::uint64_t, wire::kEventTypesMax> RingLog::accepted() const {
    auto sum = accepted_;
    for (std::size_t type = 0; type < sum.size(); ++type)
        sum[type] += chunk_.counts[type];
    return sum;
}

std::uint64_t RingLog::events_total() const {
    std::uint64_t total = 0;
    for (std::size_t type = 0; type < accepted_.size(); ++type) {
        if (!is_bookkeeping(static_cast<wire::EventType>(type))) total += accepted_[type] + chunk_.counts[type];
    }
    return total;
}

void RingLog::open_chunk() {
    chunk_.slots.clear();
    accepted_ = accepted();
    chunk_.counts.fill(0);
    chunk_.events_count = 0;
    chunk_.lost_count = 0;
    chunk_.lost_since_ticks = 0;
    chunk_.first_position = position_;
    chunk_.context_ticks = last_ticks_;
    chunk_.context_current = current_;
    chunk_.context_known = current_known_;
    chunk_.ticks_min = chunk_.ticks_max = 0;
}

base::Status RingLog::set_owner(wire::RingOwner owner, std::uint32_t owner_index) {
    if (owner == wire::RingOwner::kFree || (owner == chunk_.owner && owner_index == chunk_.owner_index))
        return base::ok_status();
    const base::Status flushed = flush(false);
    chunk_.owner = owner;
    chunk_.owner_index = owner_index;
    return flushed;
}

base::Status RingLog::flush(bool hurry) {
    if (writer_ != nullptr && chunk_.slots.empty()) return base::ok_status();
    base::Status written = base::ok_status();
    if (writer_ != nullptr) written = writer_->add_events(chunk_, hurry);
    open_chunk();
    return written;
}

void RingLog::set_writer(TraceWriter* writer) {
    CHECK(chunk_.slots.empty());
    writer_ = writer;
    open_chunk();
}

void RingLog::note(const wire::DecodedEvent& event) {
    ++chunk_.counts[static_cast<std::size_t>(event.type)];
    ++chunk_.events_count;
    last_ticks_ = event.tsc;
    if (chunk_.ticks_min == 0 || event.tsc < chunk_.ticks_min) chunk_.ticks_min = event.tsc;
    chunk_.ticks_max = std::max(chunk_.ticks_max, event.tsc);
    if (event.type == wire::EventType::kLoss) {
        chunk_.lost_count += event.object;
        const std::uint64_t since = event.ext64[0];
        chunk_.lost_since_ticks = chunk_.lost_since_ticks == 0 ? since
                                                               : std::min(chunk_.lost_since_ticks, since);
    }
    const bool stops = event.type == wire::EventType::kSuspend || event.type == wire::EventType::kExit;
    current_ = stops ? wire::kNone : event.current;
    current_known_ = stops || event.current_known;
    if (tally_ != nullptr) tally_->take(event);
}

void RingLog::take_groups(std::span<const wire::EventSlot> slots) {
    if (writer_ != nullptr) {
        chunk_.slots.insert(chunk_.slots.end(), slots.begin(), slots.end());
    }
    decoder_.feed(slots, [this](const wire::DecodedEvent& event) { note(event); });
    const std::uint64_t pads = decoder_.pads() - pads_seen_;
    pads_seen_ += pads;
    chunk_.counts[static_cast<std::size_t>(wire::EventType::kPad)] += static_cast<std::uint32_t>(pads);
    position_ += slots.size();
}

base::Status RingLog::take(std::span<const wire::EventSlot> slots, std::uint64_t first_position,
                           std::uint64_t overtaken, bool hurry) {
    base::Status status = base::ok_status();
    if (!started_) {
        started_ = true;
        position_ = first_position;
        open_chunk();
    }
    if (overtaken != 0 || first_position != position_ + carried_.size()) {
        status = flush(hurry);
        decoder_.gap();
        carried_.clear();
        overtaken_ += overtaken;
        current_ = wire::kNone;
        current_known_ = false;
        position_ = first_position;
        open_chunk();
        chunk_.lost_count += overtaken;
        if (overtaken != 0) chunk_.lost_since_ticks = last_ticks_;
    }
    std::vector<wire::EventSlot> joined;
    if (!carried_.empty()) {
        joined = std::move(carried_);
        carried_.clear();
        joined.insert(joined.end(), slots.begin(), slots.end());
        slots = joined;
    }
    const std::size_t whole = whole_groups(slots);
    carried_.assign(slots.begin() + static_cast<std::ptrdiff_t>(whole), slots.end());
    slots = slots.first(whole);
    while (!slots.empty()) {
        const std::size_t room = kChunkSlotsMax - chunk_.slots.size();
        std::size_t next = std::min(room, slots.size());
        if (next < slots.size()) next = whole_groups(slots.first(next));
        if (next == 0 && chunk_.slots.empty()) next = std::min(room, slots.size());
        take_groups(slots.first(next));
        slots = slots.subspan(next);
        if (!slots.empty()) {
            const base::Status flushed = flush(hurry);
            if (!flushed.ok()) status = flushed;
        }
    }
    return status;
}

}  // namespace coroscope::traces
