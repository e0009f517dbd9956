// ChannelPast: what became of one channel over a recorded program: how many items lay in it, what was sent and received, and what went straight
// from a sender's hand to a receiver's.
//
// From a look at the begin and the channel's events. Depth is said as the most that lay in it within each part, and what was left at its end.
//
// Thread: pure. Blocks: reads the events of the trace, some 50 ns each, and asks `search` every few thousand of them. Tested in
// tests/unit/analyses/channel_past_test.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/replay.h"
#include "traces/search.h"

namespace coroscope::analyses {

struct ChannelPast {
    std::uint64_t identity = 0;
    traces::TimeNs begin = 0, end = 0;
    std::uint32_t parts = 0;
    std::vector<std::uint64_t> depth, depth_most;  // by part: at its end; at most within it
    std::vector<std::uint64_t> sent, received;     // by part
    std::uint64_t sent_total = 0, received_total = 0, handed_over = 0;
    traces::TimeNs last_send = -1, last_receive = -1;  // -1 = none
    std::uint64_t last_sender = 0, last_receiver = 0;  // identities; 0 = not known, or a thread
    bool seen = false;                                 // it was there at some time
    bool gaps = false;                                 // events are missing: depths may be off from there on
};

// Errors: kCorrupt, kUnreadable; kGone when `search` was cancelled.
base::Result<ChannelPast> compute_channel_past(const traces::Replay& replay, std::uint64_t identity, std::uint32_t parts, traces::Search& search);

}  // namespace coroscope::analyses
