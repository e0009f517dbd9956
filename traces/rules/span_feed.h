// Takes a SpanTracker through the events of a trace: where it begins, what is unknown after a loss, and the keyframes that tell it anew.
//
// For query_spans and the steps to when a rule began to hold. Any thread; blocks as long as reading the events takes.
#pragma once

#include "traces/event_feed.h"
#include "traces/rules/event_scan.h"
#include "traces/rules/new_ground.h"
#include "traces/rules/span_tracker.h"

namespace coroscope::rules {

// `feed` begins behind the keyframe that `spans` begins with; spans are told from `begin_ticks` on. After each event `go_on(event)` says whether
// there shall be another. Ends without SpanTracker::end(): until when its spans are told, the caller knows.
template <class GoOn>
void follow_spans(const traces::TraceReader& reader, traces::EventFeed& feed, SpanTracker& spans, std::uint64_t begin_ticks,
                  GoOn&& go_on) {
    NewGround ground(reader);
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        if (!spans.begun() && event.tsc > begin_ticks) spans.begin(begin_ticks);
        ground.pass(feed, event.tsc, [&](std::uint64_t until_ticks) { spans.lose(event.tsc, until_ticks); });
        while (ground.reached(event.tsc)) {
            const auto anew = ground.take();
            if (!anew) continue;
            traces::EventFeed around(reader, EventScan::first_ticks_after(*anew), anew->read_end_ticks);
            spans.renew(*anew, around);
        }
        spans.take(event, ring.owner, ring.owner_index);
        return go_on(event);
    });
    if (!spans.begun()) spans.begin(begin_ticks);
}

}  // namespace coroscope::rules
