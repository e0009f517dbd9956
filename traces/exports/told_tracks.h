// ToldTracks: what a program said itself (traces/told.h), on tracks of a timeline.
//
//   zones      slices on a track beside their coroutine's (or thread's): a zone goes on while the coroutine waits, so it would not nest there
//   messages   instants on the track of who said them; notes the same, as "note: …"
//   counters   a track a name
//
// A zone whose end never came ends with the walk; an end without a begin is left out.
//
// Thread: one at a time. Tested in tests/e2e/export_test.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/timeline_sink.h"
#include "traces/told.h"

namespace coroscope::exports {

class ToldTracks {
public:
    // `counters`: how many counter tracks there are already.
    ToldTracks(const analyses::TraceWalk& walk, TimelineSink& sink, std::size_t counters)
        : walk_(walk), sink_(sink), counters_before_(counters) {}

    // Takes an event of which ToldReader::concerns().
    void event(const analyses::OrderedEvent& event);
    // Takes an event of which traces::is_of_signals(): an instant on the track of whom it happened to.
    void signal(const analyses::OrderedEvent& event);
    void finish();

private:
    struct Speaker {
        Track track;  // of its messages
        std::string name;
    };
    struct Zone {
        std::uint32_t name = wire::kNone;
        std::int64_t begin_ns = 0;
    };
    Speaker speaker_of(const analyses::OrderedEvent& event);
    void tell(const traces::Told& told, const Speaker& speaker);
    void close(const Track& zones, const Zone& zone, std::int64_t end_ns);
    Track zones_of(const Speaker& speaker);

    const analyses::TraceWalk& walk_;
    TimelineSink& sink_;
    const std::size_t counters_before_;
    traces::ToldReader reader_;
    std::vector<traces::Told> told_;
    std::map<std::pair<Track::Kind, std::uint64_t>, std::vector<Zone>> open_;  // by track of zones, innermost last
    std::unordered_map<std::uint32_t, std::size_t> counters_;                  // by name
    std::unordered_map<std::uint32_t, bool> threads_;                          // that have a track
};

}  // namespace coroscope::exports
