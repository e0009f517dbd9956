// How often each arm of each select in the source happened, and how often it was ready and passed over.
//
// A select is known by the address its call returns to, in user code; viewers make a line of the source of it. Counts are relaxed additions
// to a record in the segment (wire/select_arm.h). Threads that are no workers are not counted: their callers' addresses are not known.
//
// Thread: any. Blocks for a lock only the first time an address is seen. Tested in tests/unit/runtime/select_test.cpp.
#pragma once

#include <array>
#include <cstdint>

#include "cprime/detail/channel_calls.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/select_arm.h"
#include "runtime/scheduler/atomics.h"
#include "runtime/scheduler/spin_lock.h"

namespace cprime::detail {

class SelectCounts {
public:
    void start(coroscope::emit::StateSegment& segment);
    void stop();

    // The record of the select that returns to `address`; null when there is no room for another one.
    coroscope::wire::SelectRecord* find(std::uint64_t address, const SelectRequest& request) {
        const std::uint32_t at = hash(address);
        coroscope::wire::SelectRecord* known = entries_[at].load(
            std::memory_order_acquire);  // [selects.publish]
        if (__builtin_expect(known != nullptr && known->address.load(std::memory_order_relaxed) == address, 1))
            return known;
        return find_slowly(address, request);
    }

    // A select that waited has ended: arm `fired` happened (kNoArmFired: none), or the time was over.
    void count_waited(std::uint64_t address, const SelectRequest& request, std::uint8_t fired, bool timed_out) {
        coroscope::wire::SelectRecord* counts = find(address, request);
        if (counts == nullptr) return;
        if (timed_out) count(counts->timed_out);
        if (fired != kNoArmFired) count(counts->fired[column(fired)]);
    }

    static void count(coroscope::wire::shared<std::uint64_t>& counter) {
        counter.fetch_add(1, std::memory_order_relaxed);
    }
    static std::uint32_t column(std::uint32_t position) {
        return position < coroscope::wire::kSelectArmsCounted ? position
                                                              : coroscope::wire::kSelectArmsCounted - 1;
    }

private:
    static constexpr std::uint32_t kEntriesShift = sync::kModelled ? 3 : 13;
    static constexpr std::uint32_t kEntries = 1U << kEntriesShift;  // at most half full
    static std::uint32_t hash(std::uint64_t address) {
        return static_cast<std::uint32_t>((address * 0x9e3779b97f4a7c15ULL) >> (64 - kEntriesShift));
    }
    coroscope::wire::SelectRecord* find_slowly(std::uint64_t address, const SelectRequest& request);

    coroscope::emit::StateSegment* segment_ = nullptr;
    SpinLock lock_;  // guards additions
    // Writer: holder of lock_, once an entry [selects.publish]; readers: selects. Open addressing.
    std::array<sync::atomic<coroscope::wire::SelectRecord*>, kEntries> entries_{};
};

extern SelectCounts g_selects;

}  // namespace cprime::detail
