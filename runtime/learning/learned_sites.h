// What a run sees of its spawn sites, for CPRIME_LEARN: how deep each coroutine's stack was used, how many were alive at once, what grew.
//
// The same as `coroscope sizes` makes of a trace, counted by the program itself: a spawn, an exit and a growth are a few additions each, beside
// the painting and scanning of the stack that CPRIME_PROFILE=1 costs as well and that learning switches on.
//
// Also where it is remembered, with or without CPRIME_LEARN, that a stack did not fit the class that the site got
// (unheld_rows.h).
//
// Thread: any; counters are relaxed, and read when the workers have ended. Async-signal-safe but for start().
// Tested in tests/unit/runtime/learning_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/event.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/pool.h"

namespace cprime::detail {

namespace wire = coroscope::wire;

// Depths are 32-bit numbers.
inline constexpr std::uint32_t kDepthBuckets = wire::histogram_bucket(0xffff'ffff) + 1;

// Zeros are how it begins. Writers: workers; readers: the end of the runtime.
struct LearnedSite {
    std::atomic<std::uint64_t> samples;                     // stacks that were looked through at their end
    std::atomic<std::uint64_t> sum_bytes;                   // of their deepest uses
    std::atomic<std::uint64_t> in_place, segments, wishes;  // growths, by form
    std::atomic<std::uint32_t> max_bytes;
    std::atomic<std::uint32_t> alive, alive_max;
    std::atomic<std::uint32_t> depths[kDepthBuckets];
};

class LearnedSites {
public:
    ~LearnedSites();

    // False: there is no memory for it.
    bool start(bool learning);
    bool learning() const { return sites_ != nullptr; }

    void spawned(std::uint32_t site);
    void spawn_failed(std::uint32_t site);
    // `high_water_bytes` 0: its stack was not looked through.
    void ended(std::uint32_t site, std::uint32_t high_water_bytes);
    void grew(std::uint32_t site, wire::MigrationForm form);
    // Only while learning.
    const LearnedSite& at(std::uint32_t site) const { return sites_[site]; }

    // A stack of the site did not fit a slot of this class. True: nobody had said so of this class or a larger one.
    bool did_not_fit(std::uint32_t site, wire::SizeClass size_class);
    // SizeClass + 1 of the largest class that did not hold a stack of the site; 0 = all did.
    std::uint8_t unheld(std::uint32_t site) const { return unheld_[site].load(std::memory_order_relaxed); }

private:
    LearnedSite* sites_ = nullptr;  // by site; null: nobody asked to learn
    std::atomic<std::uint8_t>* unheld_ = nullptr;
};

}  // namespace cprime::detail
