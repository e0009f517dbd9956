// Mutexes and their kin at time t: what their events say, and what is made of it at the end. See model.h.
#include <algorithm>
#include <unordered_map>

#include "traces/change_counts.h"
#include "traces/model.h"

namespace coroscope::traces {

using wire::EventType;

void Model::waitable(const wire::DecodedEvent& event) {
    Waitable& waitable = waitables_[event.object];
    const bool creates = event.type == EventType::kWaitableCreate;
    const std::uint32_t operation = creates ? static_cast<std::uint32_t>(event.ext64[0] >> 32)
                                            : widen(wire::low24(event.argument), waitable.top);
    if (!waitable.operations_known) {
        if (!waitable.live && event.tsc < keyframe_begin_ticks_) return;  // gone before the keyframe, which has forgotten it
        waitable.base = waitable.top = operation - 1;
        waitable.operations_known = true;
        waitable.base_assumed = !creates && !waitable.live;
    }
    if (creates && waitable.base_assumed && !newer(operation, waitable.base)) waitable.base = operation - 1;
    if (creates) waitable.base_assumed = false;
    if (!newer(operation, waitable.base)) return;
    ++waitable.steps;
    inspect::WaitableImage& image = waitable.image;
    const bool newest = newer(operation, waitable.top);
    if (newest) {
        waitable.top = operation;
        waitable.changed_ticks = std::max<std::uint64_t>(event.tsc, 1);
        if (creates || !waitable.live) {  // another one than the last that this index named
            image = {};
            image.index = event.object;
            waitable.identity_known = false;
        }
        waitable.live = event.type != EventType::kWaitableDestroy;
        image.operations = operation;
        if (!creates && waitable.live) {
            image.owner = event.ext48[0];
            image.value = static_cast<std::uint32_t>(event.ext64[0]);
        }
    }
    if (!creates) return;
    if (newest) {  // says all there is: what was missed before does not matter any more
        waitable.base = operation - 1;
        waitable.steps = 1;
        image.value = static_cast<std::uint32_t>(event.ext64[1]);
    } else if (!waitable.live || waitable.identity_known) {
        return;  // late, and of one that is gone again
    }
    waitable.identity_known = true;
    image.kind = static_cast<wire::WaitableKind>(
        std::min<std::uint32_t>(event.argument, wire::kWaitableKindsCount - 1U));
    image.identity = event.ext48[0];
    image.name = static_cast<std::uint32_t>(event.ext64[0]);
    image.site = static_cast<std::uint32_t>(event.ext48[1]);
    image.limit = static_cast<std::uint32_t>(event.ext64[1] >> 32);
}

void Model::collect_waitables(const inspect::StateImage* later) {
    waitables_.for_each([&](std::uint32_t index, Waitable& waitable) {
        if (!waitable.live || end_was_lost(waitable)) return;
        // A gap alone says nothing, since the newest event says all; with losses the object may have become another one in it.
        const bool gap = lost_any_ && waitable.operations_known && waitable.steps < waitable.top - waitable.base;
        const bool stale = lost_until_ticks_ != 0 && waitable.changed_ticks <= lost_until_ticks_;
        if (gap || stale || !waitable.identity_known) {
            const inspect::WaitableImage* proof = later == nullptr ? nullptr : later->waitable_at(index);
            if (proof != nullptr && proof->operations == waitable.top &&
                proof->consistency != inspect::Consistency::kTorn) {
                waitable.image = *proof;
                waitable.identity_known = true;
            } else {
                waitable.image.consistency = inspect::Consistency::kUnknown;
            }
        } else if (waitable.changed_ticks != 0) {
            waitable.image.consistency = inspect::Consistency::kExact;
        }
        if (!waitable.identity_known) return;
        waitable.image.waiting = 0;
        image_.waitables.push_back(waitable.image);
    });
    std::sort(image_.waitables.begin(), image_.waitables.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    std::unordered_map<std::uint32_t, inspect::WaitableImage*> by_index;
    for (inspect::WaitableImage& waitable : image_.waitables)
        by_index.emplace(waitable.index, &waitable);
    for (const inspect::CoroutineImage& coroutine : image_.coroutines) {
        if (coroutine.state != wire::CoroutineState::kParked || !wire::waits_for_waitable(coroutine.reason))
            continue;
        const auto at = by_index.find(coroutine.wait_object);
        if (at != by_index.end()) ++at->second->waiting;
    }
}

}  // namespace coroscope::traces
