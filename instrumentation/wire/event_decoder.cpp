// A small state machine: between groups, or inside one. EXT slots that belong to nothing (of an unknown event, or after a
// gap that cut a group) are undecodable.
#include "instrumentation/wire/event_decoder.h"

namespace coroscope::wire {

void EventDecoder::gap() {
    if (missing_ > 0) {
        undecodable_ += event_.exts_count + 1U;
        missing_ = 0;
    }
    current_known_ = false;
    current_ = kNone;
}

void EventDecoder::seed(std::uint64_t tsc, std::uint32_t current, bool current_known) {
    last_tsc_ = tsc;
    current_ = current;
    current_known_ = current_known;
    synced_ = true;
}

bool EventDecoder::take(EventSlot slot, bool& again) {
    const EventType type = slot_type(slot);
    if (missing_ > 0) {
        if (type != EventType::kExt) {  // the group was never finished: this slot begins another
            undecodable_ += event_.exts_count + 1U;
            missing_ = 0;
            again = true;
            return false;
        }
        event_.ext48[event_.exts_count] = slot_stamp(slot);
        event_.ext64[event_.exts_count] = slot.word1;
        ++event_.exts_count;
        return --missing_ == 0 && finish();
    }
    if (type == EventType::kExt) {
        ++(synced_ ? undecodable_ : before_sync_);
        return false;
    }
    return begin(slot);
}

bool EventDecoder::begin(EventSlot slot) {
    const EventType type = slot_type(slot);
    if (type == EventType::kPad) {
        ++pads_;
        return false;
    }
    const std::uint32_t slots_count = slots_of(type, slot_argument(slot));
    if (slots_count == 0 || slots_count > 3) {
        ++(synced_ ? undecodable_ : before_sync_);
        return false;
    }
    if (!synced_ && type != EventType::kSync) {
        ++before_sync_;
        return false;
    }
    event_ = DecodedEvent{};
    event_.type = type;
    event_.object = slot_object(slot);
    event_.argument = slot_argument(slot);
    stamp48_ = slot_stamp(slot);
    missing_ = slots_count - 1;
    return missing_ == 0 && finish();
}

// The group is whole: place it in time, and let it change who runs.
bool EventDecoder::finish() {
    if (event_.type == EventType::kSync) {
        last_tsc_ = event_.ext64[0];
        synced_ = true;
        current_ = event_.object;
        current_known_ = true;
    }
    // The 48 bits nearest to the last full stamp: the difference is taken as signed.
    const auto ahead = static_cast<std::int64_t>((stamp48_ - last_tsc_) << 16) >> 16;
    last_tsc_ += static_cast<std::uint64_t>(ahead);
    event_.tsc = last_tsc_;
    if (event_.type == EventType::kResume) {
        current_ = event_.object;
        current_known_ = true;
    }
    event_.current = current_;
    event_.current_known = current_known_;
    if (event_.type == EventType::kSuspend || event_.type == EventType::kExit) {
        current_ = kNone;
        current_known_ = true;
    }
    return true;
}

}  // namespace coroscope::wire
