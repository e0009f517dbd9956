// Steps to events that match a rule, and to times at which one about state began to hold. See event_steps.h.
//
// The stretch between two keyframes is looked through as a whole, beginning with what the first of them knows: so what an event matches does not
// depend on where one comes from, and a step back costs as much as a step on.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "traces/event_feed.h"
#include "traces/rules/event_scan.h"
#include "traces/rules/event_steps.h"
#include "traces/rules/new_ground.h"
#include "traces/rules/span_feed.h"
#include "traces/told.h"

namespace coroscope::rules {
namespace {

constexpr std::uint32_t kEventsBetweenLooks = 4096;  // at whether the search is still wanted, and what was set aside

// From a keyframe to the next: events stamped begin < t <= end.
struct Stretch {
    std::uint64_t begin_ticks = 0, end_ticks = 0;
};

std::vector<Stretch> stretches_outwards(const traces::Replay& replay, const EventPlace& from,
                                        Direction direction) {
    const traces::TraceReader& reader = replay.reader();
    const std::uint64_t first_ticks = replay.ticks_of(replay.begin()),
                        last_ticks = replay.ticks_of(replay.end());
    std::vector<Stretch> all;
    const auto keyframes = reader.keyframes();
    for (std::size_t i = 0; i < keyframes.size(); ++i) {
        Stretch stretch{reader.chunks()[keyframes[i]].header.ticks_max, last_ticks};
        if (i + 1 < keyframes.size()) stretch.end_ticks = reader.chunks()[keyframes[i + 1]].header.ticks_max;
        stretch.begin_ticks = std::max(stretch.begin_ticks, first_ticks);
        stretch.end_ticks = std::min(stretch.end_ticks, last_ticks);
        if (direction == Direction::kNext ? stretch.end_ticks >= from.ticks : stretch.begin_ticks < from.ticks)
            all.push_back(stretch);
    }
    if (direction == Direction::kPrevious) std::reverse(all.begin(), all.end());
    return all;
}

// Whether some event of the stretch can match, by the counts of its chunks.
bool may_match(const traces::TraceReader& reader, const Rule& rule, const Stretch& stretch) {
    return std::any_of(reader.events().begin(), reader.events().end(), [&](std::uint32_t position) {
        const traces::ChunkRef& chunk = reader.chunks()[position];
        if (chunk.header.ticks_max <= stretch.begin_ticks || chunk.header.ticks_min > stretch.end_ticks)
            return false;
        return std::any_of(chunk.counts.begin(), chunk.counts.end(), [&](const traces::TypeCount& row) {
            return row.count != 0 && rule.may_match(static_cast<wire::EventType>(row.type));
        });
    });
}

class EventLook {
public:
    EventLook(const traces::Replay& replay, std::shared_ptr<const Rule> rule, const EventPlace& from,
              Direction direction, const Names& names)
        : reader_(replay.reader()), rule_(std::move(rule)), from_(from), direction_(direction), names_(names) {}

    // The nearest match of the stretch.
    base::Result<std::optional<EventPlace>> find(const Stretch& stretch, traces::Search& search) {
        best_.reset();
        set_aside_.clear();
        auto keyframe = keyframe_for(reader_, stretch.begin_ticks);
        if (!keyframe.ok()) return keyframe.error();
        if (keyframe->strings.empty()) keyframe->strings = reader_.strings();
        EventScan::Options options;
        options.from_ticks = std::max(stretch.begin_ticks + 1, is_next() ? from_.ticks : 0);
        options.to_ticks = std::min(stretch.end_ticks, is_next() ? stretch.end_ticks : from_.ticks);
        options.with_facts = false;
        EventScan scan(rule_, *keyframe, names_, options);
        const std::uint64_t end = rule_->needs_outcome() ? ~std::uint64_t{0} : options.to_ticks;
        traces::EventFeed feed(reader_, EventScan::first_ticks_after(*keyframe), end);
        NewGround losses(reader_);
        const wire::DecodedEvent* now = nullptr;
        EventPlace place;
        const auto match = [&](const EventFacts& facts) {
            if (!traces::ToldReader::goes_on(*facts.event))
                consider(facts.event == now ? place : set_aside_[facts.coroutine]);
        };
        std::uint64_t last_ticks = options.to_ticks;
        std::uint32_t count = 0;
        feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
            if (++count % kEventsBetweenLooks == 0) {
                if (!search.wanted()) return false;
                if (rule_->needs_outcome() && event.tsc > options.from_ticks) scan.reach(event.tsc, match);
                if (is_settled(scan, event.tsc, options)) return false;
            }
            if (!rule_->needs_outcome() && is_next() && best_ && event.tsc > best_->ticks) return false;
            losses.pass(feed, event.tsc, [&](std::uint64_t until_ticks) { scan.lose(until_ticks); });
            now = &event;
            place = {event.tsc, ring.ring, feed.position()};
            last_ticks = std::max(last_ticks, event.tsc);
            scan.take(event, ring.owner, ring.owner_index, match);
            now = nullptr;
            if (event.type == wire::EventType::kSuspend && event.current_known)
                set_aside_[event.current] = place;
            return true;
        });
        if (!search.wanted()) return std::optional<EventPlace>();
        scan.reach(last_ticks, match);
        return best_;
    }

private:
    bool is_next() const { return direction_ == Direction::kNext; }

    // Nothing that is still to come, and nothing that is set aside, can be nearer.
    bool is_settled(const EventScan& scan, std::uint64_t now_ticks, const EventScan::Options& options) const {
        if (!rule_->needs_outcome()) return false;
        if (is_next()) {
            if (!best_ && now_ticks <= options.to_ticks) return false;
            return !scan.set_aside_between(0, best_ ? best_->ticks : options.to_ticks) &&
                   now_ticks > (best_ ? best_->ticks : options.to_ticks);
        }
        return now_ticks > options.to_ticks &&
               !scan.set_aside_between(best_ ? best_->ticks : 0, options.to_ticks);
    }
    void consider(const EventPlace& place) {
        if (is_next() ? place <= from_ : place >= from_) return;
        if (!best_ || (is_next() ? place < *best_ : place > *best_)) best_ = place;
    }

    const traces::TraceReader& reader_;
    const std::shared_ptr<const Rule> rule_;
    const EventPlace from_;
    const Direction direction_;
    const Names& names_;
    std::optional<EventPlace> best_;
    std::unordered_map<std::uint32_t, EventPlace> set_aside_;  // by coroutine: its last SUSPEND
};

base::Result<std::optional<Step>> step_to_match(const traces::Replay& replay,
                                                const std::shared_ptr<const Rule>& rule,
                                                const EventPlace& from, Direction direction,
                                                traces::Search& search) {
    const Names names = names_of(replay.reader());
    EventLook look(replay, rule, from, direction, names);
    const std::vector<Stretch> stretches = stretches_outwards(replay, from, direction);
    for (std::size_t i = 0; i < stretches.size() && search.wanted(); ++i) {
        search.reached(i, stretches.size());
        if (!may_match(replay.reader(), *rule, stretches[i])) continue;
        auto found = look.find(stretches[i], search);
        if (!found.ok()) return found.error();
        if (!*found) continue;
        auto step = describe(replay, **found);
        if (!step.ok()) return step.error();
        return std::optional<Step>(std::move(*step));
    }
    return std::optional<Step>();
}

// A time at which the rule began to hold lies behind the events of its stamp.
EventPlace place_of(const SpanTracker::Turn& turn) {
    return {turn.since_ticks, wire::kNone, 0};
}

Step step_of(const traces::Replay& replay, const Rule& rule, const SpanTracker::Turn& turn) {
    Step step;
    step.at = place_of(turn);
    step.t = replay.time_with(turn.since_ticks);
    step.kind = rule.subject();
    step.id = turn.identity;
    step.sentence = rule.subject() ? fmt::format("from here on {} holds for {}", rule.text(), turn.label)
                                   : fmt::format("from here on {} holds", rule.text());
    return step;
}

// One stretch, or from its begin to the end of the trace: the nearest time at which the rule began to hold.
base::Result<std::optional<Step>> step_in(const traces::Replay& replay,
                                          const std::shared_ptr<const Rule>& rule, const Names& names,
                                          const Stretch& stretch, const EventPlace& from, Direction direction,
                                          traces::Search& search) {
    const traces::TraceReader& reader = replay.reader();
    const bool is_next = direction == Direction::kNext;
    auto keyframe = keyframe_for(reader, stretch.begin_ticks);
    if (!keyframe.ok()) return keyframe.error();
    if (keyframe->strings.empty()) keyframe->strings = reader.strings();
    std::optional<Step> found;
    SpanTracker spans(rule, *keyframe, names, [&](const SpanTracker::Turn& turn) {
        const bool beyond = is_next ? place_of(turn) > from && !found : place_of(turn) < from;
        if (turn.begins && !turn.open_begin && beyond) found = step_of(replay, *rule, turn);
    });
    const std::uint64_t end_ticks = is_next ? stretch.end_ticks : std::min(stretch.end_ticks, from.ticks);
    traces::EventFeed feed(reader, EventScan::first_ticks_after(*keyframe), end_ticks);
    std::uint32_t count = 0;
    follow_spans(reader, feed, spans, stretch.begin_ticks, [&](const wire::DecodedEvent& event) {
        if (++count % kEventsBetweenLooks == 0) {
            if (!search.wanted()) return false;
            if (is_next && event.tsc > stretch.begin_ticks)
                search.reached(event.tsc - stretch.begin_ticks, stretch.end_ticks - stretch.begin_ticks);
        }
        return !(is_next && found);
    });
    if (!search.wanted()) return std::optional<Step>();
    if (!(is_next && found)) spans.end(end_ticks + 1);  // and what time alone begins at the last tick
    return found;
}

base::Result<std::optional<Step>> step_to_begin(const traces::Replay& replay,
                                                const std::shared_ptr<const Rule>& rule,
                                                const EventPlace& from, Direction direction,
                                                traces::Search& search) {
    if (auto status = SpanTracker::can_follow(*rule); !status) return status.error();
    const Names names = names_of(replay.reader());
    std::vector<Stretch> stretches = stretches_outwards(replay, from, direction);
    if (direction == Direction::kNext && !stretches.empty()) {
        stretches.front().end_ticks = stretches.back().end_ticks;  // in one go: what is known goes on to be
        stretches.resize(1);
    }
    for (std::size_t i = 0; i < stretches.size() && search.wanted(); ++i) {
        search.reached(i, stretches.size());
        auto found = step_in(replay, rule, names, stretches[i], from, direction, search);
        if (!found.ok() || *found) return found;
    }
    return std::optional<Step>();
}

}  // namespace

base::Result<std::optional<Step>> step_rule(const traces::Replay& replay,
                                            const std::shared_ptr<const Rule>& rule, const EventPlace& from,
                                            Direction direction, traces::Search& search) {
    return rule->about_events() ? step_to_match(replay, rule, from, direction, search)
                                : step_to_begin(replay, rule, from, direction, search);
}

}  // namespace coroscope::rules
