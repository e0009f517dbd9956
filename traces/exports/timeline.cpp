// See timeline.h.
#include "traces/exports/timeline.h"
#include "traces/signal_words.h"

#include <fmt/format.h>

namespace coroscope::exports {

using analyses::Activity;
using analyses::Life;
using wire::EventType;

namespace {

constexpr std::uint64_t kNamelessTracks = 1ULL << 52;  // above every identity
constexpr std::size_t kMessagesMax = 1U << 20;         // in one channel, whose flows are remembered

}  // namespace

Track track_of(const Life& life) {
    return {Track::Kind::kCoroutine, life.identity != 0 ? life.identity : kNamelessTracks + life.index};
}

Timeline::Timeline(const analyses::TraceWalk& walk, TimelineSink& sink)
    : walk_(walk),
      sink_(sink),
      counters_(walk, [this](std::size_t number, std::uint64_t ticks, std::int64_t value) {
          sink_.counter(number, walk_.time_ns(ticks), value);
      }),
      told_(walk, sink, counters_.names().size()) {
    for (std::size_t i = 0; i < counters_.names().size(); ++i)
        sink_.counter_track(i, counters_.names()[i]);
    for (const inspect::ChannelImage& channel : walk.begin().state.channels)
        queues_[channel.index].flows.assign(std::min<std::size_t>(channel.length, kMessagesMax), 0);
}

void Timeline::worker_track(std::uint32_t worker) {
    if (workers_.try_emplace(worker, true).second)
        sink_.track({Track::Kind::kWorker, worker}, fmt::format("worker {}", worker));
}

void Timeline::message(const analyses::OrderedEvent& ordered) {
    const wire::DecodedEvent& event = ordered.event;
    const bool sends = event.type == EventType::kChannelSend;
    const bool other = event.exts_count != 0 && (wire::high8(event.argument) & wire::kOtherParty) != 0;
    Instant instant;
    instant.category = "message";
    instant.at_ns = walk_.time_ns(ordered.ticks);
    Queue& queue = queues_[event.object];
    std::uint64_t flow = 0;
    if (sends) {
        if (queue.ahead != 0) {
            --queue.ahead;
        } else {
            flow = queue.flows.size() < kMessagesMax ? next_flow_++ : 0;
            queue.flows.push_back(flow);
        }
        instant.flow_out = flow;
    } else if (queue.flows.empty()) {
        ++queue.ahead;
    } else {
        flow = queue.flows.front();
        queue.flows.pop_front();
        instant.flow_in = flow;
    }
    // Done for a parked coroutine, or by the one that runs; by a thread outside there is no track.
    if (!other && ordered.current == nullptr) return;
    instant.track = other ? Track{Track::Kind::kCoroutine, event.ext48[0]} : track_of(*ordered.current);
    const analyses::Directory& directory = walk_.directory();
    instant.name = (sends ? "send to " : "receive from ") + directory.text(directory.channel(event.object));
    sink_.instant(instant);
}

void Timeline::event(const analyses::OrderedEvent& ordered) {
    counters_.event(ordered);
    switch (ordered.event.type) {
        case EventType::kChannelCreate:
            queues_[ordered.event.object] = {};
            break;
        case EventType::kChannelSend:
        case EventType::kChannelReceive:
            message(ordered);
            break;
        default:
            if (traces::ToldReader::concerns(ordered.event.type)) told_.event(ordered);
            if (traces::is_of_signals(ordered.event.type)) told_.signal(ordered);
            break;
    }
}

void Timeline::began(const Life& life) {
    wake_flows_[life.index] = 0;
    const std::string name = walk_.directory().name(life);
    sink_.track(track_of(life),
                life.identity != 0 ? fmt::format("{} ({})", name, life.identity) : "not known");
    counters_.began(life);
}

void Timeline::woken(const Life& life, const analyses::Waker& waker, std::uint64_t ticks) {
    std::uint64_t& flow = wake_flows_[life.index];
    flow = 0;
    Instant instant;
    if (waker.identity != 0) {
        instant.track = {Track::Kind::kCoroutine, waker.identity};
    } else if (waker.worker != wire::kNone) {
        worker_track(waker.worker);
        instant.track = {Track::Kind::kWorker, waker.worker};
    } else {
        return;  // a thread outside has no track
    }
    flow = next_flow_++;
    instant.name = fmt::format("wake {} ({})", walk_.directory().name(life), life.identity);
    instant.category = "wake";
    instant.at_ns = walk_.time_ns(ticks);
    instant.flow_out = flow;
    sink_.instant(instant);
}

void Timeline::leave(const Life& life, const analyses::Span& span) {
    counters_.leave(life, span);
    Slice slice;
    slice.track = track_of(life);
    slice.begin_ns = walk_.time_ns(span.begin_ticks);
    slice.end_ns = walk_.time_ns(span.end_ticks);
    slice.category = analyses::activity_name(span.activity);
    slice.name = slice.category;
    if (span.activity == Activity::kBlocked) {
        const std::string object = walk_.directory().text(span.awaited);
        const char* reason = inspect::reason_name(span.reason);
        slice.name = fmt::format("blocked: {}{}{}", reason, object.empty() || object == reason ? "" : " ",
                                 object == reason ? "" : object);
    }
    if (span.activity == Activity::kRunning) {
        slice.flow_in = std::exchange(wake_flows_[life.index], 0);
        slice.worker = span.worker;
    }
    sink_.slice(slice);
    if (span.activity != Activity::kRunning || span.worker == wire::kNone) return;
    worker_track(span.worker);
    slice.track = {Track::Kind::kWorker, span.worker};
    slice.name = walk_.directory().name(life);
    slice.coroutine = life.identity;
    slice.flow_in = 0;
    sink_.slice(slice);
}

void Timeline::ended(const Life&, analyses::LifeEnd how, std::uint64_t ticks) {
    if (how != analyses::LifeEnd::kAlive) counters_.ended(ticks);
}

}  // namespace coroscope::exports
