// Slices of a recorded stretch of time that kept a worker from others: what the looks at its two ends cannot show.
//
// Certain because of who ran next: a coroutine that was ready all the while ran on this very worker right after the slice. So neither a slice with
// nobody in line is told, nor one whose line stood before another worker.
//
// Thread: one at a time. Tested in tests/unit/analyses/lints_test.cpp.
#pragma once

#include <map>
#include <vector>

#include "traces/analyses/lints.h"
#include "traces/analyses/trace_walk.h"

namespace coroscope::analyses {

class SliceLints final : public SpanVisitor {
public:
    // Notes nothing more when the search is not wanted any more.
    SliceLints(const TraceWalk& walk, const traces::Search& search) : walk_(walk), search_(search) {}

    void enter(const Life& life, const Span& span) override;
    void leave(const Life& life, const Span& span) override;
    void ended(const Life& life, LifeEnd how, std::uint64_t ticks) override;

    // A finding a site of those that kept others waiting.
    void finish(std::vector<Lint>& lints) const;

private:
    struct Slice {
        std::uint64_t identity = 0, begin_ticks = 0, end_ticks = 0;
        std::uint32_t site = wire::kNone;
    };
    struct Hog {
        std::uint64_t times = 0;
        std::int64_t longest_ns = 0;
        std::uint32_t worker = 0;
        Slice slice;               // the longest
        std::string name;          // of whom
        std::uint64_t waiter = 0;  // who ran next
        std::string waiter_name;
    };
    const TraceWalk& walk_;
    const traces::Search& search_;
    std::map<std::uint32_t, Slice> last_;                 // by worker: what ran there last
    std::map<std::uint64_t, std::uint64_t> ready_since_;  // by identity
    std::map<std::uint32_t, Hog> hogs_;                   // by site
};

}  // namespace coroscope::analyses
