// See lane_slices.h.
#include "traces/lane_slices.h"

#include <algorithm>

#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

class SliceFollower {
public:
    SliceFollower(const ChunkHeader& header, std::uint64_t since, ChunkSlices& out)
        : out_(out), last_(since != 0 ? since : header.ticks_min) {
        if (header.context_known == 0 || header.context_current == wire::kNone) return;
        open(header.context_current, last_, since != 0 ? LaneSlice::kBeganBefore : LaneSlice::kCut);
    }

    void take(const wire::DecodedEvent& event) {
        switch (event.type) {
            case EventType::kResume:
                // A SYNC amid a switch names who is about to run, or still who has just stopped: what it opened was no run.
                if (told_by_sync_) open_ = false;
                close(event.tsc, LaneSlice::kCut);
                open(event.object, event.tsc, 0);
                break;
            case EventType::kSuspend:
            case EventType::kExit:
                if (!open_ && event.current_known && event.current != wire::kNone) open(event.current, last_, LaneSlice::kCut);
                slice_.reason = event.type == EventType::kSuspend ? reason_of(event) : wire::WaitReason::kNothing;
                close(event.tsc, event.type == EventType::kExit ? LaneSlice::kExited : 0);
                break;
            case EventType::kLoss:
                close(event.ext64[0], LaneSlice::kCut);
                last_ = std::max(last_, event.tsc);
                break;
            case EventType::kSync:
                if (!event.current_known || event.current == wire::kNone || open_) break;
                open(event.current, event.tsc, LaneSlice::kCut);
                told_by_sync_ = true;
                break;
            default:
                break;
        }
    }
    void finish(std::uint64_t end) { close(end, LaneSlice::kGoesOn); }

private:
    static wire::WaitReason reason_of(const wire::DecodedEvent& event) {
        return static_cast<wire::WaitReason>(std::min<std::uint8_t>(wire::high8(event.argument), wire::kWaitReasonsCount - 1));
    }
    void open(std::uint32_t coroutine, std::uint64_t ticks, std::uint8_t flags) {
        slice_ = {};
        slice_.begin = std::max(ticks, last_);
        slice_.coroutine = coroutine;
        slice_.flags = flags;
        open_ = true;
        told_by_sync_ = false;
    }
    // Stamps of a ring can go back by nanoseconds (a stamp that two events share): slices do not.
    void close(std::uint64_t ticks, std::uint8_t flags) {
        if (!open_) return;
        slice_.end = std::max(ticks, slice_.begin);
        slice_.flags |= flags;
        last_ = slice_.end;
        out_.slices.push_back(slice_);
        open_ = false;
    }

    ChunkSlices& out_;
    std::uint64_t last_;
    LaneSlice slice_;
    bool open_ = false;
    bool told_by_sync_ = false;  // the open slice
};

void note_in_passing(const wire::DecodedEvent& event, ChunkSlices& out) {
    switch (event.type) {
        case EventType::kSpawn:
            out.lives.push_back({event.tsc, wire::spawn_identity(event), wire::spawn_spawner(event), event.object, event.argument,
                                 wire::spawn_name(event)});
            [[fallthrough]];
        case EventType::kResume:
        case EventType::kWake:
        case EventType::kPause:
        case EventType::kUnpause:
            out.speaks_of.add(event.object);
            break;
        case EventType::kSuspend:
        case EventType::kExit:
            if (event.current_known) out.speaks_of.add(event.current);
            break;
        case EventType::kSignal:
            out.signals.push_back({event.tsc, event.object});
            break;
        case EventType::kLoss:
            out.losses.push_back({event.ext64[0], std::max(event.ext64[0], event.tsc)});
            break;
        default:
            break;
    }
}

}  // namespace

base::Status read_lane_slices(const TraceReader& reader, const ChunkRef& chunk, std::uint64_t since, std::vector<wire::EventSlot>& slots,
                              ChunkSlices& out) {
    out = {};
    if (const base::Status read = reader.read_events(chunk, slots); !read.ok()) return read;
    const ChunkHeader& header = chunk.header;
    const bool is_worker = header.owner == static_cast<std::uint32_t>(wire::RingOwner::kWorker);
    if (header.lost_since_ticks != 0 && header.lost_since_ticks < header.ticks_min)
        out.losses.push_back({header.lost_since_ticks, header.ticks_min});
    wire::EventDecoder decoder;
    decoder.seed(header.context_ticks, header.context_current, header.context_known != 0);
    SliceFollower follower(header, since, out);
    decoder.feed(slots, [&](const wire::DecodedEvent& event) {
        if (is_worker) follower.take(event);
        note_in_passing(event, out);
    });
    if (is_worker) follower.finish(header.ticks_max);
    return base::ok_status();
}

}  // namespace coroscope::traces
