// Tally: what is learned from events while they pass, without keeping them.
//
//   since when each coroutine is in its state      (a state image does not say)
//   how long woken coroutines waited for a worker  (WAKE to RESUME, a histogram in ticks)
//   who woke each coroutine last, and why
//   where coroutines parked                        (addresses whose names a trace will want)
//   whose stacks grew, how and for whom            (by spawn site; see migration_tally.h)
//
// Rings arrive one after the other, so a RESUME can be seen before the WAKE that caused it: both wait in the coroutine's entry for
// their partner, told apart by the sequence number (RESUME's is WAKE's + 1).
//
// Thread: one at a time; owners lock. Blocks: never. Tested in tests/unit/traces/tally_test.cpp.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event_decoder.h"
#include "traces/migration_tally.h"
#include "traces/sparse_table.h"

namespace coroscope::traces {

class Tally {
public:
    Tally();
    // Takes one event in. A few nanoseconds, and the entry of the coroutine it is about (and of its waker).
    void take(const wire::DecodedEvent& event);

    // Fills since_ticks of the coroutines whose present state was entered in an event seen here, says who woke each last, adds the wake-to-run
    // histogram (HistogramKind::kWakeToRunTicks) to image.histograms, and says how the stacks of each site grew.
    void complete(inspect::StateImage& image);

    const inspect::HistogramImage& wake_to_run() const { return wake_to_run_; }
    // Addresses at which coroutines parked and which were not handed out before.
    std::vector<std::uint64_t> take_new_pcs();

private:
    struct Entry {
        std::uint64_t since_ticks = 0;
        std::uint64_t wake_ticks = 0, resume_ticks = 0;  // 0 = none that waits for its partner
        std::uint32_t since_sequence = 0;                // low 24 bits
        std::uint32_t wake_sequence = 0, resume_sequence = 0;
        std::uint32_t site = wire::kNone;  // kNone = its spawn was not seen
        std::uint64_t identity = 0;        // 0 = its spawn was not seen
        std::uint64_t spawned_ticks = 0;
        // Its last wake-up. By whom: the identity, or, while that is not known, the index (kNone = no coroutine did it).
        std::uint64_t woken_ticks = 0, woken_by = 0;
        std::uint32_t woken_by_index = wire::kNone;
        std::uint32_t woken_sequence = 0;
        std::uint32_t unseen_steps = 0;  // of its sequence between that and since_sequence: events that have not been read, or were lost
        wire::WakeCause woken_cause = wire::WakeCause::kCoroutine;
        std::uint8_t identity8 = 0;  // low bits of who ran here last
    };
    // An event that takes the sequence `step` further, to sequence24.
    void enter(Entry& entry, std::uint32_t sequence24, std::uint32_t step, std::uint64_t ticks);
    void woken(Entry& entry, const wire::DecodedEvent& event);
    // Identity of the coroutine that ran at this index at that time; 0 = not known.
    std::uint64_t identity_at(std::uint32_t index, std::uint64_t ticks) const;
    void name_waker(const Entry& entry, const inspect::StateImage& image,
                    inspect::CoroutineImage& coroutine) const;
    void add_pc(std::uint64_t pc);
    void add_wait(std::uint64_t wake_ticks, std::uint64_t resume_ticks);

    SparseTable<Entry> entries_;
    inspect::HistogramImage wake_to_run_;
    MigrationTally migrations_;
    std::unordered_set<std::uint64_t> pcs_;
    std::vector<std::uint64_t> new_pcs_;
    std::uint64_t last_pc_ = 0;
};

}  // namespace coroscope::traces
