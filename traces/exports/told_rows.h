// ToldRows: what a program said itself (traces/told.h), as rows of the tables `messages`, `zones` and `counters`.
//
// A zone is told when it ends: by its end, with one around it, or with its coroutine or the walk, when its end never came. An end without a begin
// is left out.
//
// Thread: one at a time. Tested in tests/e2e/export_test.py.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/tables.h"
#include "traces/told.h"

namespace coroscope::exports {

class ToldRows {
public:
    ToldRows(const analyses::TraceWalk& walk, TableSink& sink) : walk_(walk), sink_(sink) {}

    // Takes an event of which ToldReader::concerns().
    void event(const analyses::OrderedEvent& event);
    void ended(const analyses::Life& life, std::uint64_t ticks);
    void finish();

private:
    // A coroutine by its record's index, or a thread by its number.
    using Speaker = std::pair<bool, std::uint32_t>;
    struct Zone {
        std::uint32_t name = wire::kNone;
        std::uint64_t coroutine = 0;
        std::uint64_t begin_ticks = 0;
    };
    void tell(const traces::Told& told, const analyses::OrderedEvent& ordered);
    void zone_end(const Speaker& speaker, const traces::Told& told);
    void close(std::vector<Zone>& open, std::uint64_t ticks, bool seen);

    const analyses::TraceWalk& walk_;
    TableSink& sink_;
    traces::ToldReader reader_;
    std::vector<traces::Told> told_;
    std::map<Speaker, std::vector<Zone>> open_;  // innermost last
};

}  // namespace coroscope::exports
