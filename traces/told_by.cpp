// What one coroutine said until a moment, and which zones it is in: its ring's chunks backwards, to its spawn. See told_past.h.
#include <algorithm>
#include <tuple>
#include <utility>

#include "traces/told_chunks.h"
#include "traces/told_past.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

constexpr std::size_t kEllipsisBytes = 3;  // with which ToldReader ends a text that was cut

bool is_zone(EventType type) {
    return type == EventType::kZoneBegin || type == EventType::kZoneEnd;
}

struct ZoneEvent {
    std::uint64_t ticks = 0;
    std::uint32_t ring = 0;
    std::uint64_t position = 0;
    bool begins = false;
    std::uint32_t name = wire::kNone;
};

class Backwards {
public:
    Backwards(const Replay& replay, std::uint64_t identity, std::uint32_t index, TimeNs t,
              const TellLimits& limits)
        : replay_(replay),
          reader_(replay.reader()),
          identity_(identity),
          index_(index),
          ticks_(replay.ticks_of(t)),
          limits_(limits) {}

    SaidBy look(Search& search) {
        std::vector<std::uint32_t> order = told_chunks(reader_, [](EventType type) {
            return type == EventType::kSpawn || is_zone(type) || type == EventType::kMessage ||
                   type == EventType::kNote;
        });
        std::erase_if(order, [&](std::uint32_t at) { return reader_.chunks()[at].header.ticks_min > ticks_; });
        std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
            // Of one stamp the later first, too: the pieces of a text share theirs.
            const ChunkHeader &one = reader_.chunks()[a].header, &other = reader_.chunks()[b].header;
            return std::pair(one.ticks_max, one.first_position) >
                   std::pair(other.ticks_max, other.first_position);
        });
        SaidBy said;
        for (std::size_t i = 0; i < order.size(); ++i) {
            const ChunkRef& chunk = reader_.chunks()[order[i]];
            if (chunk.header.ticks_max < since_ticks_) break;
            said.complete = i < limits_.chunks && search.wanted();
            if (!said.complete) break;
            search.reached(i, std::min(order.size(), limits_.chunks));
            take(chunk);
        }
        forget_before_spawn();
        open_zones(said);
        texts_of(EventType::kNote, notes_, said.notes);
        texts_of(EventType::kMessage, messages_, said.messages);
        return said;
    }

private:
    void take(const ChunkRef& chunk) {
        std::vector<ZoneEvent> zones;
        std::size_t of_slice = 0;  // in zones: the first since it was resumed
        ToldReader texts;
        std::vector<Told> told;
        decode_chunk(reader_, chunk, slots_, [&](const wire::DecodedEvent& event, std::uint64_t position) {
            if (event.tsc > ticks_) return;
            // Whoever was spawned into its record before it had another life.
            if (event.type == EventType::kSpawn && event.object == index_ &&
                wire::spawn_identity(event) <= identity_)
                since_ticks_ = std::max(since_ticks_,
                                        event.tsc + (wire::spawn_identity(event) < identity_ ? 1 : 0));
            if (!event.current_known || event.current != index_) return;
            if (event.type == EventType::kResume) of_slice = zones.size();
            if (!ToldReader::concerns(event.type)) return;
            if (is_zone(event.type)) {
                add({event.tsc, chunk.header.ring, position, event.type == EventType::kZoneBegin, event.object},
                    zones, of_slice);
            } else {
                texts.take(event, chunk.header.ring, told);
            }
        });
        zones_.insert(zones_.end(), zones.begin(), zones.end());
        for (Told& one : told)
            keep(std::move(one));
        told.clear();
        texts.finish(told);
        for (Told& one : told)
            go_on(std::move(one));
        trim(notes_);
        trim(messages_);
    }
    // What begins and ends in one slice leaves nothing open. Between two slices other rings may have begun and ended zones.
    static void add(const ZoneEvent& zone, std::vector<ZoneEvent>& zones, std::size_t of_slice) {
        if (!zone.begins && zones.size() > of_slice && zones.back().begins && zones.back().name == zone.name) {
            zones.pop_back();
        } else {
            zones.push_back(zone);
        }
    }
    void keep(Told told) {
        if (told.kind != Told::Kind::kMessage && told.kind != Told::Kind::kNote) return;
        (told.kind == Told::Kind::kNote ? notes_ : messages_).push_back(std::move(told));
    }
    // A text that the chunk's end has cut goes on in the next chunk of its ring, which was taken before.
    void go_on(Told told) {
        std::vector<Told>& texts = told.kind == Told::Kind::kNote ? notes_ : messages_;
        const auto rest = std::find_if(texts.begin(), texts.end(), [&](const Told& one) {
            return one.ring == told.ring && one.ticks == told.ticks;
        });
        if (rest == texts.end()) return keep(std::move(told));
        rest->text = told.text.substr(0, told.text.size() - std::min(told.text.size(), kEllipsisBytes)) +
                     rest->text;
    }
    // Chunks overlap, so the newest are known only by their stamps.
    void trim(std::vector<Told>& texts) const {
        if (texts.size() <= 2 * limits_.before) return;
        std::stable_sort(texts.begin(), texts.end(),
                         [](const Told& a, const Told& b) { return a.ticks < b.ticks; });
        texts.erase(texts.begin(), texts.end() - static_cast<std::ptrdiff_t>(limits_.before));
    }
    void forget_before_spawn() {
        std::erase_if(zones_, [&](const ZoneEvent& zone) { return zone.ticks < since_ticks_; });
        for (std::vector<Told>* texts : {&notes_, &messages_}) {
            std::erase_if(*texts, [&](const Told& one) { return one.ticks < since_ticks_; });
            std::stable_sort(texts->begin(), texts->end(),
                             [](const Told& a, const Told& b) { return a.ticks < b.ticks; });
        }
    }
    void open_zones(SaidBy& said) {
        std::sort(zones_.begin(), zones_.end(), [](const ZoneEvent& a, const ZoneEvent& b) {
            return std::tuple(a.ticks, a.ring, a.position) < std::tuple(b.ticks, b.ring, b.position);
        });
        std::vector<ZoneEvent> open;
        for (const ZoneEvent& zone : zones_) {
            if (zone.begins) {
                open.push_back(zone);
                continue;
            }
            const auto begun = std::find_if(open.rbegin(), open.rend(),
                                            [&](const ZoneEvent& other) { return other.name == zone.name; });
            // Those within it whose end was lost end with it.
            if (begun != open.rend()) open.erase(std::prev(begun.base()), open.end());
        }
        inspect::StateImage strings;
        strings.strings = reader_.strings();
        for (const ZoneEvent& zone : open)
            said.zones.push_back({std::string(strings.text(zone.name)), replay_.time_with(zone.ticks)});
    }
    void texts_of(EventType type, const std::vector<Told>& told, std::vector<SaidRow>& rows) const {
        const std::size_t first = told.size() > limits_.before ? told.size() - limits_.before : 0;
        for (std::size_t i = first; i < told.size(); ++i) {
            SaidRow row;
            row.t = replay_.time_with(told[i].ticks);
            row.is_note = type == EventType::kNote;
            row.coroutine = identity_;
            row.text = told[i].text;
            rows.push_back(std::move(row));
        }
    }

    const Replay& replay_;
    const TraceReader& reader_;
    const std::uint64_t identity_;
    const std::uint32_t index_;
    const std::uint64_t ticks_;
    const TellLimits& limits_;
    std::uint64_t since_ticks_ = 0;  // what is before it is not its own; 0 = not known
    std::vector<ZoneEvent> zones_;   // those that a chunk leaves open, and ends whose begin is before it
    std::vector<Told> notes_, messages_;
    std::vector<wire::EventSlot> slots_;
};

}  // namespace

SaidBy said_by(const Replay& replay, std::uint64_t identity, std::uint32_t index, TimeNs t,
               const TellLimits& limits, Search& search) {
    return Backwards(replay, identity, index, std::clamp(t, replay.begin(), replay.end()), limits).look(search);
}

}  // namespace coroscope::traces
