// SignalRecords: the records of signals in the state segment, one a number of the system's, then one a kind of the program's own.
//
// Thread: start by the one that makes the Runtime; the others by any. Tested in tests/unit/runtime/signal_test.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "cprime/signal.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/signal.h"

namespace cprime::detail {

namespace wire = coroscope::wire;

class SignalRecords {
public:
    // False when the segment has no room for them. The records of the system's signals exist from now on; none is in use. The histogram of
    // latencies lies behind those of the workers.
    bool start(coroscope::emit::StateSegment& segment, std::uint32_t workers_count);

    // The record of a signal of the system, 0 < number < wire::kSignalsMax, named from now on.
    wire::SignalRecord& of(int number);
    // Whether nobody has named that one yet.
    bool is_unused(int number) const { return records_[number].name.load(std::memory_order_relaxed) == 0; }
    // A handler's first instruction came so long after its signal: in the record, and in the histogram of all signals. Workers.
    void count_latency(wire::SignalRecord& record, std::uint64_t ticks);
    const wire::HistogramRecord& latency() const { return *latency_; }
    // A string for a record's fields: number + 1, 0 = no room.
    std::uint32_t string_of(std::string_view text);

    // A new record of a signal of the program's own; its index, or wire::kNone when there are wire::kSignalRecordsMax. Takes a lock.
    std::uint32_t own(std::string_view name);
    wire::SignalRecord& at(std::uint32_t index) { return records_[index]; }

private:
    // Shows the record to viewers.
    void name(wire::SignalRecord& record, std::string_view name);

    coroscope::emit::StateSegment* segment_ = nullptr;
    wire::SignalRecord* records_ = nullptr;
    wire::HistogramRecord* latency_ = nullptr;
};

// What became of one kind so far: never more than arrived.
SignalCounts read_counts(const wire::SignalRecord& record);

extern SignalRecords g_signal_records;  // writer: start of the runtime

}  // namespace cprime::detail
