// See told_past.h. Here: what all say; one coroutine's part is in told_by.cpp.
#include "traces/told_past.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "traces/told_chunks.h"

namespace coroscope::traces {
namespace {

using wire::EventType;

constexpr std::size_t kPointsMax = 256;       // of a counter
constexpr std::size_t kMoreTimes = 4;         // as many texts are looked for where the first try had too few
constexpr std::size_t kCounterChunksMin = 8;  // also where texts alone would need fewer

struct Place {
    Told told;
    std::uint32_t worker = wire::kNone;
};

// Which chunks of one side of the moment are read, and where what they hold ends being all there is.
struct Side {
    std::vector<std::uint32_t> chunks;
    std::uint64_t limit_ticks = 0;  // texts up to it (before) or from it on (after) may be missing pieces or neighbours
    bool more = false;
};

Side chunks_of_side(const TraceReader& reader, std::uint64_t ticks, bool before, std::size_t texts_wanted,
                    std::size_t chunks_max) {
    std::vector<std::uint32_t> order = told_chunks(reader, [](EventType type) {
        return type == EventType::kMessage || type == EventType::kNote || type == EventType::kCounter;
    });
    std::erase_if(order, [&](std::uint32_t at) {
        const ChunkHeader& header = reader.chunks()[at].header;
        return before ? header.ticks_min > ticks : header.ticks_max <= ticks;
    });
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        const ChunkHeader &one = reader.chunks()[a].header, &other = reader.chunks()[b].header;
        return before ? one.ticks_max > other.ticks_max : one.ticks_min < other.ticks_min;
    });
    Side side;
    side.limit_ticks = before ? 0 : ~std::uint64_t{0};
    std::size_t texts = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const ChunkRef& chunk = reader.chunks()[order[i]];
        // A chunk that reaches over the moment may hold its texts on the other side.
        const bool whole = before ? chunk.header.ticks_max <= ticks : chunk.header.ticks_min > ticks;
        if ((texts >= texts_wanted && i >= kCounterChunksMin) || i >= chunks_max) {
            side.more = true;
            side.limit_ticks = before ? chunk.header.ticks_max : chunk.header.ticks_min;
            break;
        }
        side.chunks.push_back(order[i]);
        if (whole) texts += count_of(chunk, EventType::kMessage) + count_of(chunk, EventType::kNote);
    }
    return side;
}

// Who had a coroutine's record when, between one keyframe and the next.
class Speakers {
public:
    Speakers(const TraceReader& reader, Search& search) : reader_(reader), search_(search) {}

    // Fills in who said the rows from `begin` on, which all lie behind keyframe number `at` and before the next one.
    void name(std::size_t at, std::vector<SaidRow*>& rows, const std::vector<const Told*>& told) {
        auto keyframe = reader_.read_keyframe(reader_.chunks()[reader_.keyframes()[at]]);
        if (!keyframe.ok()) return;
        keyframe->strings = reader_.strings();
        std::uint64_t until_ticks = 0;
        std::unordered_map<std::uint32_t, std::vector<wire::DecodedEvent>> spawned;
        for (const Told* one : told) {
            until_ticks = std::max(until_ticks, one->ticks);
            if (one->coroutine != wire::kNone) spawned[one->coroutine];
        }
        collect_spawns(keyframe->read_begin_ticks, until_ticks, spawned);
        if (sites_.empty()) read_sites();
        keyframe->sites = sites_;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (told[i]->coroutine == wire::kNone) continue;
            inspect::CoroutineImage who;
            if (const auto* row = keyframe->coroutine_at(told[i]->coroutine); row != nullptr) who = *row;
            for (const wire::DecodedEvent& spawn : spawned[told[i]->coroutine]) {
                if (spawn.tsc > told[i]->ticks || wire::spawn_identity(spawn) < who.identity) continue;
                who.identity = wire::spawn_identity(spawn);
                who.name = wire::spawn_name(spawn);
                who.site = spawn.argument;
            }
            rows[i]->coroutine = who.identity;
            if (who.identity != 0) rows[i]->name = keyframe->coroutine_name(who);
        }
    }

private:
    void collect_spawns(std::uint64_t from_ticks, std::uint64_t until_ticks,
                        std::unordered_map<std::uint32_t, std::vector<wire::DecodedEvent>>& spawned) {
        for (const std::uint32_t position : reader_.events()) {
            const ChunkRef& chunk = reader_.chunks()[position];
            if (chunk.header.ticks_max < from_ticks || chunk.header.ticks_min > until_ticks ||
                !search_.wanted())
                continue;
            if (count_of(chunk, EventType::kSpawn) == 0) continue;
            decode_chunk(reader_, chunk, slots_, [&](const wire::DecodedEvent& event, std::uint64_t) {
                if (event.type != EventType::kSpawn) return;
                const auto wanted = spawned.find(event.object);
                if (wanted != spawned.end()) wanted->second.push_back(event);
            });
        }
    }
    // Those made late are in the last keyframe alone.
    void read_sites() {
        for (auto at = reader_.keyframes().rbegin(); at != reader_.keyframes().rend(); ++at) {
            auto last = reader_.read_keyframe(reader_.chunks()[*at]);
            if (!last.ok()) continue;
            sites_ = std::move(last->sites);
            return;
        }
    }

    const TraceReader& reader_;
    Search& search_;
    std::vector<inspect::SiteImage> sites_;
    std::vector<wire::EventSlot> slots_;
};

std::string string_of(const TraceReader& reader, std::uint32_t string) {
    inspect::StateImage strings;
    strings.strings = reader.strings();
    return std::string(strings.text(string));
}

class Around {
public:
    Around(const Replay& replay, TimeNs t, const TellLimits& limits, Search& search)
        : replay_(replay),
          reader_(replay.reader()),
          t_(t),
          ticks_(replay.ticks_of(t)),
          limits_(limits),
          search_(search) {}

    Said take() {
        // Headers count pieces of texts, and the chunks of a side overlap: mostly the first try has enough.
        Side before, after;
        for (std::size_t times = 1;; times *= kMoreTimes) {
            before = chunks_of_side(reader_, ticks_, true, limits_.before * times, limits_.chunks);
            after = chunks_of_side(reader_, ticks_, false, limits_.after * times,
                                   limits_.after == 0 ? 0 : limits_.chunks / 4);
            std::vector<std::uint32_t> all = before.chunks;
            all.insert(all.end(), after.chunks.begin(), after.chunks.end());
            read(all);
            std::stable_sort(texts_.begin(), texts_.end(),
                             [](const Place& a, const Place& b) { return a.told.ticks < b.told.ticks; });
            // Each side by what itself left out: a chunk that reaches over the moment is in both.
            std::erase_if(texts_, [&](const Place& one) {
                const std::uint64_t ticks = one.told.ticks;
                return ticks <= ticks_ ? before.more && ticks <= before.limit_ticks
                                       : ticks >= after.limit_ticks;
            });
            const auto enough = static_cast<std::ptrdiff_t>(limits_.before);
            const auto found = std::count_if(texts_.begin(), texts_.end(),
                                             [&](const Place& one) { return one.told.ticks <= ticks_; });
            if ((found >= enough && counters_known_behind(before.limit_ticks)) || !before.more ||
                before.chunks.size() >= limits_.chunks || !search_.wanted())
                break;
        }
        // What was left out may hold a newer value of a counter.
        if (before.more)
            std::erase_if(counters_,
                          [&](const auto& one) { return newest(one.second) <= before.limit_ticks; });
        Said said;
        said.t = t_;
        said.more_before = before.more;
        said.more_after = after.more;
        cut(said);
        for (const Place& one : texts_) {
            SaidRow row;
            row.t = replay_.time_with(one.told.ticks);
            row.is_note = one.told.kind == Told::Kind::kNote;
            row.worker = one.worker;
            row.text = one.told.text;
            said.rows.push_back(std::move(row));
        }
        name_speakers(said);
        add_counters(said);
        return said;
    }

private:
    // Ring by ring in the order in which they were written, so that texts in pieces are put together.
    void read(std::vector<std::uint32_t>& chunks) {
        texts_.clear();
        counters_.clear();
        std::sort(chunks.begin(), chunks.end(), [&](std::uint32_t a, std::uint32_t b) {
            const ChunkHeader &one = reader_.chunks()[a].header, &other = reader_.chunks()[b].header;
            return std::pair(one.ring, one.first_position) < std::pair(other.ring, other.first_position);
        });
        chunks.erase(std::unique(chunks.begin(), chunks.end()), chunks.end());
        ToldReader texts;
        std::vector<Told> told;
        for (std::size_t i = 0; i < chunks.size() && search_.wanted(); ++i) {
            search_.reached(i, chunks.size());
            const ChunkRef& chunk = reader_.chunks()[chunks[i]];
            const bool of_worker = chunk.header.owner == static_cast<std::uint32_t>(wire::RingOwner::kWorker);
            const std::uint32_t worker = of_worker ? chunk.header.owner_index : wire::kNone;
            decode_chunk(reader_, chunk, slots_, [&](const wire::DecodedEvent& event, std::uint64_t) {
                if (!ToldReader::concerns(event.type)) return;
                texts.take(event, chunk.header.ring, told);
                for (Told& one : told)
                    sort_in(std::move(one), worker);
                told.clear();
            });
        }
        texts.finish(told);
        for (Told& one : told)
            sort_in(std::move(one), wire::kNone);
    }
    void sort_in(Told told, std::uint32_t worker) {
        if (told.kind == Told::Kind::kMessage || told.kind == Told::Kind::kNote) {
            if (!told.text.empty()) texts_.push_back({std::move(told), worker});
        } else if (told.kind == Told::Kind::kCounter && told.ticks <= ticks_) {
            counters_[told.name].push_back(std::move(told));
        }
    }
    static std::uint64_t newest(const std::vector<Told>& told) {
        std::uint64_t ticks = 0;
        for (const Told& one : told)
            ticks = std::max(ticks, one.ticks);
        return ticks;
    }
    bool counters_known_behind(std::uint64_t ticks) const {
        return std::all_of(counters_.begin(), counters_.end(),
                           [&](const auto& one) { return newest(one.second) > ticks; });
    }
    // To the wanted numbers on either side.
    void cut(Said& said) {
        const auto later = std::partition_point(texts_.begin(), texts_.end(),
                                                [&](const Place& one) { return one.told.ticks <= ticks_; });
        auto now = static_cast<std::size_t>(later - texts_.begin());
        if (texts_.size() - now > limits_.after) {
            texts_.resize(now + limits_.after);
            said.more_after = true;
        }
        if (now > limits_.before) {
            texts_.erase(texts_.begin(), texts_.begin() + static_cast<std::ptrdiff_t>(now - limits_.before));
            now = limits_.before;
            said.more_before = true;
        }
        said.until_now = now;
    }
    std::size_t keyframe_before(std::uint64_t ticks) const {
        const auto keyframes = reader_.keyframes();
        const auto after = std::upper_bound(
            keyframes.begin(), keyframes.end(), ticks,
            [&](std::uint64_t t, std::uint32_t k) { return t < reader_.chunks()[k].header.ticks_max; });
        return after == keyframes.begin() ? 0 : static_cast<std::size_t>(after - keyframes.begin()) - 1;
    }
    // From the newest on; beyond so many keyframes nothing is shown any more.
    void name_speakers(Said& said) {
        Speakers speakers(reader_, search_);
        std::size_t keyframes = 0, end = said.rows.size();
        while (end > 0 && search_.wanted()) {
            const std::size_t at = keyframe_before(texts_[end - 1].told.ticks);
            std::size_t begin = end;
            std::vector<SaidRow*> rows;
            std::vector<const Told*> told;
            for (; begin > 0 && keyframe_before(texts_[begin - 1].told.ticks) == at; --begin) {
                rows.push_back(&said.rows[begin - 1]);
                told.push_back(&texts_[begin - 1].told);
            }
            if (++keyframes > limits_.keyframes) break;
            speakers.name(at, rows, told);
            end = begin;
        }
        if (end == 0) return;
        said.rows.erase(said.rows.begin(), said.rows.begin() + static_cast<std::ptrdiff_t>(end));
        said.until_now -= std::min(said.until_now, end);
        said.more_before = true;
    }
    void add_counters(Said& said) {
        for (auto& [name, told] : counters_) {
            std::stable_sort(told.begin(), told.end(),
                             [](const Told& a, const Told& b) { return a.ticks < b.ticks; });
            CounterPast counter;
            counter.name = string_of(reader_, name);
            counter.real = told.back().real;
            const auto value_of = [](const Told& one) {
                return one.real ? one.real_value : static_cast<double>(one.value);
            };
            const std::size_t first = told.size() > kPointsMax ? told.size() - kPointsMax : 0;
            for (std::size_t i = first; i < told.size(); ++i)
                counter.points.emplace_back(replay_.time_with(told[i].ticks), value_of(told[i]));
            counter.at = counter.points.back().first;
            counter.value = counter.points.back().second;
            said.counters.push_back(std::move(counter));
        }
        std::sort(said.counters.begin(), said.counters.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
    }

    const Replay& replay_;
    const TraceReader& reader_;
    const TimeNs t_;
    const std::uint64_t ticks_;
    const TellLimits& limits_;
    Search& search_;
    std::vector<Place> texts_;
    std::map<std::uint32_t, std::vector<Told>> counters_;
    std::vector<wire::EventSlot> slots_;
};

}  // namespace

base::Result<Said> said_around(const Replay& replay, TimeNs t, const TellLimits& limits, Search& search) {
    return Around(replay, std::clamp(t, replay.begin(), replay.end()), limits, search).take();
}

}  // namespace coroscope::traces
