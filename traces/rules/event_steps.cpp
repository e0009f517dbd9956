// Steps to events by what their slots say; those by rules are in rule_steps.cpp. See event_steps.h.
#include "traces/rules/event_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <nlohmann/json.hpp>
#include <vector>

#include "traces/event_feed.h"
#include "traces/ring_log.h"
#include "traces/rules/event_context.h"
#include "traces/rules/event_rows.h"
#include "traces/rules/event_scan.h"
#include "traces/told.h"

namespace coroscope::rules {
namespace {

using traces::ChunkRef;
using wire::EventType;

// Whether an event is one that is looked for; kForeign: its record belongs to another object by then, so that nothing beyond it is meant.
enum class Verdict : std::uint8_t { kNo, kYes, kForeign };

Verdict whose(bool same) {
    return same ? Verdict::kYes : Verdict::kForeign;
}

Verdict of_coroutine(const wire::DecodedEvent& event, const StepFilter& filter, Direction direction) {
    if (filter.index == wire::kNone) {
        const bool begins = event.type == EventType::kSpawn && direction == Direction::kNext;
        const bool ends = event.type == EventType::kExit && direction == Direction::kPrevious;
        return (begins || ends) && event.ext48[0] == filter.identity ? Verdict::kYes : Verdict::kNo;
    }
    const bool moves_item = event.type == EventType::kChannelSend || event.type == EventType::kChannelReceive;
    if (moves_item && (wire::high8(event.argument) & wire::kOtherParty) != 0)
        return event.ext48[0] == filter.identity ? Verdict::kYes : Verdict::kNo;
    if (coroutine_of(event) != filter.index) return Verdict::kNo;
    switch (event.type) {
        case EventType::kSpawn:
        case EventType::kExit:
            return whose(event.ext48[0] == filter.identity);
        case EventType::kResume:
            return whose(wire::high8(event.argument) == static_cast<std::uint8_t>(filter.identity));
        case EventType::kCancel:
            return event.argument == static_cast<std::uint32_t>(filter.identity) ? Verdict::kYes
                                                                                 : Verdict::kNo;
        default:
            return Verdict::kYes;
    }
}

Verdict of_channel(const wire::DecodedEvent& event, const StepFilter& filter) {
    const bool names_it = event.type == EventType::kChannelCreate || event.type == EventType::kChannelDestroy;
    if (names_it && event.ext48[0] == filter.identity) return Verdict::kYes;
    if (event.object != filter.index || filter.index == wire::kNone) return Verdict::kNo;
    if (names_it) return Verdict::kForeign;
    if (event.type >= EventType::kChannelCreate && event.type <= EventType::kSelectArm) return Verdict::kYes;
    if (event.type != EventType::kSuspend) return Verdict::kNo;
    const auto reason = static_cast<wire::WaitReason>(wire::high8(event.argument));
    return reason == wire::WaitReason::kChannelSend || reason == wire::WaitReason::kChannelReceive
               ? Verdict::kYes
               : Verdict::kNo;
}

class Look {
public:
    Look(const traces::Replay& replay, const StepFilter& filter, const EventPlace& from, Direction direction)
        : reader_(replay.reader()),
          filter_(filter),
          from_(from),
          direction_(direction),
          first_ticks_(replay.ticks_of(replay.begin())),
          last_ticks_(replay.ticks_of(replay.end())) {}

    // The nearest one's place; none when there is none, or nobody wants to know any more.
    std::optional<EventPlace> find(traces::Search& search) {
        const std::vector<std::uint32_t> order = chunks_outwards();
        for (std::size_t i = 0; i < order.size(); ++i) {
            const ChunkRef& chunk = reader_.chunks()[order[i]];
            if (best_ &&
                (is_next() ? chunk.header.ticks_min > best_->ticks : chunk.header.ticks_max < best_->ticks))
                break;
            if (!search.wanted()) return std::nullopt;
            search.reached(i, order.size());
            take(chunk);
        }
        return best_ && !best_is_foreign_ ? best_ : std::nullopt;
    }

private:
    bool is_next() const { return direction_ == Direction::kNext; }

    // Those that may hold what is looked for, the nearest first.
    std::vector<std::uint32_t> chunks_outwards() const {
        std::vector<std::uint32_t> order;
        for (const std::uint32_t position : reader_.events()) {
            const ChunkRef& chunk = reader_.chunks()[position];
            const bool beyond = is_next() ? chunk.header.ticks_max >= from_.ticks &&
                                                chunk.header.ticks_min <= last_ticks_
                                          : chunk.header.ticks_min <= from_.ticks &&
                                                chunk.header.ticks_max >= first_ticks_;
            if (beyond && may_hold(chunk)) order.push_back(position);
        }
        std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            const traces::ChunkHeader &one = reader_.chunks()[a].header, &other = reader_.chunks()[b].header;
            return is_next() ? one.ticks_min < other.ticks_min : one.ticks_max > other.ticks_max;
        });
        return order;
    }

    bool may_hold(const ChunkRef& chunk) const {
        if (filter_.of == StepFilter::Of::kWorker)
            return chunk.header.owner == static_cast<std::uint32_t>(wire::RingOwner::kWorker) &&
                   chunk.header.owner_index == filter_.index;
        return std::any_of(chunk.counts.begin(), chunk.counts.end(), [&](const traces::TypeCount& row) {
            return row.count != 0 && may_be(static_cast<EventType>(row.type));
        });
    }
    bool may_be(EventType type) const {
        if (traces::is_bookkeeping(type)) return false;
        if (filter_.of == StepFilter::Of::kChannel)
            return type == EventType::kSuspend ||
                   (type >= EventType::kChannelCreate && type <= EventType::kSelectArm);
        if (filter_.of == StepFilter::Of::kCoroutine && filter_.index == wire::kNone)
            return type == (is_next() ? EventType::kSpawn : EventType::kExit);
        return true;
    }
    Verdict judge(const wire::DecodedEvent& event) const {
        if (filter_.of == StepFilter::Of::kCoroutine) return of_coroutine(event, filter_, direction_);
        if (filter_.of == StepFilter::Of::kChannel) return of_channel(event, filter_);
        return Verdict::kYes;
    }

    void take(const ChunkRef& chunk) {
        if (!reader_.read_events(chunk, slots_).ok()) return;
        wire::EventDecoder decoder;
        decoder.seed(chunk.header.context_ticks, chunk.header.context_current,
                     chunk.header.context_known != 0);
        EventPlace place{0, chunk.header.ring, chunk.header.first_position};
        decoder.feed(slots_, [&](const wire::DecodedEvent& event) {
            place.ticks = event.tsc;
            consider(event, place);
            ++place.position;
        });
    }
    void consider(const wire::DecodedEvent& event, const EventPlace& place) {
        if (is_next() ? place <= from_ : place >= from_) return;
        if (best_ && (is_next() ? place >= *best_ : place <= *best_)) return;
        if (traces::is_bookkeeping(event.type) || traces::ToldReader::goes_on(event)) return;
        if (place.ticks < first_ticks_ || place.ticks > last_ticks_) return;
        const Verdict verdict = judge(event);
        if (verdict == Verdict::kNo) return;
        best_ = place;
        best_is_foreign_ = verdict == Verdict::kForeign;
    }

    const traces::TraceReader& reader_;
    const StepFilter& filter_;
    const EventPlace& from_;
    const Direction direction_;
    const std::uint64_t first_ticks_, last_ticks_;  // between which there are moments
    std::optional<EventPlace> best_;
    bool best_is_foreign_ = false;
    std::vector<wire::EventSlot> slots_;
};

}  // namespace

EventPlace place_at(const traces::Replay& replay, traces::TimeNs t) {
    return {replay.ticks_of(std::clamp(t, replay.begin(), replay.end()))};
}

base::Result<Step> describe(const traces::Replay& replay, const EventPlace& at) {
    const traces::TraceReader& reader = replay.reader();
    auto keyframe = keyframe_for(reader, at.ticks);
    if (!keyframe.ok()) return keyframe.error();
    const Names names = names_of(reader);
    ObjectNames objects(*keyframe, names);
    EventContext context(*keyframe, true);
    traces::ToldReader texts;
    std::vector<traces::Told> told;
    std::optional<Step> step;
    traces::EventFeed feed(reader, EventScan::first_ticks_after(*keyframe), at.ticks);
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount& ring) {
        if (event.tsc == at.ticks && ring.ring == at.ring && traces::ToldReader::concerns(event.type))
            texts.take(event, at.ring, told);
        const EventFacts& facts = context.take(event, ring.owner, ring.owner_index);
        objects.learn(event);
        if (event.tsc != at.ticks || ring.ring != at.ring || feed.position() != at.position) return true;
        step.emplace();
        step->event = row_of(facts, names, objects);
        step->coroutine = facts.coroutine;
        step->id = facts.identity;
        const bool is_text = event.type == EventType::kMessage || event.type == EventType::kNote;
        if (is_text && !told.empty()) step->event->detail = told.back().text;  // all of its pieces
        return false;
    });
    if (!step)
        return base::error(base::ErrorCode::kCorrupt,
                           fmt::format("{}: the event of ring {} at {} cannot be read again", reader.path(),
                                       at.ring, replay.time_of(at.ticks)));
    step->at = at;
    step->t = replay.time_with(at.ticks);
    step->event->t = step->t;
    step->sentence = sentence_of(*step->event);
    return *step;
}

base::Result<std::optional<Step>> step_event(const traces::Replay& replay, const StepFilter& filter,
                                             const EventPlace& from, Direction direction,
                                             traces::Search& search) {
    const std::optional<EventPlace> found = Look(replay, filter, from, direction).find(search);
    if (!found) return std::optional<Step>();
    auto step = describe(replay, *found);
    if (!step.ok()) return step.error();
    return std::optional<Step>(std::move(*step));
}

std::string to_text(const Step& step) {
    return fmt::format("{:>14.6f} ms  {}\n", static_cast<double>(step.t) * 1e-6, step.sentence);
}

nlohmann::json to_json(const Step& step) {
    return {
        {"t_ns", step.t},
        {"text", step.sentence},
        {"id", step.id == 0 ? nlohmann::json(nullptr) : nlohmann::json(step.id)},
        {"event", step.event ? nlohmann::json(wire::event_name(step.event->type)) : nlohmann::json(nullptr)}};
}

}  // namespace coroscope::rules
