// See timeline_channels.h.
#include "views/timeline_channels.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "traces/event_feed.h"

namespace coroscope::views {
namespace {

constexpr std::uint64_t kEventsBetweenQuestions = 8192;
constexpr std::size_t kColumnsMost = 1U << 16;
constexpr std::uint32_t kPartsOfAll = 1U << 16, kPartsFew = 16;

// One channel through a segment: what lies in it, and the parts that it fills.
struct Follower {
    std::uint32_t index = wire::kNone;  // its record; kNone while it is not there
    std::int64_t length = 0;            // below 0 for the moment in which a receive is stamped before its send
    std::uint32_t operations = 0;
    bool knows_operations = false;
    std::vector<DepthColumn> columns;
    std::uint32_t at = 0;  // the part that is being filled

    std::uint32_t now() const { return static_cast<std::uint32_t>(std::max<std::int64_t>(0, length)); }
    // Closes the parts before this one: what lies in it now lay in it until then.
    void reach(std::uint32_t part) {
        for (; at < part; ++at) {
            columns[at].last = now();
            columns[at].known = true;
            if (at + 1 < columns.size()) columns[at + 1].most = now();
        }
    }
};

// Puts parts onto the lane's columns: the first begins at column `begin`, each is `wide` columns wide.
void spread(ChannelLane& lane, const std::vector<DepthColumn>& parts, double begin, double wide) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const double x0 = begin + wide * static_cast<double>(i), x1 = x0 + wide;
        if (!parts[i].known || x1 <= 0) continue;
        // A part that ends on an edge has nothing of the column behind it.
        const auto first = std::max<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(x0 + 1e-6));
        const auto end = std::min(static_cast<std::ptrdiff_t>(std::ceil(x1 - 1e-6)), static_cast<std::ptrdiff_t>(lane.columns.size()));
        for (auto c = first; c < end; ++c) {
            DepthColumn& column = lane.columns[static_cast<std::size_t>(c)];
            column.most = std::max(column.most, parts[i].most);
            column.last = parts[i].last;
            column.known = true;
        }
    }
}

}  // namespace

std::uint32_t ChannelDepths::parts_each() const {
    return std::clamp(kPartsOfAll / static_cast<std::uint32_t>(std::max<std::size_t>(1, segments_.size())), kPartsFew, kPartsMost);
}

void ChannelDepths::follow(std::shared_ptr<const traces::Replay> replay) {
    if (replay == replay_) return;
    near_.reset();
    replay_ = std::move(replay);
    const traces::TraceReader& reader = replay_->reader();
    const auto keyframes = reader.keyframes();
    const std::uint64_t end = replay_->ticks_of(replay_->end());
    std::vector<Segment> now;
    for (std::size_t i = 0; i < keyframes.size(); ++i) {
        Segment segment;
        segment.keyframe = keyframes[i];
        segment.begin = reader.chunks()[keyframes[i]].header.ticks_max;
        segment.end = i + 1 < keyframes.size() ? reader.chunks()[keyframes[i + 1]].header.ticks_max : end;
        if (segment.end <= segment.begin) continue;
        const auto before = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& old) {
            return old.begin == segment.begin && old.end == segment.end;
        });
        if (before != segments_.end()) {
            segment.parts = std::move(before->parts);
            segment.at_end = std::move(before->at_end);
        }
        now.push_back(std::move(segment));
    }
    segments_ = std::move(now);
    if (!looked_enough()) look_around();
}

// A tenth of a trace that grows may go by unseen: whoever is new there is known a little later.
bool ChannelDepths::looked_enough() const {
    if (segments_.empty()) return true;
    if (segments_.front().begin < looked_from_) return false;
    const std::uint64_t begin = segments_.front().begin, end = segments_.back().begin;
    return end <= looked_until_ || (end - looked_until_) * 10 <= end - begin;
}

// Who there is, from looks that are spread over the trace.
void ChannelDepths::look_around() {
    const traces::TraceReader& reader = replay_->reader();
    std::map<std::uint64_t, Known> seen;
    for (std::size_t i = 0; i < kLooks && !segments_.empty(); ++i) {
        const std::size_t at = (segments_.size() - 1) * i / (kLooks - 1);
        if (i != 0 && at == (segments_.size() - 1) * (i - 1) / (kLooks - 1)) continue;
        auto state = reader.read_keyframe_rows(reader.chunks()[segments_[at].keyframe]);
        if (!state.ok()) continue;
        state->strings = reader.strings();
        for (const inspect::ChannelImage& channel : state->channels) {
            Known& known = seen[channel.identity];
            known.identity = channel.identity;
            known.text = state->channel_text(channel);
            known.capacity = channel.capacity;
            known.operations = std::max<std::uint64_t>(known.operations, channel.operations);
        }
    }
    looked_from_ = segments_.empty() ? 0 : segments_.front().begin;
    looked_until_ = segments_.empty() ? 0 : segments_.back().begin;
    known_.clear();
    for (auto& [identity, known] : seen)
        known_.push_back(std::move(known));
    std::stable_sort(known_.begin(), known_.end(), [](const Known& a, const Known& b) { return a.operations > b.operations; });
    followed_.clear();
}

void ChannelDepths::choose(const std::vector<std::string>& asked, std::size_t busiest) {
    // Whoever is asked for may be newer than the looks.
    const bool unknown = std::any_of(asked.begin(), asked.end(), [&](const std::string& text) {
        return std::none_of(known_.begin(), known_.end(), [&](const Known& row) { return row.text == text; });
    });
    if (unknown && !segments_.empty() && looked_until_ < segments_.back().begin) look_around();
    std::vector<Followed> chosen;
    for (const std::string& text : asked) {
        if (chosen.size() >= kFollowedMost) break;
        const auto known = std::find_if(known_.begin(), known_.end(), [&](const Known& row) { return row.text == text; });
        chosen.push_back({known != known_.end() ? static_cast<std::size_t>(known - known_.begin()) : ~std::size_t{0}, text, false});
    }
    for (std::size_t i = 0; i < known_.size() && busiest != 0 && chosen.size() < kFollowedMost; ++i) {
        const bool there = std::any_of(chosen.begin(), chosen.end(), [&](const Followed& row) { return row.known == i; });
        if (known_[i].capacity == 0 || known_[i].operations == 0 || there) continue;
        chosen.push_back({i, known_[i].text, true});
        --busiest;
    }
    if (chosen != followed_) near_.reset();
    followed_ = std::move(chosen);
}

const ChannelDepths::AtEnd* ChannelDepths::before(std::size_t segment) const {
    if (segment == 0 || !segments_[segment - 1].at_end.has_value() || segments_[segment - 1].end != segments_[segment].begin) return nullptr;
    const AtEnd& there = *segments_[segment - 1].at_end;
    const bool all = std::all_of(followed_.begin(), followed_.end(), [&](const Followed& row) {
        return row.known == ~std::size_t{0} || there.count(known_[row.known].identity) != 0;
    });
    return all ? &there : nullptr;
}

std::optional<ChannelDepths::Parts> ChannelDepths::read(const Segment& segment, const AtEnd* before, std::uint64_t from, std::uint64_t to,
                                                        std::uint32_t count, const traces::Search& search, std::optional<AtEnd>* at_end) const {
    const traces::TraceReader& reader = replay_->reader();
    std::map<std::uint64_t, Follower> followers;
    std::unordered_map<std::uint32_t, Follower*> by_record;
    for (const Followed& row : followed_) {
        if (row.known == ~std::size_t{0}) continue;
        followers[known_[row.known].identity].columns.resize(count);
    }
    std::uint64_t feed_from = segment.begin + 1;
    if (before != nullptr) {
        for (auto& [identity, follower] : followers) {
            follower.index = before->at(identity).index;
            follower.length = before->at(identity).length;
            if (follower.index != wire::kNone) by_record[follower.index] = &follower;
        }
    } else {
        const auto state = reader.read_keyframe_rows(reader.chunks()[segment.keyframe]);
        if (!state.ok()) {  // nothing is known of it then, and is not asked again
            Parts nothing;
            for (auto& [identity, follower] : followers)
                nothing[identity] = std::move(follower.columns);
            return nothing;
        }
        feed_from = state->read_begin_ticks;
        for (const inspect::ChannelImage& channel : state->channels) {
            const auto found = followers.find(channel.identity);
            if (found == followers.end()) continue;
            Follower& follower = found->second;
            follower.index = channel.index;
            follower.length = channel.length;
            follower.operations = channel.operations;
            follower.knows_operations = true;
            by_record[channel.index] = &follower;
        }
    }
    const double part_ticks = std::max(1.0, static_cast<double>(to - from) / count);
    const std::uint64_t first_ticks = std::max(from, segment.begin), last_ticks = std::min(to, segment.end);
    const auto part_of = [&](std::uint64_t ticks) {
        return ticks <= from ? 0U : std::min(count - 1, static_cast<std::uint32_t>(static_cast<double>(ticks - from) / part_ticks));
    };
    const auto reach = [&](Follower& follower, std::uint64_t ticks) {
        follower.reach(part_of(ticks));
    };
    for (auto& [identity, follower] : followers) {
        follower.at = part_of(first_ticks);
        follower.columns[follower.at].most = follower.now();
    }
    std::uint64_t events = 0;
    traces::EventFeed feed(reader, feed_from, last_ticks);
    feed.for_each([&](const wire::DecodedEvent& event, const traces::RingCount&) {
        if (++events % kEventsBetweenQuestions == 0 && !search.wanted()) return false;
        switch (event.type) {
            case wire::EventType::kChannelCreate:
                if (const auto found = followers.find(event.ext48[0]); found != followers.end() && found->second.index == wire::kNone) {
                    found->second.index = event.object;
                    found->second.length = 0;
                    reach(found->second, event.tsc);
                    by_record[event.object] = &found->second;
                }
                break;
            case wire::EventType::kChannelDestroy:
                if (const auto found = followers.find(event.ext48[0]); found != followers.end() && found->second.index != wire::kNone) {
                    reach(found->second, event.tsc);
                    found->second.length = 0;
                    found->second.index = wire::kNone;
                    by_record.erase(event.object);
                }
                break;
            case wire::EventType::kChannelSend:
            case wire::EventType::kChannelReceive: {
                const auto found = by_record.find(event.object);
                if (found == by_record.end()) break;
                Follower& follower = *found->second;
                // What the look has in it already.
                if (follower.knows_operations && wire::distance24(wire::low24(event.argument), wire::low24(follower.operations)) <= 0) break;
                reach(follower, event.tsc);
                follower.length += event.type == wire::EventType::kChannelSend ? 1 : -1;
                DepthColumn& column = follower.columns[follower.at];
                // Before the first part what lies in it is all that counts.
                column.most = event.tsc <= first_ticks ? follower.now() : std::max(column.most, follower.now());
                break;
            }
            default:
                break;
        }
        return true;
    });
    if (!search.wanted()) return std::nullopt;
    Parts parts;
    for (auto& [identity, follower] : followers) {
        follower.reach(part_of(last_ticks) + 1);
        if (at_end != nullptr && feed.losses().empty()) {
            if (!at_end->has_value()) at_end->emplace();
            (**at_end)[identity] = {follower.index, follower.length};
        }
        parts[identity] = std::move(follower.columns);
    }
    return parts;
}

bool ChannelDepths::advance(TimeRange range, std::chrono::steady_clock::time_point deadline, const traces::Search& search) {
    const std::uint64_t from = replay_->ticks_of(range.begin), to = replay_->ticks_of(range.end);
    const auto knows = [&](const Segment& segment) {
        return segment.parts.has_value() && std::all_of(followed_.begin(), followed_.end(), [&](const Followed& row) {
                   return row.known == ~std::size_t{0} || segment.parts->count(known_[row.known].identity) != 0;
               });
    };
    for (const bool near : {true, false}) {
        for (std::size_t i = 0; i < segments_.size(); ++i) {
            Segment& segment = segments_[i];
            const bool in_range = segment.end >= from && segment.begin <= to;
            if (in_range != near || knows(segment)) continue;
            segment.at_end.reset();
            auto parts = read(segment, before(i), segment.begin, segment.end, parts_each(), search, &segment.at_end);
            if (!parts.has_value()) return true;
            segment.parts = std::move(parts);
            if (std::chrono::steady_clock::now() >= deadline) return true;
        }
    }
    return false;
}

std::optional<std::vector<ChannelLane>> ChannelDepths::lanes(TimeRange range, double pixel_ns, const traces::Search& search) {
    if (near_.has_value() && near_->range == range && near_->pixel_ns == pixel_ns) return near_->lanes;
    std::vector<ChannelLane> lanes;
    const auto columns = static_cast<std::size_t>(
        std::clamp(std::ceil(static_cast<double>(range.end - range.begin) / pixel_ns), 1.0, static_cast<double>(kColumnsMost)));
    for (const Followed& row : followed_) {
        ChannelLane lane;
        lane.text = row.text;
        lane.busiest = row.busiest;
        lane.begin = range.begin;
        lane.column_ns = pixel_ns;
        lane.columns.resize(columns);
        if (row.known != ~std::size_t{0}) {
            lane.found = true;
            lane.identity = known_[row.known].identity;
            lane.capacity = known_[row.known].capacity;
        }
        lanes.push_back(std::move(lane));
    }
    const std::uint64_t from = replay_->ticks_of(range.begin), to = replay_->ticks_of(range.end);
    const auto touches = [&](const Segment& segment) { return segment.end > from && segment.begin < to; };
    const bool near = static_cast<std::size_t>(std::count_if(segments_.begin(), segments_.end(), touches)) <= kNearSegments;
    for (std::size_t i = 0; i < segments_.size(); ++i) {
        const Segment& segment = segments_[i];
        if (!touches(segment)) continue;
        // Near by, parts are the columns; far out they are those of the segment, and a column ends with the part that its end lies in.
        std::optional<Parts> finer;
        if (near && !followed_.empty()) {
            const auto end = range.begin + static_cast<traces::TimeNs>(pixel_ns * static_cast<double>(columns));
            finer = read(segment, before(i), from, std::max(from + 1, replay_->ticks_of(end)), static_cast<std::uint32_t>(columns), search, nullptr);
            if (!finer.has_value()) return std::nullopt;
        }
        const std::optional<Parts>& parts = finer.has_value() ? finer : segment.parts;
        const auto begin_ns = static_cast<double>(replay_->time_of(segment.begin) - range.begin);
        const auto length_ns = static_cast<double>(replay_->time_of(segment.end) - replay_->time_of(segment.begin));
        for (ChannelLane& lane : lanes) {
            if (!lane.found) continue;
            const auto found = parts.has_value() ? parts->find(lane.identity) : Parts::const_iterator();
            if (!parts.has_value() || found == parts->end()) {
                lane.complete = false;
            } else if (finer.has_value()) {
                spread(lane, found->second, 0, 1);
            } else {
                const double part = length_ns / pixel_ns / static_cast<double>(found->second.size());
                spread(lane, found->second, begin_ns / pixel_ns, part);
            }
        }
    }
    if (near) near_ = Near{range, pixel_ns, lanes};
    return lanes;
}

}  // namespace coroscope::views
