// Sizes and names of events; the single table behind both.
#include "instrumentation/wire/event.h"

#include <array>

namespace coroscope::wire {
namespace {

struct Row {
    EventType type;
    std::uint32_t slots;
    const char* name;
};

constexpr Row kRows[] = {
    {EventType::kPad, 1, "pad"},
    {EventType::kExt, 1, "ext"},
    {EventType::kSync, 2, "sync"},
    {EventType::kLoss, 2, "loss"},
    {EventType::kMask, 1, "mask"},
    {EventType::kSpawn, 3, "spawn"},
    {EventType::kResume, 1, "resume"},
    {EventType::kSuspend, 2, "suspend"},
    {EventType::kWake, 1, "wake"},
    {EventType::kExit, 2, "exit"},
    {EventType::kCancel, 1, "cancel"},
    {EventType::kMigrate, 2, "migrate"},
    {EventType::kPause, 1, "pause"},
    {EventType::kUnpause, 1, "unpause"},
    {EventType::kStep, 1, "step"},
    {EventType::kChannelCreate, 3, "channel-create"},
    {EventType::kChannelSend, 1, "channel-send"},
    {EventType::kChannelReceive, 1, "channel-receive"},
    {EventType::kChannelBlock, 1, "channel-block"},
    {EventType::kChannelClose, 1, "channel-close"},
    {EventType::kChannelDestroy, 2, "channel-destroy"},
    {EventType::kSelectArm, 1, "select-arm"},
    {EventType::kSelectFire, 1, "select-fire"},
    {EventType::kPoolAllocate, 1, "pool-allocate"},
    {EventType::kPoolFree, 1, "pool-free"},
    {EventType::kPoolGrow, 1, "pool-grow"},
    {EventType::kPoolTrim, 1, "pool-trim"},
    {EventType::kSignalDropped, 2, "signal-dropped"},
    {EventType::kSignalHandled, 2, "signal-handled"},
    {EventType::kFault, 2, "fault"},
    {EventType::kRaise, 2, "raise"},
    {EventType::kSignal, 2, "signal"},
    {EventType::kRecover, 2, "recover"},
    {EventType::kTimerSet, 2, "timer-set"},
    {EventType::kTimerFire, 2, "timer-fire"},
    {EventType::kWorkerPark, 1, "worker-park"},
    {EventType::kWorkerUnpark, 1, "worker-unpark"},
    {EventType::kSteal, 1, "steal"},
    {EventType::kInject, 1, "inject"},
    {EventType::kBlockingBegin, 2, "blocking-begin"},
    {EventType::kBlockingEnd, 1, "blocking-end"},
    {EventType::kLockAcquire, 2, "lock-acquire"},
    {EventType::kLockRelease, 2, "lock-release"},
    {EventType::kNotify, 2, "notify"},
    {EventType::kWaitableCreate, 3, "waitable-create"},
    {EventType::kWaitableDestroy, 2, "waitable-destroy"},
    {EventType::kZoneBegin, 1, "zone-begin"},
    {EventType::kZoneEnd, 1, "zone-end"},
    {EventType::kMessage, 3, "message"},
    {EventType::kCounter, 2, "counter"},
    {EventType::kNote, 3, "note"},
};

const Row* find(EventType type) {
    for (const Row& row : kRows) {
        if (row.type == type) return &row;
    }
    return nullptr;
}

// Slots by type: decoders ask for every event.
constexpr std::array<std::uint8_t, 256> make_slots_table() {
    std::array<std::uint8_t, 256> slots{};
    for (const Row& row : kRows)
        slots[static_cast<std::size_t>(row.type)] = static_cast<std::uint8_t>(row.slots);
    return slots;
}
constexpr std::array<std::uint8_t, 256> kSlotsByType = make_slots_table();

}  // namespace

std::uint32_t slots_of(EventType type, std::uint32_t argument) {
    if (type == EventType::kChannelSend || type == EventType::kChannelReceive) {
        return (high8(argument) & kOtherParty) != 0 ? 2 : 1;
    }
    return kSlotsByType[static_cast<std::size_t>(type)];
}

const char* event_name(EventType type) {
    const Row* row = find(type);
    return row != nullptr ? row->name : "?";
}

}  // namespace coroscope::wire
