// Arms of waiting selects, and the counts of each select in the code. See state_reader.h for the invariants.
//
// The arms of a coroutine are a chain that begins at its wait object. They are believed only if its sequence is still that of its copy when the
// chain has been read [coroutine.sequence], and if each still names it and a channel: whoever ends a select gives its arms back, without a channel,
// and others may take them, before its coroutine's sequence moves. Else it has no arms here.
#include <algorithm>
#include <atomic>

#include "instrumentation/inspect/state_reader.h"
#include "instrumentation/wire/select_arm.h"

namespace coroscope::inspect {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kArmsMost = 32;  // of one select; a chain that is longer is none

// False when the chain is not one of this coroutine's.
bool copy_chain(const SectionView& arms, const CoroutineImage& coroutine, std::vector<SelectArmImage>& to) {
    std::uint32_t at = coroutine.wait_object;
    for (int left = kArmsMost; at != wire::kNone; --left) {
        const auto* arm = arms.record<wire::SelectArmRecord>(at);
        if (left == 0 || arm == nullptr || arm->coroutine.load(kRelaxed) != coroutine.index) return false;
        const std::uint32_t channel = arm->channel.load(std::memory_order_acquire);
        if (channel == wire::kNone) return false;
        to.push_back(
            {coroutine.index, channel, arm->position.load(kRelaxed), arm->receives.load(kRelaxed) != 0});
        at = arm->next_arm.load(std::memory_order_acquire);
        if (arm->coroutine.load(kRelaxed) != coroutine.index) return false;
    }
    return true;
}

}  // namespace

base::Status StateReader::read_selects(StateImage& image) const {
    auto arms = view({wire::SectionKind::kSelectArms, sizeof(wire::SelectArmRecord),
                      alignof(wire::SelectArmRecord), wire::kSelectArmRecordsMax, "select arms"});
    if (!arms) return arms.error();
    for (const CoroutineImage& coroutine : image.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked ||
            coroutine.reason != wire::WaitReason::kSelect || coroutine.consistency != Consistency::kExact)
            continue;
        const std::size_t before = image.select_arms.size();
        const bool whole = copy_chain(*arms, coroutine, image.select_arms);
        std::atomic_thread_fence(std::memory_order_acquire);
        const wire::CoroutineRecord* record = this->coroutine(coroutine.index);
        if (!whole || record == nullptr || record->sequence.load(kRelaxed) != coroutine.sequence)
            image.select_arms.resize(before);
        std::sort(image.select_arms.begin() + static_cast<std::ptrdiff_t>(before), image.select_arms.end(),
                  [](const auto& a, const auto& b) { return a.position < b.position; });
    }
    auto selects = view({wire::SectionKind::kSelects, sizeof(wire::SelectRecord), alignof(wire::SelectRecord),
                         wire::kSelectsMax, "selects"});
    if (!selects) return selects.error();
    for (std::uint32_t i = 0; i < selects->count(); ++i) {
        const auto* record = selects->record<wire::SelectRecord>(i);
        if (record == nullptr) continue;
        SelectImage copied;
        copied.address = record->address.load(std::memory_order_acquire);
        if (copied.address == 0) continue;
        copied.arms = record->arms.load(kRelaxed);
        copied.receives = record->receives;
        copied.other_arm = record->other_arm;
        copied.parked = record->parked.load(kRelaxed);
        copied.timed_out = record->timed_out.load(kRelaxed);
        copied.declined = record->declined.load(kRelaxed);
        for (std::uint32_t arm = 0; arm < wire::kSelectArmsCounted; ++arm) {
            copied.fired[arm] = record->fired[arm].load(kRelaxed);
            copied.passed_over[arm] = record->passed_over[arm].load(kRelaxed);
        }
        image.selects.push_back(copied);
    }
    return base::ok_status();
}

}  // namespace coroscope::inspect
