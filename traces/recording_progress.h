// RecordingProgress: says about every second what a recording has come to and what it costs, also while the recording itself waits for a disk or for
// whoever reads the trace: that is when somebody wants to know.
//
// Thread: made and destroyed by the recording thread; says it on a thread of its own. Blocks: the destructor until nothing is said any more. Tested
// end to end in tests/e2e/flight_recorder_test.py and record_block_test.py.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "traces/observation.h"
#include "traces/recording_cost.h"

namespace coroscope::traces {

// What a recording has come to by now, for a CostMeter. One thread at a time.
class RecordingCounts {
public:
    RecordingCounts(std::uint32_t pid, const Observation& observation) : pid_(pid), observation_(observation) {}

    // Blocks for as long as a chunk is written.
    CostMeter::Counts now() { return with(observation_.pump().counts()); }
    // Where that takes too long events are those of the last time.
    CostMeter::Counts soon();

private:
    CostMeter::Counts with(const std::array<EventCount, wire::kEventTypesMax>& by_type);
    CostMeter::Counts with_clocks();

    const std::uint32_t pid_;
    const Observation& observation_;
    CostMeter::Counts last_;
};

class RecordingProgress {
public:
    struct Report {
        RecordingCost cost;                             // of the last second
        std::uint64_t events = 0, lost = 0, bytes = 0;  // so far; bytes of the trace, or held in memory
    };
    using Say = std::function<void(const Report&)>;

    RecordingProgress(std::uint32_t pid, const Observation& observation, Say say);
    ~RecordingProgress();
    RecordingProgress(const RecordingProgress&) = delete;
    RecordingProgress& operator=(const RecordingProgress&) = delete;

private:
    void run();

    const Observation& observation_;
    const Say say_;
    RecordingCounts counts_;
    CostMeter meter_;
    std::mutex lock_;  // guards over_
    std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;
};

// Of all types that are no bookkeeping.
std::uint64_t sum(const std::array<EventCount, wire::kEventTypesMax>& counts, std::uint64_t EventCount::*member);

}  // namespace coroscope::traces
