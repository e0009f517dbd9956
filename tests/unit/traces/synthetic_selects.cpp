// Selects of the program that never ran. See synthetic_program.h.
#include <algorithm>

#include "instrumentation/wire/limits.h"
#include "synthetic_program.h"

namespace coroscope::traces {

using wire::EventType;

// Two arms on channels that are not ready for it (perhaps the same one); it yields where there are no such.
void SyntheticProgram::use_select(std::uint32_t w, std::uint16_t choice) {
    const std::uint32_t me = workers_[w].current;
    std::vector<inspect::SelectArmImage> arms;
    for (std::uint8_t position = 0; position < 2; ++position, choice /= 16) {
        Channel* channel = pick_channel(choice / 2);
        if (channel == nullptr || channel->image.closed) continue;
        const bool receives = choice % 2 != 0;
        const bool ready = receives ? channel->image.length > 0 || !channel->senders.empty()
                                    : channel->image.length < channel->image.capacity ||
                                          !channel->receivers.empty();
        if (!ready) arms.push_back({me, channel->image.index, position, receives});
    }
    if (arms.empty()) return suspend(w, wire::WaitReason::kYield, wire::kNone, 0);
    for (const inspect::SelectArmImage& arm : arms) {
        Channel& channel = channels_[arm.channel];
        ++channel.image.operations;
        emit(w, EventType::kSelectArm, arm.channel,
             wire::pack24(channel.image.operations,
                          static_cast<std::uint8_t>((arm.receives ? 1 : 0) | arm.position << 1)));
        (arm.receives ? channel.receivers : channel.senders).push_back(me);
        ++(arm.receives ? channel.image.receivers_waiting : channel.image.senders_waiting);
    }
    arms_[me] = arms;
    suspend(w, wire::WaitReason::kSelect, me * 2, 0);
}

// One arm has fired, and was taken out: the others go with it.
void SyntheticProgram::retire_select(std::uint32_t index) {
    for (const inspect::SelectArmImage& arm : arms_[index]) {
        Channel& channel = channels_[arm.channel];
        std::vector<std::uint32_t>& list = arm.receives ? channel.receivers : channel.senders;
        const auto at = std::find(list.begin(), list.end(), index);
        if (at == list.end()) continue;
        list.erase(at);
        --(arm.receives ? channel.image.receivers_waiting : channel.image.senders_waiting);
    }
    arms_.erase(index);
}

}  // namespace coroscope::traces
