// See timeline_told.h.
#include "views/timeline_told.h"

#include <algorithm>
#include <map>

#include "traces/told.h"
#include "traces/told_chunks.h"
#include "traces/told_past.h"

namespace coroscope::views {
namespace {

using traces::Told;
using wire::EventType;

constexpr std::size_t kChunksBefore = 16;  // that are looked through for zones begun before

bool is_text(EventType type) {
    return type == EventType::kMessage || type == EventType::kNote;
}
bool is_zone(EventType type) {
    return type == EventType::kZoneBegin || type == EventType::kZoneEnd;
}

class Teller {
public:
    Teller(const traces::LaneIndex& index, const ToldWish& wish, traces::Search& search)
        : index_(index), replay_(index.replay()), reader_(replay_.reader()), wish_(wish), search_(search), from_(replay_.ticks_of(wish.range.begin)),
          to_(replay_.ticks_of(wish.range.end)) {}

    std::optional<TimelineTold> tell() {
        std::vector<std::uint32_t> texts = traces::told_chunks(reader_, is_text);
        told_.speaks = !texts.empty();
        keep_in_range(texts);
        if (texts.size() > kToldChunksMost) {
            tell_headers(texts);
        } else if (!read(texts, is_text, [&](Told&& told) { take_text(std::move(told)); })) {
            return std::nullopt;
        }
        std::stable_sort(told_.marks.begin(), told_.marks.end(), [](const SaidMark& a, const SaidMark& b) { return a.at < b.at; });
        std::vector<std::uint32_t> zones = traces::told_chunks(reader_, is_zone);
        const bool any_zones = !zones.empty() && !wish_.zones_of.empty();
        keep_in_range(zones);
        if (zones.size() > kToldChunksMost) {
            told_.zones_read = false;
        } else if (any_zones) {
            if (!read(zones, is_zone, [&](Told&& told) { steps_.push_back(std::move(told)); })) return std::nullopt;
            std::stable_sort(steps_.begin(), steps_.end(), [](const Told& a, const Told& b) { return a.ticks < b.ticks; });
            strings_.strings = reader_.strings();
            for (std::size_t i = 0; i < wish_.zones_of.size(); ++i) {
                if (!search_.wanted()) return std::nullopt;
                add_zones(wish_.zones_of[i], i < wish_.asked);
            }
        }
        return std::move(told_);
    }

private:
    void keep_in_range(std::vector<std::uint32_t>& chunks) const {
        std::erase_if(chunks, [&](std::uint32_t at) {
            const traces::ChunkHeader& header = reader_.chunks()[at].header;
            return header.ticks_max < from_ || header.ticks_min > to_;
        });
    }
    bool in_range(std::uint64_t ticks) const { return ticks >= from_ && ticks <= to_; }

    // Ring by ring in the order in which they were written, so that texts in pieces are put together. False when cancelled.
    template <typename Wanted, typename Take>
    bool read(std::vector<std::uint32_t>& chunks, Wanted&& wanted, Take&& take) {
        std::sort(chunks.begin(), chunks.end(), [&](std::uint32_t a, std::uint32_t b) {
            const traces::ChunkHeader &one = reader_.chunks()[a].header, &other = reader_.chunks()[b].header;
            return std::pair(one.ring, one.first_position) < std::pair(other.ring, other.first_position);
        });
        traces::ToldReader texts;
        std::vector<Told> out;
        const auto hand_out = [&] {
            for (Told& one : out) {
                if (in_range(one.ticks)) take(std::move(one));
            }
            out.clear();
        };
        for (const std::uint32_t at : chunks) {
            if (!search_.wanted()) return false;
            const traces::ChunkRef& chunk = reader_.chunks()[at];
            traces::decode_chunk(reader_, chunk, slots_, [&](const wire::DecodedEvent& event, std::uint64_t) {
                if (!traces::ToldReader::concerns(event.type) || !wanted(event.type)) return;
                texts.take(event, chunk.header.ring, out);
                hand_out();
            });
        }
        texts.finish(out);
        hand_out();
        return true;
    }
    void take_text(Told&& told) {
        if (told.text.empty()) return;
        SaidMark mark;
        mark.at = mark.until = replay_.time_of(told.ticks);
        mark.is_note = told.kind == Told::Kind::kNote;
        mark.text = std::move(told.text);
        if (const traces::LifeBegin* life = told.coroutine != wire::kNone ? index_.life_at(told.coroutine, told.ticks) : nullptr; life != nullptr) {
            mark.identity = life->identity;
            mark.name = life->name;
            mark.site = life->site;
        }
        told_.marks.push_back(std::move(mark));
    }
    void tell_headers(const std::vector<std::uint32_t>& chunks) {
        for (const std::uint32_t at : chunks) {
            const traces::ChunkRef& chunk = reader_.chunks()[at];
            SaidMark mark;
            mark.at = replay_.time_of(chunk.header.ticks_min);
            mark.until = replay_.time_of(chunk.header.ticks_max);
            mark.pieces = count_of(chunk, EventType::kMessage) + count_of(chunk, EventType::kNote);
            told_.marks.push_back(std::move(mark));
        }
    }

    // What one coroutine was in: its steps through zones, in order; with what it was in already when the stretch began.
    void add_zones(std::uint64_t identity, bool with_before) {
        const traces::LifeBegin* life = index_.life_of(identity);
        if (life == nullptr) return;
        std::vector<ZoneSpan> open, done;
        if (with_before) {
            traces::TellLimits limits;
            limits.before = 1;
            limits.chunks = kChunksBefore;
            for (traces::OpenZone& zone : said_by(replay_, identity, life->index, wish_.range.begin, limits, search_).zones) {
                ZoneSpan span;
                span.begin = zone.since;
                span.identity = identity;
                span.name = std::move(zone.name);
                span.depth = static_cast<std::uint32_t>(open.size());
                open.push_back(std::move(span));
            }
        }
        for (const Told& step : steps_) {
            if (step.coroutine != life->index || step.ticks < life->ticks || step.ticks >= index_.life_end(*life)) continue;
            const traces::TimeNs at = replay_.time_of(step.ticks);
            if (step.kind == Told::Kind::kZoneBegin) {
                // Of one at the very edge the look before may have told already.
                if (!open.empty() && open.back().begin == at && open.back().name == strings_.text(step.name)) continue;
                ZoneSpan span;
                span.begin = at;
                span.identity = identity;
                span.name = std::string(strings_.text(step.name));
                span.depth = static_cast<std::uint32_t>(open.size());
                open.push_back(std::move(span));
                continue;
            }
            ZoneSpan span;
            if (open.empty()) {  // where it began was not read: what is known of it is how it ended
                span.begin = wish_.range.begin;
                span.identity = identity;
                span.name = std::string(strings_.text(step.name));
                span.begun_before = true;
                for (ZoneSpan& within : done)
                    ++within.depth;
            } else {
                span = std::move(open.back());
                open.pop_back();
            }
            span.end = at;
            done.push_back(std::move(span));
        }
        for (ZoneSpan& span : open) {
            span.end = wish_.range.end;
            span.goes_on = true;
            done.push_back(std::move(span));
        }
        std::stable_sort(done.begin(), done.end(), [](const ZoneSpan& a, const ZoneSpan& b) { return a.begin < b.begin; });
        told_.zones.insert(told_.zones.end(), std::make_move_iterator(done.begin()), std::make_move_iterator(done.end()));
    }

    const traces::LaneIndex& index_;
    const traces::Replay& replay_;
    const traces::TraceReader& reader_;
    const ToldWish& wish_;
    traces::Search& search_;
    const std::uint64_t from_, to_;
    TimelineTold told_;
    std::vector<Told> steps_;  // through zones, of whoever
    inspect::StateImage strings_;
    std::vector<wire::EventSlot> slots_;
};

}  // namespace

std::optional<TimelineTold> told_between(const traces::LaneIndex& index, const ToldWish& wish, traces::Search& search) {
    return Teller(index, wish, search).tell();
}

}  // namespace coroscope::views
