// SequencedChange: brackets a change of a record in the segment that viewers read while it changes.
//
// The record's `sequence` is odd while a change is under way: a reader that saw the same even number before and after its copy has a whole one
// [channel.sequence], [waitable.sequence]. Whoever changes a record holds its lock, so there is one writer at a time. Coroutines' records, whose
// sequence says more, are not changed by this.
//
// Thread: the lock's holder. Blocks: never. Tested by who reads: tests/unit/runtime/waitable_records_test.cpp, tests/unit/inspect.
#pragma once

#include <cstdint>

#include "runtime/scheduler/atomics.h"

namespace cprime::detail {

template <typename Record>
class SequencedChange {
public:
    explicit SequencedChange(Record& record)
        : record_(record), before_(record.sequence.load(std::memory_order_relaxed)) {
        record_.sequence.store(before_ + 1, std::memory_order_relaxed);
        // Whoever sees a later store of this change sees the odd sequence as well; free on x86.
        sync::fence(std::memory_order_release);
    }
    ~SequencedChange() { record_.sequence.store(before_ + 2, std::memory_order_release); }
    SequencedChange(const SequencedChange&) = delete;
    SequencedChange& operator=(const SequencedChange&) = delete;

    // One more operation; its number.
    std::uint32_t operation() const { return add(record_.operations, 1U); }
    // Adds to a counter that only the lock's holder writes.
    template <typename Counter, typename Number>
    static Number add(Counter& counter, Number difference) {
        const auto after = static_cast<Number>(counter.load(std::memory_order_relaxed) + difference);
        counter.store(after, std::memory_order_relaxed);
        return after;
    }

private:
    Record& record_;
    std::uint32_t before_;
};

}  // namespace cprime::detail
