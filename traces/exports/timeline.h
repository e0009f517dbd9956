// Timeline: a walk as tracks of slices, flows and counters, for viewers of timelines (Perfetto, Chrome).
//
//   a track a worker       slices: which coroutine ran
//   a track a coroutine    slices: running, ready, "blocked: channel-receive channel:words"; instants: what it woke, sent and received
//   flows                  from a wake to the run that it led to; from a send to the receive of the same message
//   counters               counters.h
//
// A message's receive is found by counting: the n-th send of a channel is its n-th receive, as channels are queues. Messages that were in
// the channel when the walk began have no flow.
//
// Thread: one at a time. Tested in tests/e2e/export_test.py.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/counters.h"
#include "traces/sparse_table.h"

namespace coroscope::exports {

struct Track {
    enum class Kind : std::uint8_t { kWorker, kCoroutine } kind = Kind::kCoroutine;
    std::uint64_t id = 0;  // worker, or coroutine
};

struct Slice {
    Track track;
    std::string name;
    const char* category = "";
    std::int64_t begin_ns = 0, end_ns = 0;
    std::uint64_t flow_in = 0;           // 0 = none
    std::uint64_t coroutine = 0;         // on a worker's track: whose identity
    std::uint32_t worker = wire::kNone;  // on a coroutine's track, running: on which
};
struct Instant {
    Track track;
    std::string name;
    const char* category = "";
    std::int64_t at_ns = 0;
    std::uint64_t flow_in = 0, flow_out = 0;  // 0 = none
};

// What a format does with it. A track is told before anything that stands on it.
class TimelineSink {
public:
    virtual ~TimelineSink() = default;
    virtual void track(const Track& track, const std::string& name) = 0;
    virtual void slice(const Slice& slice) = 0;
    virtual void instant(const Instant& instant) = 0;
    virtual void counter_track(std::size_t number, const std::string& name) = 0;
    virtual void counter(std::size_t number, std::int64_t at_ns, std::int64_t value) = 0;
};

class Timeline final : public analyses::SpanVisitor {
public:
    Timeline(const analyses::TraceWalk& walk, TimelineSink& sink);
    void finish() { counters_.finish(walk_.end_ticks()); }

    void event(const analyses::OrderedEvent& event) override;
    void began(const analyses::Life& life) override;
    void enter(const analyses::Life& life, const analyses::Span& span) override {
        counters_.enter(life, span);
    }
    void leave(const analyses::Life& life, const analyses::Span& span) override;
    void woken(const analyses::Life& life, const analyses::Waker& waker, std::uint64_t ticks) override;
    void ended(const analyses::Life& life, analyses::LifeEnd how, std::uint64_t ticks) override;

private:
    // Of a channel: messages that were sent and not yet received, oldest first; 0 = no flow. `ahead`: receives whose send has not been seen.
    struct Queue {
        std::deque<std::uint64_t> flows;
        std::uint64_t ahead = 0;
    };
    void message(const analyses::OrderedEvent& event);
    void worker_track(std::uint32_t worker);

    const analyses::TraceWalk& walk_;
    TimelineSink& sink_;
    Counters counters_;
    traces::SparseTable<std::uint64_t> wake_flows_;    // by index: that leads to its next run; 0 = none
    std::unordered_map<std::uint32_t, Queue> queues_;  // by channel index
    std::unordered_map<std::uint32_t, bool> workers_;  // that have a track
    std::uint64_t next_flow_ = 1;
};

// The track of a coroutine whose spawn was lost is told apart by its index.
Track track_of(const analyses::Life& life);

}  // namespace coroscope::exports
