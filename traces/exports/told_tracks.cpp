// See told_tracks.h.
#include "traces/exports/told_tracks.h"

#include <algorithm>

#include <fmt/format.h>

#include "traces/signal_words.h"

namespace coroscope::exports {

using traces::Told;

ToldTracks::Speaker ToldTracks::speaker_of(const analyses::OrderedEvent& ordered) {
    if (ordered.current != nullptr) return {track_of(*ordered.current), walk_.directory().name(*ordered.current)};
    if (ordered.owner == wire::RingOwner::kWorker)
        return {{Track::Kind::kWorker, ordered.owner_index}, fmt::format("worker {}", ordered.owner_index)};
    Speaker speaker{{Track::Kind::kThread, ordered.owner_index}, fmt::format("thread {}", ordered.owner_index)};
    if (threads_.try_emplace(ordered.owner_index, true).second) sink_.track(speaker.track, speaker.name);
    return speaker;
}

Track ToldTracks::zones_of(const Speaker& speaker) {
    const Track track{speaker.track.kind == Track::Kind::kCoroutine ? Track::Kind::kZones : Track::Kind::kThreadZones,
                      speaker.track.id};
    if (open_.try_emplace({track.kind, track.id}).second) sink_.track(track, speaker.name + ": zones");
    return track;
}

void ToldTracks::close(const Track& zones, const Zone& zone, std::int64_t end_ns) {
    Slice slice;
    slice.track = zones;
    slice.name = walk_.directory().string(zone.name);
    slice.category = "zone";
    slice.begin_ns = zone.begin_ns;
    slice.end_ns = std::max(end_ns, zone.begin_ns);
    sink_.slice(slice);
}

void ToldTracks::tell(const Told& told, const Speaker& speaker) {
    const std::int64_t at_ns = walk_.time_ns(told.ticks);
    switch (told.kind) {
        case Told::Kind::kZoneBegin: {
            const Track zones = zones_of(speaker);
            open_[{zones.kind, zones.id}].push_back({told.name, at_ns});
            break;
        }
        case Told::Kind::kZoneEnd: {
            const Track zones = zones_of(speaker);
            std::vector<Zone>& open = open_[{zones.kind, zones.id}];
            const auto begun = std::find_if(open.rbegin(), open.rend(), [&](const Zone& zone) { return zone.name == told.name; });
            if (begun == open.rend()) break;
            // Those within it whose end was lost end with it.
            for (const auto keep = static_cast<std::size_t>(open.rend() - begun) - 1; open.size() > keep; open.pop_back())
                close(zones, open.back(), at_ns);
            break;
        }
        case Told::Kind::kCounter: {
            const auto [known, is_new] = counters_.try_emplace(told.name, counters_before_ + counters_.size());
            if (is_new) sink_.counter_track(known->second, walk_.directory().string(told.name));
            if (told.real) {
                sink_.real_counter(known->second, at_ns, told.real_value);
            } else {
                sink_.counter(known->second, at_ns, told.value);
            }
            break;
        }
        case Told::Kind::kMessage:
        case Told::Kind::kNote: {
            Instant instant;
            instant.track = speaker.track;
            instant.name = (told.kind == Told::Kind::kNote ? "note: " : "") + told.text;
            instant.category = "told";
            instant.at_ns = at_ns;
            sink_.instant(instant);
            break;
        }
    }
}

void ToldTracks::event(const analyses::OrderedEvent& ordered) {
    const Speaker speaker = speaker_of(ordered);
    told_.clear();
    reader_.take(ordered.event, static_cast<std::uint32_t>(ordered.owner) << 24 | ordered.owner_index, told_);
    for (const Told& told : told_)
        tell(told, speaker);
}

void ToldTracks::signal(const analyses::OrderedEvent& ordered) {
    const std::string detail = traces::signal_detail(ordered.event, walk_.reader().meta().clock);
    Instant instant;
    instant.track = speaker_of(ordered).track;
    instant.name = fmt::format("{} {}{}{}", wire::event_name(ordered.event.type), walk_.directory().signal(ordered.event.object),
                               detail.empty() ? "" : ": ", detail);
    instant.category = "signal";
    instant.at_ns = walk_.time_ns(ordered.ticks);
    sink_.instant(instant);
}

void ToldTracks::finish() {
    const std::int64_t end_ns = walk_.time_ns(walk_.end_ticks());
    for (auto& [track, zones] : open_) {
        for (; !zones.empty(); zones.pop_back())
            close({track.first, track.second}, zones.back(), end_ns);
    }
}

}  // namespace coroscope::exports
