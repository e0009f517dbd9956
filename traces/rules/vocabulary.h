// What rules can speak of: kinds of objects, their fields, and the words that fields of a closed set can be compared with.
//
// One table (vocabulary.cpp); the parser looks names up in it, the reference of the language in README follows it, and mistakes name the
// nearest of its entries.
//
// Thread: pure functions over constant tables. Tested in tests/unit/rules/parser_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coroscope::rules {

enum class Kind : std::uint8_t { kEvent, kCoroutine, kChannel, kPool, kWorker, kLock };
inline constexpr std::uint8_t kKindsCount = 6;

enum class Type : std::uint8_t {
    kNumber,
    kTime,  // nanoseconds
    kBytes,
    kText,
    kWord,  // one of words_of(field)
    kFlag,
};

enum class WordSet : std::uint8_t {
    kNone,
    kEvents,
    kStates,
    kWaits,
    kClasses,
    kCauses,
    kStatuses,
    kWorkerStates,
    kPurposes,
    kLockKinds
};
inline constexpr std::size_t kWordsMax = 128;  // of one set

enum class FieldId : std::uint8_t {
    kNothing,
    // an event, and whose it is
    kEventType,
    kEventTime,
    kEventWorker,
    kEventId,
    kEventName,
    kEventSite,
    kEventFunction,
    kEventClass,
    kEventWait,
    kEventCause,
    kEventStatus,
    kEventHighWater,
    kEventBlocked,
    kEventReady,
    kEventRun,
    kEventCount,
    // a coroutine as it is
    kCoroutineId,
    kCoroutineName,
    kCoroutineSite,
    kCoroutineFunction,
    kCoroutineClass,
    kCoroutineState,
    kCoroutineWait,
    kCoroutineWorker,
    kCoroutineSpawner,
    kCoroutineHighWater,
    kCoroutineBlocked,
    kCoroutineReady,
    kCoroutineRun,
    kCoroutineCancelled,
    kChannelId,
    kChannelName,
    kChannelLen,
    kChannelCap,
    kChannelSenders,
    kChannelReceivers,
    kChannelSent,
    kChannelReceived,
    kChannelClosed,
    kPoolClass,
    kPoolPurpose,
    kPoolSlots,
    kPoolUsed,
    kPoolFree,
    kPoolSlotBytes,
    kWorkerIndex,
    kWorkerState,
    kWorkerReady,
    kWorkerSpawned,
    kWorkerSwitches,
    kLockId,
    kLockName,
    kLockKind,
    kLockOwner,
    kLockValue,
    kLockLimit,
    kLockWaiting,
};

struct Field {
    FieldId id;
    Kind kind;
    const char* name;
    Type type;
    WordSet words;
    bool events_only;        // of events: a rule that names it without an object is about events
    bool changes_with_time;  // of objects: also when nothing happens
};

std::span<const Field> all_fields();
const Field* find_field(Kind kind, std::string_view name);  // nullptr: it has none of this name
const Field& field_of(FieldId id);

const char* kind_name(Kind kind);                           // "event" "coroutine" …
bool find_kind(std::string_view name, Kind* kind);          // of objects; not events
const char* type_text(Type type);                           // "a number" "a time" …
std::string_view word_of(WordSet set, std::uint32_t code);  // "" where the set has none
// Its code, also by a short form ("idle", "receive"); -1: no word of this set.
int find_word(WordSet set, std::string_view word);
// All of them, for mistakes.
std::vector<std::string_view> words_of(WordSet set);

// The entry most like `name`, "" when none is; for "did you mean".
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& names);

}  // namespace coroscope::rules
