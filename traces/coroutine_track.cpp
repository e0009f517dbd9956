// See coroutine_track.h.
#include "traces/coroutine_track.h"

#include <algorithm>

#include "instrumentation/wire/event_decoder.h"

namespace coroscope::traces {
namespace {

using wire::EventType;
using Doing = TrackSpan::Doing;

constexpr std::size_t kTogetherMax = 1U << 20;         // events that are put in order at once
constexpr std::uint64_t kDisorderTicks = 1'000'000;    // by which a cause can be stamped behind its effect

// What an event says about the coroutine.
struct TrackSaid {
    std::uint64_t ticks = 0;
    std::uint32_t sequence24 = 0;
    EventType type = EventType::kPad;
    wire::WaitReason reason = wire::WaitReason::kNothing;
    wire::WakeCause cause = wire::WakeCause::kOutside;
    std::uint32_t worker = wire::kNone;  // of the ring
    std::uint32_t object = wire::kNone;
    std::uint32_t waker = wire::kNone;
    std::uint64_t pc = 0;
    std::uint64_t identity = 0;  // SPAWN, EXIT
    std::uint8_t identity8 = 0;  // RESUME
};

bool concerns_record(const wire::DecodedEvent& event, std::uint32_t index) {
    switch (event.type) {
        case EventType::kSpawn:
        case EventType::kResume:
        case EventType::kWake:
        case EventType::kPause:
        case EventType::kUnpause:
            return event.object == index;
        case EventType::kSuspend:
        case EventType::kExit:
            return event.current_known && event.current == index;
        default:
            return false;
    }
}

TrackSaid track_said(const wire::DecodedEvent& event, std::uint32_t worker) {
    TrackSaid said;
    said.ticks = event.tsc;
    said.type = event.type;
    said.worker = worker;
    said.sequence24 = wire::low24(event.argument);
    const std::uint8_t high = wire::high8(event.argument);
    switch (event.type) {
        case EventType::kSpawn:
            said.sequence24 = wire::spawn_sequence(event) & 0xffffffU;
            said.identity = wire::spawn_identity(event);
            break;
        case EventType::kExit:
            said.identity = event.ext48[0];
            break;
        case EventType::kResume:
            said.identity8 = high;
            break;
        case EventType::kSuspend:
            said.reason = static_cast<wire::WaitReason>(std::min<std::uint8_t>(high, wire::kWaitReasonsCount - 1));
            said.object = event.object;
            said.pc = event.ext48[0];
            break;
        case EventType::kWake: {
            said.cause = static_cast<wire::WakeCause>(high % wire::kWakeCausesCount);
            const bool by_nobody = said.cause == wire::WakeCause::kTimer || said.cause == wire::WakeCause::kSignal ||
                                   said.cause == wire::WakeCause::kOutside;
            if (!by_nobody && event.current_known && worker != wire::kNone) said.waker = event.current;
            break;
        }
        default:
            break;
    }
    return said;
}

// By stamp, and where two are as good as at once by the coroutine's sequence: each moves before those that it precedes by it.
void put_in_order(std::vector<TrackSaid>& events) {
    std::stable_sort(events.begin(), events.end(), [](const TrackSaid& a, const TrackSaid& b) { return a.ticks < b.ticks; });
    for (std::size_t i = 1; i < events.size(); ++i) {
        for (std::size_t k = i; k > 0 && wire::distance24(events[k].sequence24, events[k - 1].sequence24) < 0; --k) {
            if (events[k].type == EventType::kSpawn || events[k - 1].type == EventType::kExit) break;
            std::swap(events[k], events[k - 1]);
        }
    }
    for (std::size_t i = 1; i < events.size(); ++i)
        events[i].ticks = std::max(events[i].ticks, events[i - 1].ticks);
}

class TrackBuilder {
public:
    explicit TrackBuilder(CoroutineTrack& track) : track_(track) {}

    void take(const TrackSaid& event) {
        if (!is_mine(event)) return;
        if (!open_) begin_before(event);
        close(event.ticks);
        span_ = {};
        span_.begin = event.ticks;
        span_.worker = event.worker;
        switch (event.type) {
            case EventType::kResume:
                span_.doing = Doing::kRunning;
                break;
            case EventType::kSuspend:
                span_.reason = event.reason;
                span_.object = event.object;
                span_.pc = event.pc;
                span_.doing = event.reason == wire::WaitReason::kYield || event.reason == wire::WaitReason::kPause ? Doing::kReady
                                                                                                                  : Doing::kBlocked;
                break;
            case EventType::kPause:
                span_.doing = Doing::kBlocked;
                span_.reason = wire::WaitReason::kPause;
                break;
            case EventType::kWake:
                span_.doing = Doing::kReady;
                span_.woken = true;
                span_.cause = event.cause;
                span_.waker = event.waker;
                span_.waker_worker = event.worker;
                break;
            default:
                span_.doing = Doing::kReady;
                break;
        }
        track_.began = track_.began || event.type == EventType::kSpawn;
        track_.ended = track_.ended || event.type == EventType::kExit;
        open_ = event.type != EventType::kExit;
    }
    void finish() {
        if (open_) close(track_.to);
        open_ = false;
    }

private:
    // A record is one coroutine's from SPAWN to EXIT, and then another one's.
    bool is_mine(const TrackSaid& event) {
        const bool named = event.identity != 0;
        if (event.type == EventType::kSpawn) mine_ = event.identity == track_.identity;
        if (event.type == EventType::kResume && event.identity8 != static_cast<std::uint8_t>(track_.identity)) mine_ = false;
        return mine_ && (!named || event.identity == track_.identity);
    }
    // What it did until the first event that is known of it follows from that event.
    void begin_before(const TrackSaid& event) {
        span_ = {};
        span_.begin = event.type == EventType::kSpawn ? event.ticks : track_.from;
        span_.worker = event.worker;
        span_.doing = event.type == EventType::kResume || event.type == EventType::kPause ? Doing::kReady
                      : event.type == EventType::kSuspend || event.type == EventType::kExit ? Doing::kRunning
                      : event.type == EventType::kWake                                      ? Doing::kBlocked
                                                                                            : Doing::kUnknown;
        open_ = true;
    }
    void close(std::uint64_t ticks) {
        span_.end = std::max(ticks, span_.begin);
        if (span_.end == span_.begin) return;
        if (span_.end - span_.begin < track_.quantum) {
            join();
        } else {
            track_.spans.push_back(span_);
        }
    }
    // Into the mixed span before it, as long as that is shorter than a quantum itself.
    void join() {
        std::vector<TrackSpan>& spans = track_.spans;
        if (spans.empty() || spans.back().doing != Doing::kMixed || spans.back().end - spans.back().begin >= track_.quantum) {
            TrackSpan mixed;
            mixed.doing = Doing::kMixed;
            mixed.begin = span_.begin;
            mixed.count = 0;
            spans.push_back(mixed);
        }
        TrackSpan& mixed = spans.back();
        mixed.end = span_.end;
        ++mixed.count;
        const std::uint64_t ticks = span_.end - span_.begin;
        if (span_.doing == Doing::kRunning) mixed.running += ticks;
        if (span_.doing == Doing::kReady) mixed.ready += ticks;
        if (span_.doing == Doing::kBlocked) mixed.blocked += ticks;
    }

    CoroutineTrack& track_;
    TrackSpan span_;
    bool open_ = false;
    bool mine_ = true;
};

}  // namespace

const TrackSpan* CoroutineTrack::at(std::uint64_t ticks) const {
    const auto after = std::partition_point(spans.begin(), spans.end(), [&](const TrackSpan& span) { return span.end <= ticks; });
    return after != spans.end() && after->begin <= ticks ? &*after : nullptr;
}

CoroutineTrack read_coroutine_track(const TraceReader& reader, std::span<const std::uint32_t> chunks, const TrackQuestion& question,
                                    const Search& search) {
    CoroutineTrack track;
    track.identity = question.identity;
    track.from = question.from;
    track.to = question.to;
    track.quantum = question.quantum;
    TrackBuilder builder(track);
    std::vector<TrackSaid> events;
    // Events before `until` are taken: what is still to be read is later.
    const auto flush = [&](std::uint64_t until) {
        put_in_order(events);
        const auto late = std::partition_point(events.begin(), events.end(), [&](const TrackSaid& event) { return event.ticks < until; });
        std::for_each(events.begin(), late, [&](const TrackSaid& event) { builder.take(event); });
        events.erase(events.begin(), late);
    };
    std::vector<wire::EventSlot> slots;
    for (const std::uint32_t position : chunks) {
        if (!search.wanted()) return track;
        const ChunkRef& chunk = reader.chunks()[position];
        if (events.size() >= kTogetherMax) flush(chunk.header.ticks_min - std::min(chunk.header.ticks_min, kDisorderTicks));
        if (!reader.read_events(chunk, slots).ok()) continue;
        const bool is_worker = chunk.header.owner == static_cast<std::uint32_t>(wire::RingOwner::kWorker);
        const std::uint32_t worker = is_worker ? chunk.header.owner_index : wire::kNone;
        wire::EventDecoder decoder;
        decoder.seed(chunk.header.context_ticks, chunk.header.context_current, chunk.header.context_known != 0);
        decoder.feed(slots, [&](const wire::DecodedEvent& event) {
            if (concerns_record(event, question.index) && event.tsc >= question.from && event.tsc <= question.to)
                events.push_back(track_said(event, worker));
        });
    }
    flush(~0ULL);
    builder.finish();
    track.complete = true;
    return track;
}

}  // namespace coroscope::traces
