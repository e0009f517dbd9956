// Sites: the places in the source where coroutines and channels are made, and the class that each gets.
//
// find() runs at every spawn, so the common case is one probe of a hash table without a lock: keyed by the address of the
// file name, the line and the column. A place that is new under that key is compared by text under the lock (a header seen from
// two files has two addresses), so "file:line:column" names one record.
//
// The class of a site (the ladder of evidence): the programmer's wish at the spawn; else the bytes hinted at there; else what was
// declared of the function; else the row of the size table; else Medium. A table row that asks for *more* than these wins over
// them: the operator has seen what the programmer guessed. So does a declared bound over a wish, and a stack that grew over all.
// In code compiled without optimisation Micro and Small become one class larger, whoever chose them, but for a wish.
//
// Thread: any. Blocks for a lock only the first time a place is seen. Tested in tests/unit/runtime/sites_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cprime/place.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/site.h"
#include "runtime/stacks/size_table.h"

namespace cprime::detail {

// What was said at a spawn of the class: SizeClass + 1, 0 = nothing.
struct ClassAsked {
    std::uint8_t wish = 0;
    std::uint8_t hint = 0;               // the smallest that holds the bytes hinted at
    std::uint8_t declared = 0;           // that follows from the function's metadata
    bool bound = false;                  // `declared` holds a bound of its stack
    const Place* unoptimised = nullptr;  // the place, if its code was compiled without optimisation
};

struct TableChoice {  // what the size table says of a site; evidence kUnknown = nothing
    coroscope::wire::SizeClass size_class;
    coroscope::wire::ClassEvidence evidence;
};

class Sites {
public:
    ~Sites();

    coroscope::base::Status start(coroscope::emit::StateSegment& segment, SizeTable table);

    // Index of the place's record, made when it is new (with `name`: that of the first coroutine made there, and `entry`: address
    // of its entry function, 0 for channels). kNone when there are kSitesMax.
    std::uint32_t find(const Place& place, std::string_view name, std::uint64_t entry);

    // The class a coroutine spawned at `site` (kNone: no record) gets.
    coroscope::wire::SizeClass choose_class(std::uint32_t site, const ClassAsked& asked);
    // The same where nothing but a wish (SizeClass + 1, 0 = none) was said.
    coroscope::wire::SizeClass choose_class(std::uint32_t site, std::uint8_t wish) {
        if (site != coroscope::wire::kNone) {
            const std::uint32_t settled = settled_[site].load(std::memory_order_relaxed);
            if (settled >> 8 == settled_key(wish, raised_[site].load(std::memory_order_relaxed)))
                return static_cast<coroscope::wire::SizeClass>(settled & 0xff);
        }
        return settle(site, wish);
    }

    // A stack of this site grew: its later spawns get `at_least`, whatever was wished or measured. Async-signal-safe.
    void raise(std::uint32_t site, coroscope::wire::SizeClass at_least);
    // A Medium stack of this site grew in place: later ones get the wide window; `outgrew`: that one was used far down, too, and they get
    // Large. Async-signal-safe.
    void grew(std::uint32_t site, bool outgrew);
    // Whether Medium stacks of this site get the wide window.
    bool wants_wide(std::uint32_t site) const {
        return site != coroscope::wire::kNone &&
               (raised_[site].load(std::memory_order_relaxed) & kRaisedWide) != 0;
    }

    // A stack of this site was used that deep. Async-signal-safe.
    void note_high_water(std::uint32_t site, std::uint32_t bytes) {
        if (site == coroscope::wire::kNone) return;
        std::atomic<std::uint32_t>& known = records_[site].high_water_bytes;
        std::uint32_t seen = known.load(std::memory_order_relaxed);
        while (bytes > seen && !known.compare_exchange_weak(seen, bytes, std::memory_order_relaxed)) {
        }
    }

    // String index of a coroutine's name: kNone when it is its site's.
    std::uint32_t name_of(std::uint32_t site, std::string_view name);

    coroscope::wire::SiteRecord& record(std::uint32_t site) { return records_[site]; }
    // What the size table says of the site.
    const TableChoice& row(std::uint32_t site) const { return choices_[site]; }
    // "file:line", for reports.
    std::string text(std::uint32_t site) const;

private:
    struct Entry {  // of the hash table; written once under lock_, published by `site` [sites.publish]
        const char* file;
        std::uint32_t line;
        std::uint32_t column;
        std::atomic<std::uint32_t> site_plus_one;  // 0 = empty
    };
    static constexpr std::uint32_t kEntries = 1U << 17;  // at most half full
    static constexpr std::uint8_t kRaisedWide = 0x80;

    static std::uint32_t hash(const Place& place) {
        const auto mixed = (reinterpret_cast<std::uint64_t>(place.file) ^ (std::uint64_t{place.line} << 32) ^
                            place.column) *
                           0x9e3779b97f4a7c15ULL;
        return static_cast<std::uint32_t>(mixed >> 47);
    }
    static std::uint32_t settled_key(std::uint8_t wish, std::uint8_t raised) {
        return 0x10000U | std::uint32_t{raised} << 8 | wish;
    }
    coroscope::wire::SizeClass settle(std::uint32_t site, std::uint8_t wish);
    std::uint32_t add(const Place& place, std::string_view name, std::uint64_t entry);
    std::uint32_t make_record(const Place& place, std::string_view name, std::uint64_t entry);

    coroscope::emit::StateSegment* segment_ = nullptr;
    coroscope::wire::SiteRecord* records_ = nullptr;
    Entry* entries_ = nullptr;
    TableChoice* choices_ = nullptr;  // by site; an entry is written before its site is published
    // By site: SizeClass + 1 that it was raised to, 0 = never; and kRaisedWide. Both only grow. Writers: fault handlers; readers: spawns;
    // relaxed, since a spawn more or less that does not know yet does no harm.
    std::atomic<std::uint8_t>* raised_ = nullptr;
    // By site: the latest choice of choose_class(wish), and what it follows from; 0 = none. Writers and readers: spawns; relaxed: one word
    // that says all, and who reads an old one chooses anew (6 of 180 ns of a spawn and join).
    std::atomic<std::uint32_t>* settled_ = nullptr;
    std::mutex lock_;  // guards by_text_, entries_count_ and additions to entries_
    std::unordered_map<std::string, std::uint32_t> by_text_;
    std::uint32_t entries_count_ = 0;
    SizeTable table_;
};

}  // namespace cprime::detail
