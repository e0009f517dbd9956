// A rule as a target evaluates it: what a Rules message carries (handshake.h), and what comes back when the rule holds.
//
// The viewer compiles a rule (traces/rules/break_program.h) into postfix instructions of one size over what a target knows when it emits an event:
// the event, the coroutine that it is of, lengths of time, and records of the state plane. Names are no business of the target: a
// condition on a name is a set of sites and strings that the viewer has found to match. Of a name that came later than the set the target says so
// (RuleHit::doubt), and the viewer decides.
//
//   Rules | RuleInstruction[instructions] | RuleReference[references] | RuleNames[names] | uint32[words]
//
// Each term leaves false, true or unknown on a stack; kNot, kAnd and kOr take from it as traces/rules/rule.h defines them. There are no jumps:
// a program ends after as many steps as it has instructions.
//
// Nothing of a message is believed before parse_rules() has looked at all of it: counts, lengths, operations, fields, references, order, depth of
// the stack. Thread: pure functions. Tested in tests/unit/wire/rule_program_test.cpp and tests/unit/rules/break_program_test.cpp; fuzzed by
// tests/fuzz/rule_program_fuzz.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "instrumentation/wire/event.h"

namespace coroscope::wire {

inline constexpr std::uint32_t kRuleInstructionsMax = 192;
inline constexpr std::uint32_t kRuleTermsMax = 64;
inline constexpr std::uint32_t kRuleStackMax = 40;
inline constexpr std::uint32_t kRuleReferencesMax = 16;
inline constexpr std::uint32_t kRuleNamesMax = 16;
inline constexpr std::uint32_t kRuleWordsMax = 5000;  // of all sets together
inline constexpr std::uint64_t kNotMeasured = ~std::uint64_t{0};

enum class RuleOp : std::uint8_t {
    kNot = 1,
    kAnd = 2,
    kOr = 3,
    kWord = 4,     // left's code is one of `codes`
    kCompare = 5,  // left against right, or against the constant
    kName = 6,     // left's name is one of a set
};
enum class RuleCompare : std::uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
inline constexpr std::uint8_t kRuleComparesCount = 6;

enum class RuleKind : std::uint8_t { kEvent, kCoroutine, kChannel, kPool, kWorker, kLock };
inline constexpr std::uint8_t kRuleKindsCount = 6;

// Lengths of time are nanoseconds. Values are fixed within a version of the wire.
enum class RuleField : std::uint8_t {
    kNothing = 0,  // right of a comparison: the constant
    kEventType,
    kEventTime,
    kEventWorker,
    kEventId,
    kEventName,
    kEventSite,
    kEventClass,
    kEventWait,
    kEventCause,
    kEventStatus,
    kEventHighWater,
    kEventBlocked,
    kEventReady,
    kEventRun,
    kEventCount,
    kCoroutineId,
    kCoroutineName,
    kCoroutineSite,
    kCoroutineClass,
    kCoroutineState,
    kCoroutineWait,
    kCoroutineWorker,
    kCoroutineSpawner,
    kCoroutineHighWater,
    kCoroutineCancelled,
    kChannelId,
    kChannelName,
    kChannelLength,
    kChannelCapacity,
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
inline constexpr std::uint8_t kRuleFieldsCount = 53;

enum class RuleForm : std::uint8_t { kNumber, kWord, kName };
RuleKind rule_kind(RuleField field);
RuleForm rule_form(RuleField field);

inline constexpr std::uint8_t kRuleSubject = 0xff;  // the event's own object of the field's kind

struct RuleInstruction {  // 32 bytes
    RuleOp op;
    RuleCompare compare;
    RuleField left, right;
    std::uint8_t left_object, right_object;  // kRuleSubject, or a reference
    std::uint8_t names;                      // kName: which set
    std::uint8_t term;                       // its bit in RuleHit; each term its own
    double constant;
    std::uint64_t codes[2];
};
static_assert(sizeof(RuleInstruction) == 32);

// An object that the rule names. The record counts only while it has this identity; pools and workers have none.
struct RuleReference {
    RuleKind kind;
    std::uint8_t reserved[3];
    std::uint32_t index;
    std::uint64_t identity;
};
static_assert(sizeof(RuleReference) == 16);

// Names that match: sites as bits, strings in ascending order. What lies at or above `..._known` was not there yet, or found no room.
struct RuleNames {
    std::uint32_t sites_first, sites_known;      // word of the first bit, and how many sites it knows
    std::uint32_t strings_first, strings_count;  // words
    std::uint32_t strings_known;
    std::uint32_t unnamed;  // whether an object without a name matches
};
static_assert(sizeof(RuleNames) == 24);

enum class RuleAction : std::uint32_t {
    kPause = 0,  // holds everything from there on, once; RuleFlag::kRuleGoesOn makes it ready for the next time
    kTell = 1,  // each hit is told, and nothing else happens
};
enum RuleFlag : std::uint32_t {
    kRuleOfState = 1U << 0,  // a hit is a change from false to true
    kRuleGoesOn = 1U << 1,  // the rule this viewer has armed, with other sets: hits are counted on, lengths of time stay known
};

struct Rules {  // all counts 0: takes this viewer's rule away
    std::uint32_t instructions, references, names, words;
    RuleAction action;
    std::uint32_t flags;     // RuleFlag
    std::uint64_t count;     // acts at this hit, 1 = the first
    std::uint64_t types[2];  // bit n: events of type n are looked at
};
static_assert(sizeof(Rules) == 48);

struct RuleProgram {
    Rules head{};
    std::vector<RuleInstruction> instructions;
    std::vector<RuleReference> references;
    std::vector<RuleNames> names;
    std::vector<std::uint32_t> words;

    // The message that carries it.
    std::vector<std::byte> bytes() const;
    bool looks_at(EventType type) const {
        const auto number = static_cast<std::uint32_t>(type);
        return number < kEventTypesMax && (head.types[number / 64] >> (number % 64) & 1) != 0;
    }
    bool asks_for(RuleField field) const;
    // Whether it asks for lengths of time, and whether those of a SUSPEND's outcome are among them.
    bool needs_stamps() const;
    bool needs_outcome() const { return asks_for(RuleField::kEventBlocked) && looks_at(EventType::kSuspend); }
    // Categories without which it would not see what it looks at.
    std::uint32_t categories() const;
};

// Nothing when it is not such a message, for whatever reason. A message that takes a rule away has no instructions.
std::optional<RuleProgram> parse_rules(std::span<const std::byte> body);

// The category that an event of this type belongs to; 0: bookkeeping, or no such type.
std::uint32_t category_of(EventType type);

enum RuleHitFlag : std::uint32_t {
    kHitPauses = 1U << 0,  // everything is held because of it
    kHitLate = 1U << 1,    // a SUSPEND, told when its wait was over
};

// A time at which the rule held, or would hold if the names in doubt match.
struct RuleHit {
    std::uint32_t rule;    // Reply::detail of the message that armed it
    std::uint32_t flags;   // RuleHitFlag
    std::uint64_t number;  // of hits since it was armed; those in doubt are counted
    std::uint64_t ticks;
    std::uint64_t known, truth,
        doubt;  // a bit a term; a term in doubt is one whose name the sets did not know
    EventType type;
    std::uint8_t reserved[3];
    std::uint32_t object, argument;  // as in the event
    std::uint32_t worker;            // kNone: a thread that is none
    std::uint32_t coroutine;         // whose event it is: index
    std::uint32_t site, name;        // of the coroutine
    std::uint32_t reserved1;
    std::uint64_t identity;                               // of the coroutine; 0 = nobody
    std::uint64_t blocked_ticks, ready_ticks, run_ticks;  // or kNotMeasured
};
static_assert(sizeof(RuleHit) == 112);

// Notice::count of them follow a Notice of kind kRuleHits, and before them:
struct RuleHitsHead {
    std::uint64_t lost;  // hits so far for which there was no room
};
inline constexpr std::uint32_t kRuleHitsPerNotice = 256;

}  // namespace coroscope::wire
