// Timeline: a walk as tracks of slices, flows and counters, for viewers of timelines (Perfetto, Chrome).
//
//   a track a worker       slices: which coroutine ran
//   a track a coroutine    slices: running, ready, "blocked: channel-receive channel:words"; instants: what it woke, sent and received
//   flows                  from a wake to the run that it led to; from a send to the receive of the same message
//   counters               counters.h
//   what it says itself    told_tracks.h
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
#include "traces/exports/timeline_sink.h"
#include "traces/exports/told_tracks.h"
#include "traces/sparse_table.h"

namespace coroscope::exports {

class Timeline final : public analyses::SpanVisitor {
public:
    Timeline(const analyses::TraceWalk& walk, TimelineSink& sink);
    void finish() {
        told_.finish();
        counters_.finish(walk_.end_ticks());
    }

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
    ToldTracks told_;
    traces::SparseTable<std::uint64_t> wake_flows_;    // by index: that leads to its next run; 0 = none
    std::unordered_map<std::uint32_t, Queue> queues_;  // by channel index
    std::unordered_map<std::uint32_t, bool> workers_;  // that have a track
    std::uint64_t next_flow_ = 1;
};

}  // namespace coroscope::exports
