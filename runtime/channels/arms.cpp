// The free list of arms, and claims from outside a channel.
#include "runtime/channels/arms.h"

#include <mutex>

#include "runtime/scheduler/parking.h"

namespace cprime::detail {

constinit ArmTable g_arms;

namespace {
constexpr auto kRelaxed = std::memory_order_relaxed;
}

void ArmTable::start(emit::StateSegment& segment) {
    segment_ = &segment;
    records_ = segment.records<wire::SelectArmRecord>(wire::SectionKind::kSelectArms);
}

void ArmTable::stop() {
    const std::lock_guard<SpinLock> hold(lock_);
    free_ = wire::kNone;
    segment_ = nullptr;
}

std::uint32_t ArmTable::take(std::uint32_t count) {
    const std::lock_guard<SpinLock> hold(lock_);
    std::uint32_t first = wire::kNone;
    for (; count > 0; --count) {
        std::uint32_t arm = free_;
        if (arm != wire::kNone) {
            free_ = records_[arm].next_arm.load(kRelaxed);
        } else {
            arm = segment_->allocate_records(wire::SectionKind::kSelectArms, 1);
            if (arm == wire::kNone) break;
            records_[arm].channel.store(wire::kNone, kRelaxed);
            auto& chunk = chunks_[arm / kStatesPerChunk];
            // [select.states] release: whoever finds the chunk finds its states made.
            if (chunk.load(kRelaxed) == nullptr)
                chunk.store(new ArmState[kStatesPerChunk], std::memory_order_release);
        }
        records_[arm].next_arm.store(first, kRelaxed);
        first = arm;
    }
    for (std::uint32_t arm = first; arm != wire::kNone; arm = records_[arm].next_arm.load(kRelaxed)) {
        state(arm).first = first;
        state(arm).claim.store(0, kRelaxed);  // nobody's, not even of a runtime before this one
        records_[arm].previous.store(kArmBit | arm, kRelaxed);  // linked nowhere: wait_list.h
    }
    if (count == 0) return first;
    while (first != wire::kNone) {  // not all of them: none
        const std::uint32_t next = records_[first].next_arm.load(kRelaxed);
        records_[first].next_arm.store(free_, kRelaxed);
        free_ = first;
        first = next;
    }
    return wire::kNone;
}

void ArmTable::give(std::uint32_t first) {
    std::uint32_t last = first;
    while (true) {
        records_[last].channel.store(wire::kNone, kRelaxed);
        const std::uint32_t next = records_[last].next_arm.load(kRelaxed);
        if (next == wire::kNone) break;
        last = next;
    }
    const std::lock_guard<SpinLock> hold(lock_);
    records_[last].next_arm.store(free_, kRelaxed);
    free_ = first;
}

ArmState* ArmTable::find_state(std::uint32_t arm) {
    if (arm >= kChunksMost * kStatesPerChunk) return nullptr;
    ArmState* chunk = chunks_[arm / kStatesPerChunk].load(std::memory_order_acquire);  // [select.states]
    return chunk == nullptr ? nullptr : &chunk[arm % kStatesPerChunk];
}

bool ArmTable::claim_for(std::uint32_t first_arm, std::uint32_t coroutine, std::uint32_t sequence) {
    ArmState* const first = find_state(first_arm);
    if (first == nullptr) return false;
    const std::uint64_t closed = claim_of(coroutine, sequence);
    while (true) {
        std::uint64_t open = closed | kClaimOpen;
        if (first->claim.compare_exchange_strong(open, closed, std::memory_order_acq_rel)) return true;
        if (open == closed) return false;  // somebody else was first
        if (!still_parked(coroutine, wire::WaitReason::kSelect, first_arm, sequence)) return false;
        sync::pause();  // it has been suspended, and its worker is about to open the claim
    }
}

}  // namespace cprime::detail
