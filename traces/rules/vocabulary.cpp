// See vocabulary.h.
#include "traces/rules/vocabulary.h"

#include <algorithm>

#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/event.h"

namespace coroscope::rules {
namespace {

using W = WordSet;
using T = Type;

constexpr Field kFields[] = {
    {FieldId::kEventType, Kind::kEvent, "event", T::kWord, W::kEvents, true, false},
    {FieldId::kEventTime, Kind::kEvent, "time", T::kTime, W::kNone, true, false},
    {FieldId::kEventWorker, Kind::kEvent, "worker", T::kNumber, W::kNone, false, false},
    {FieldId::kEventId, Kind::kEvent, "id", T::kNumber, W::kNone, false, false},
    {FieldId::kEventName, Kind::kEvent, "name", T::kText, W::kNone, false, false},
    {FieldId::kEventSite, Kind::kEvent, "site", T::kText, W::kNone, false, false},
    {FieldId::kEventFunction, Kind::kEvent, "function", T::kText, W::kNone, false, false},
    {FieldId::kEventClass, Kind::kEvent, "class", T::kWord, W::kClasses, false, false},
    {FieldId::kEventWait, Kind::kEvent, "wait", T::kWord, W::kWaits, false, false},
    {FieldId::kEventCause, Kind::kEvent, "cause", T::kWord, W::kCauses, true, false},
    {FieldId::kEventStatus, Kind::kEvent, "status", T::kWord, W::kStatuses, true, false},
    {FieldId::kEventHighWater, Kind::kEvent, "high_water", T::kBytes, W::kNone, false, false},
    {FieldId::kEventBlocked, Kind::kEvent, "blocked_ns", T::kTime, W::kNone, false, false},
    {FieldId::kEventReady, Kind::kEvent, "ready_ns", T::kTime, W::kNone, false, false},
    {FieldId::kEventRun, Kind::kEvent, "run_ns", T::kTime, W::kNone, false, false},
    {FieldId::kEventCount, Kind::kEvent, "count", T::kNumber, W::kNone, true, false},

    {FieldId::kCoroutineId, Kind::kCoroutine, "id", T::kNumber, W::kNone, false, false},
    {FieldId::kCoroutineName, Kind::kCoroutine, "name", T::kText, W::kNone, false, false},
    {FieldId::kCoroutineSite, Kind::kCoroutine, "site", T::kText, W::kNone, false, false},
    {FieldId::kCoroutineFunction, Kind::kCoroutine, "function", T::kText, W::kNone, false, false},
    {FieldId::kCoroutineClass, Kind::kCoroutine, "class", T::kWord, W::kClasses, false, false},
    {FieldId::kCoroutineState, Kind::kCoroutine, "state", T::kWord, W::kStates, false, false},
    {FieldId::kCoroutineWait, Kind::kCoroutine, "wait", T::kWord, W::kWaits, false, false},
    {FieldId::kCoroutineWorker, Kind::kCoroutine, "worker", T::kNumber, W::kNone, false, false},
    {FieldId::kCoroutineSpawner, Kind::kCoroutine, "spawner", T::kNumber, W::kNone, false, false},
    {FieldId::kCoroutineHighWater, Kind::kCoroutine, "high_water", T::kBytes, W::kNone, false, false},
    {FieldId::kCoroutineBlocked, Kind::kCoroutine, "blocked_ns", T::kTime, W::kNone, false, true},
    {FieldId::kCoroutineReady, Kind::kCoroutine, "ready_ns", T::kTime, W::kNone, false, true},
    {FieldId::kCoroutineRun, Kind::kCoroutine, "run_ns", T::kTime, W::kNone, false, true},
    {FieldId::kCoroutineCancelled, Kind::kCoroutine, "cancelled", T::kFlag, W::kNone, false, false},

    {FieldId::kChannelId, Kind::kChannel, "id", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelName, Kind::kChannel, "name", T::kText, W::kNone, false, false},
    {FieldId::kChannelLen, Kind::kChannel, "len", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelCap, Kind::kChannel, "cap", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelSenders, Kind::kChannel, "senders", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelReceivers, Kind::kChannel, "receivers", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelSent, Kind::kChannel, "sent", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelReceived, Kind::kChannel, "received", T::kNumber, W::kNone, false, false},
    {FieldId::kChannelClosed, Kind::kChannel, "closed", T::kFlag, W::kNone, false, false},

    {FieldId::kPoolClass, Kind::kPool, "class", T::kWord, W::kClasses, false, false},
    {FieldId::kPoolPurpose, Kind::kPool, "purpose", T::kWord, W::kPurposes, false, false},
    {FieldId::kPoolSlots, Kind::kPool, "slots", T::kNumber, W::kNone, false, false},
    {FieldId::kPoolUsed, Kind::kPool, "used", T::kNumber, W::kNone, false, false},
    {FieldId::kPoolFree, Kind::kPool, "free", T::kNumber, W::kNone, false, false},
    {FieldId::kPoolSlotBytes, Kind::kPool, "slot_bytes", T::kBytes, W::kNone, false, false},

    {FieldId::kWorkerIndex, Kind::kWorker, "index", T::kNumber, W::kNone, false, false},
    {FieldId::kWorkerState, Kind::kWorker, "state", T::kWord, W::kWorkerStates, false, false},
    {FieldId::kWorkerReady, Kind::kWorker, "ready", T::kNumber, W::kNone, false, false},
    {FieldId::kWorkerSpawned, Kind::kWorker, "spawned", T::kNumber, W::kNone, false, false},
    {FieldId::kWorkerSwitches, Kind::kWorker, "switches", T::kNumber, W::kNone, false, false},

    {FieldId::kLockId, Kind::kLock, "id", T::kNumber, W::kNone, false, false},
    {FieldId::kLockName, Kind::kLock, "name", T::kText, W::kNone, false, false},
    {FieldId::kLockKind, Kind::kLock, "kind", T::kWord, W::kLockKinds, false, false},
    {FieldId::kLockOwner, Kind::kLock, "owner", T::kNumber, W::kNone, false, false},
    {FieldId::kLockValue, Kind::kLock, "value", T::kNumber, W::kNone, false, false},
    {FieldId::kLockLimit, Kind::kLock, "limit", T::kNumber, W::kNone, false, false},
    {FieldId::kLockWaiting, Kind::kLock, "waiting", T::kNumber, W::kNone, false, false},
};

constexpr const char* kKindNames[kKindsCount] = {"event", "coroutine", "channel", "pool", "worker", "lock"};
constexpr const char* kStatusNames[] = {"finished", "failed", "cancelled", "abandoned"};
constexpr const char* kPurposeNames[] = {"ordinary", "signal", "emergency", "local", "wide"};

// What people write, and the word that it stands for.
struct ShortForm {
    WordSet set;
    std::string_view word, meaning;
};
constexpr ShortForm kShortForms[] = {
    {W::kWaits, "send", "channel-send"},  {W::kWaits, "receive", "channel-receive"},
    {W::kEvents, "send", "channel-send"}, {W::kEvents, "receive", "channel-receive"},
    {W::kWorkerStates, "idle", "parked"},
};

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

template <std::size_t N>
std::string_view entry(const char* const (&names)[N], std::uint32_t code) {
    return code < N ? std::string_view(names[code]) : std::string_view();
}

// The names of a set answer "?" for a code that they do not know.
std::string_view known(const char* name) {
    return std::string_view(name) == "?" ? std::string_view() : std::string_view(name);
}

}  // namespace

std::span<const Field> all_fields() {
    return kFields;
}

const Field* find_field(Kind kind, std::string_view name) {
    for (const Field& field : kFields) {
        if (field.kind == kind && field.name == name) return &field;
    }
    return nullptr;
}

const Field& field_of(FieldId id) {
    // FieldId is the table's order, after kNothing.
    return kFields[static_cast<std::size_t>(id) - 1];
}

const char* kind_name(Kind kind) {
    return kKindNames[static_cast<std::size_t>(kind)];
}

bool find_kind(std::string_view name, Kind* kind) {
    for (std::uint8_t k = static_cast<std::uint8_t>(Kind::kCoroutine); k < kKindsCount; ++k) {
        if (name != kKindNames[k]) continue;
        *kind = static_cast<Kind>(k);
        return true;
    }
    return false;
}

const char* type_text(Type type) {
    switch (type) {
        case Type::kNumber:
            return "a number";
        case Type::kTime:
            return "a time";
        case Type::kBytes:
            return "a size in bytes";
        case Type::kText:
            return "a text";
        case Type::kWord:
            return "a word";
        case Type::kFlag:
            return "true or false";
    }
    return "";
}

std::string_view word_of(WordSet set, std::uint32_t code) {
    if (code >= kWordsMax) return {};
    switch (set) {
        case WordSet::kNone:
            return {};
        case WordSet::kEvents:
            if (code <= static_cast<std::uint32_t>(wire::EventType::kMask) &&
                code != static_cast<std::uint32_t>(wire::EventType::kLoss))
                return {};  // bookkeeping
            return known(wire::event_name(static_cast<wire::EventType>(code)));
        case WordSet::kStates:
            return known(inspect::state_name(static_cast<wire::CoroutineState>(code)));
        case WordSet::kWaits:
            return known(inspect::reason_name(static_cast<wire::WaitReason>(code)));
        case WordSet::kClasses:
            return known(inspect::size_class_name(static_cast<wire::SizeClass>(code)));
        case WordSet::kCauses:
            return known(inspect::wake_cause_name(static_cast<wire::WakeCause>(code)));
        case WordSet::kStatuses:
            return entry(kStatusNames, code);
        case WordSet::kWorkerStates:
            return known(inspect::worker_state_name(static_cast<wire::WorkerState>(code)));
        case WordSet::kPurposes:
            return entry(kPurposeNames, code);
        case WordSet::kLockKinds:
            return known(inspect::waitable_kind_name(static_cast<wire::WaitableKind>(code)));
    }
    return {};
}

int find_word(WordSet set, std::string_view word) {
    for (const ShortForm& form : kShortForms) {
        if (form.set == set && form.word == word) word = form.meaning;
    }
    for (std::uint32_t code = 0; code < kWordsMax; ++code) {
        if (!word.empty() && word_of(set, code) == word) return static_cast<int>(code);
    }
    return -1;
}

std::vector<std::string_view> words_of(WordSet set) {
    std::vector<std::string_view> words;
    for (std::uint32_t code = 0; code < kWordsMax; ++code) {
        if (const std::string_view word = word_of(set, code); !word.empty()) words.push_back(word);
    }
    return words;
}

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& names) {
    std::string_view best;
    std::size_t least = std::max<std::size_t>(name.size() / 3, 1) + 1;
    for (const std::string_view candidate : names) {
        // One that begins so is what was meant, however much is missing or too much.
        const bool begins = name.size() >= 3 && candidate.size() >= 3 &&
                            (candidate.starts_with(name) || name.starts_with(candidate));
        const std::size_t far = begins ? 1 : distance(name, candidate);
        if (far >= least) continue;
        least = far;
        best = candidate;
    }
    return best;
}

}  // namespace coroscope::rules
