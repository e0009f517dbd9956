// When a state rule held: the trace's events through a SpanTracker.
#include <algorithm>
#include <utility>

#include "traces/rules/query.h"
#include "traces/rules/span_feed.h"

namespace coroscope::rules {
namespace {

// Spans come in the order of their ends; kept are the first `limit` to begin.
class Kept {
public:
    Kept(const traces::Replay& replay, std::uint64_t limit) : replay_(replay), limit_(limit) {}

    void add(const SpanTracker::Turn& turn) {
        ++answer_.matched;
        SpanRow row;
        row.id = turn.identity;
        row.text = turn.label;
        row.since = replay_.time_of(turn.since_ticks);
        row.until = replay_.time_of(turn.until_ticks);
        row.open_begin = turn.open_begin;
        row.open_end = turn.open_end;
        answer_.total_ns += static_cast<double>(row.until - row.since);
        if (limit_ == 0) return;
        const auto later = [](const SpanRow& a, const SpanRow& b) { return a.since < b.since; };
        if (answer_.rows.size() == limit_) {
            if (row.since >= answer_.rows.front().since) return;
            std::pop_heap(answer_.rows.begin(), answer_.rows.end(), later);
            answer_.rows.pop_back();
        }
        answer_.rows.push_back(std::move(row));
        std::push_heap(answer_.rows.begin(), answer_.rows.end(), later);
    }
    SpanAnswer take() {
        std::sort(answer_.rows.begin(), answer_.rows.end(),
                  [](const SpanRow& a, const SpanRow& b) { return a.since < b.since; });
        return std::move(answer_);
    }

private:
    const traces::Replay& replay_;
    const std::uint64_t limit_;
    SpanAnswer answer_;
};

}  // namespace

base::Result<SpanAnswer> query_spans(const traces::Replay& replay, const std::shared_ptr<const Rule>& rule,
                                     const QueryOptions& options) {
    if (auto status = SpanTracker::can_follow(*rule); !status) return status.error();
    const traces::TraceReader& reader = replay.reader();
    const traces::TimeNs from = std::clamp(options.from.value_or(replay.begin()), replay.begin(),
                                           replay.end());
    const traces::TimeNs to = std::clamp(options.to.value_or(replay.end()), from, replay.end());
    const std::uint64_t from_ticks = replay.ticks_of(from), to_ticks = replay.ticks_of(to);
    auto keyframe = keyframe_for(reader, from_ticks);
    if (!keyframe.ok()) return keyframe.error();
    const Names names = names_of(reader);
    if (keyframe->strings.empty()) keyframe->strings = reader.strings();
    Kept kept(replay, options.limit);
    SpanTracker spans(rule, *keyframe, names, [&](const SpanTracker::Turn& turn) {
        if (!turn.begins) kept.add(turn);
    });
    traces::EventFeed feed(reader, EventScan::first_ticks_after(*keyframe), to_ticks);
    follow_spans(reader, feed, spans, from_ticks, [](const wire::DecodedEvent&) { return true; });
    spans.end(to_ticks);
    SpanAnswer answer = kept.take();
    answer.from = from;
    answer.to = to;
    answer.gaps = feed.losses().size();
    return answer;
}

}  // namespace coroscope::rules
