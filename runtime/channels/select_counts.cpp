// Records of selects, found by address.
#include "runtime/channels/select_counts.h"

#include <mutex>

namespace cprime::detail {

namespace wire = coroscope::wire;

constinit SelectCounts g_selects;

void SelectCounts::start(coroscope::emit::StateSegment& segment) {
    segment_ = &segment;
}

void SelectCounts::stop() {
    for (auto& entry : entries_)
        entry.store(nullptr, std::memory_order_relaxed);
    segment_ = nullptr;
}

wire::SelectRecord* SelectCounts::find_slowly(std::uint64_t address, const SelectRequest& request) {
    const std::lock_guard<SpinLock> hold(lock_);
    std::uint32_t at = hash(address);
    for (;; at = (at + 1) % kEntries) {
        wire::SelectRecord* known = entries_[at].load(std::memory_order_relaxed);
        if (known == nullptr) break;
        if (known->address.load(std::memory_order_relaxed) == address) return known;
    }
    const std::uint32_t index = segment_->allocate_records(wire::SectionKind::kSelects, 1);
    if (index == wire::kNone) return nullptr;
    wire::SelectRecord& made = segment_->records<wire::SelectRecord>(wire::SectionKind::kSelects)[index];
    made.arms.store(request.count, std::memory_order_relaxed);
    made.receives = request.receives;
    for (std::uint32_t n = 0; n < request.count; ++n) {
        if (request.arms[n] == nullptr) made.other_arm = n + 1;
    }
    made.address.store(address, std::memory_order_release);
    entries_[at].store(&made, std::memory_order_release);  // [selects.publish]
    return &made;
}

}  // namespace cprime::detail
