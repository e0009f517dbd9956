// Events: what happened, as 16-byte slots in a ring.
//
//   word0 = stamp:48 | type:8 | lap:8        stamp = low 48 bits of the TSC (SYNC carries all 64)
//   word1 = argument:32 | object:32          object in the low half
//
// A wider event is followed by EXT slots:  word0 = extra48:48 | kExt:8 | lap:8,  word1 = extra64.
// `lap` = low 8 bits of (position / ring slots): a slot of another lap is never taken for this one. The coroutine that
// an event is about is the one that the ring's last RESUME named, unless `object` says so. A group never crosses a 64 KiB block:
// the writer fills with PAD. Every block opens with SYNC, so an overwritten ring decodes from any block.
//
// seq24 is the low 24 bits of CoroutineRecord::sequence *after* the change (coroutine.h); ops24 those of
// ChannelRecord::operations. A reader that rebuilds skips what its keyframe already contains.
//
// Type numbers are part of every file ever written: never reuse one. Reserved numbers are for what later work records.
//
// Tested in tests/unit/wire (codec round trips), tests/fuzz (decoder).
#pragma once

#include <cstdint>

#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

enum class EventType : std::uint8_t {
    kPad = 0,  // nothing; fills a block
    kExt = 1,  // continuation of the event before it
    kSync = 2,  // object = running coroutine or kNone, argument = mask;  ext: 48 = dropped so far, 64 = full TSC
    kLoss = 3,  // object = events dropped (saturated), argument = 0;     ext: 48 = 0, 64 = full TSC of the first dropped
    kMask = 4,  // object = new mask, argument = old mask

    // coroutines
    kSpawn = 8,   // object = coroutine, argument = site;
                  //   ext 1: 48 = identity, 64 = slot:32 | pool:8 | flags:8 | priority:8 | 0:8 (from bit 0)
                  //   ext 2: 48 = spawner's identity (0 outside), 64 = name string:32 | sequence:32
    kResume = 9,  // object = coroutine, argument = seq24 | identity's low 8 bits << 24
    kSuspend = 10,  // object = wait object, argument = seq24 | reason << 24;  ext: 48 = caller's address, 64 = deadline or 0
    kWake = 11,  // object = coroutine woken, argument = seq24 | WakeCause << 24; by whom: the ring's current coroutine
    kExit = 12,  // object = coroutine, argument = seq24 | ExitStatus << 24;  ext: 48 = identity, 64 = high-water bytes
    kCancel = 13,   // object = coroutine that is asked to end, argument = identity's low 32 bits
    kMigrate = 14,  // object = coroutine, argument = from class | to class << 8 | MigrationForm << 16;
                    //   ext: 48 = address that wanted the room, 64 = bytes:32 | ticks:32
    kPause = 15,    // object = coroutine that a viewer keeps from running, argument = seq24; or kNone, worker: that worker is held
    kUnpause = 16,  // the same when it is let go
    kStep = 17,     // object = worker: a held worker is let go for one scheduling decision

    // channels
    kChannelCreate = 20,  // object = channel, argument = capacity;
    //   ext 1: 48 = identity, 64 = name string:32 | operations:32;  ext 2: 48 = creator, 64 = totals:32
    kChannelSend = 21,  // object = channel, argument = ops24 | ChannelOpFlag << 24;  with kOtherParty ext: 48 = its identity
    kChannelReceive = 22,  // the same
    kChannelBlock = 23,  // object = channel, argument = ops24 | 0 (sends) or 1 (receives) << 24; precedes its SUSPEND
    kChannelClose = 24,    // object = channel, argument = ops24
    kChannelDestroy = 25,  // object = channel, argument = ops24;  ext: 48 = identity, 64 = 0
    kSelectBegin = 26,     // reserved
    kSelectArm = 27,  // object = channel, argument = ops24 | (receives | position << 1) << 24; precedes the SUSPEND of a waiting select
    kSelectFire = 28,  // object = coroutine or kNone, argument = position | arms << 8 | waited << 16
    kBroadcast = 29,
    kCall = 30,
    kReply = 31,  // reserved

    // pools
    kPoolAllocate = 36,  // object = slot, argument = pool
    kPoolFree = 37,      // object = slot, argument = pool
    kPoolGrow = 38,      // object = slab, argument = pool: a slab was mapped
    kPoolTrim = 39,      // object = pages, argument = pool: free slots gave them back to the kernel

    // signals (signal.h) and timers
    kSignalDropped = 40,  // object = signal, argument = SignalFate;  ext: 48 = how many, 64 = arrival TSC of the last
    kSignalHandled = 41,  // object = signal, argument = ExitStatus of the handler;  ext: 48 = ticks from arrival to its first instruction, 64 = to
                          // its end
    // What faults and signals of the program do in the ring's current coroutine
    kFault = 42,   // object = signal, argument = FaultOutcome | si_code << 8;  ext: 48 = address that it is about, 64 = that of the instruction
    kRaise = 43,   // object = signal, argument = scopes it passes to who recovers, kNone = nobody does;  ext: 48 = caller's address, 64 = site
    kRecover = 45,  // object = signal, argument = 1 when another one was raised in its place;  ext: 48 = 0, 64 = ticks since the RAISE
    // object = signal (signal.h), argument = coroutine made for it, kNone = handled on the spot;  ext: 48 = sender's pid, or the identity of
    // who raised it, 64 = arrival TSC
    kSignal = 44,
    kTimerSet = 46,   // object = coroutine, argument = 0;  ext: 48 = 0, 64 = deadline TSC
    kTimerFire = 47,  // object = coroutine, argument = 0;  ext: 48 = 0, 64 = deadline TSC
    kDeadline = 48,   // reserved

    // workers
    kWorkerPark = 52,    // object = worker
    kWorkerUnpark = 53,  // object = worker
    kSteal = 54,         // object = worker they were taken from, argument = coroutines
    kInject = 55,  // object = coroutines taken from the shared queues, argument = how many are left there
    kBlockingBegin = 56,  // object = coroutine, argument = thread of the side pool, which emits it;  ext: 48 = identity, 64 = ticks it waited
    kBlockingEnd = 57,  // object = coroutine, argument = thread | 1 << 31 when the call threw; precedes its WAKE

    // locks and other waitables; ops24 are the low bits of WaitableRecord::operations after the change. The first three say what the
    // record holds after it: owner (waitable.h) and value
    kLockAcquire = 64,  // object = waitable, argument = ops24;  ext: 48 = owner, 64 = value: somebody got it, or got past it
    kLockRelease = 65,  // the same: somebody gave it back
    kNotify = 66,       // the same: a signal to those who wait; set, reset, arrived, counted down, notified
    kWaitableCreate = 67,  // object = waitable, argument = WaitableKind;
    //   ext 1: 48 = identity, 64 = name string:32 | operations:32;  ext 2: 48 = site, 64 = value:32 | limit:32
    kWaitableDestroy = 68,  // object = waitable, argument = ops24;  ext: 48 = identity, 64 = 0
    kDescriptorReady = 69,  // reserved

    // what a program says itself; of the ring's current coroutine, or of its thread when there is none
    kZoneBegin = 80,  // object = name string
    kZoneEnd = 81,    // object = name string
    kMessage = 82,  // object = kTextGoesOn or 0, argument = bytes in this piece (0..28);  exts: 6, 8, 6 and 8 bytes of UTF-8. A text of several
                    // pieces is that many events of one ring, with one stamp; all but the last say kTextGoesOn
    kCounter = 83,  // object = name string, argument = 1 when the value is a double, 0 when it is signed;  ext: 48 = 0, 64 = value
    kNote = 84,     // as kMessage: what the coroutine is about from now on; empty = nothing

    // coroutines of other runtimes
    kForeignCreate = 96,
    kForeignResume = 97,
    kForeignSuspend = 98,
    kForeignDestroy = 99,  // reserved
};

enum class WakeCause : std::uint8_t {
    kCoroutine = 0,  // the ring's current coroutine
    kTimer = 1,
    kSignal = 2,
    kOutside = 3,  // a thread that is no worker
    kCancel = 4,
    kClose = 5,
    kExit = 6,  // a join whose target ended
    kResume = 7,
};
inline constexpr std::uint8_t kWakeCausesCount = 8;

inline constexpr std::uint32_t kTextGoesOn = 1;       // in a text's object
inline constexpr std::uint32_t kTextPieceBytes = 28;  // of a text in one event

inline constexpr std::uint32_t kBlockingThrew = 1U << 31;  // in BLOCKING_END's argument

enum class MigrationForm : std::uint8_t { kInPlace = 0, kSegment = 1, kWish = 2, kSiteRaised = 3 };

enum ChannelOpFlag : std::uint8_t {
    kOtherParty = 1U << 0,  // done on behalf of a parked coroutine: the ext slot names it
    kHandOver = 1U << 1,    // straight from sender to receiver, not through the buffer
};

// What can be listened to, one bit a category. Also carries two switches that cost more than an event.
enum Category : std::uint32_t {
    kCategoryCoroutine = 1U << 0,
    kCategoryChannel = 1U << 1,
    kCategoryPool = 1U << 2,
    kCategorySignal = 1U << 3,
    kCategoryTimer = 1U << 4,
    kCategoryWorker = 1U << 5,
    kCategoryLock = 1U << 6,
    kCategoryIo = 1U << 7,
    kCategoryUser = 1U << 8,
    kCategoryForeign = 1U << 9,
    kProfileStacks = 1U << 16,    // paint stacks at spawn, scan them at exit
    kProfileSwitches = 1U << 17,  // stamp both sides of every Nth switch
};
inline constexpr std::uint32_t kEventCategories = 0x3ff;
inline constexpr std::uint32_t kEverything = kEventCategories | kProfileStacks | kProfileSwitches;

struct EventSlot {
    std::uint64_t word0;
    std::uint64_t word1;
};
static_assert(sizeof(EventSlot) == kEventSlotBytes);

inline constexpr std::uint64_t kStampMask = (1ULL << 48) - 1;

inline constexpr EventSlot make_slot(std::uint64_t stamp48, EventType type, std::uint8_t lap,
                                     std::uint64_t word1) {
    return {((stamp48 & kStampMask) << 16) | (static_cast<std::uint64_t>(type) << 8) | lap, word1};
}
inline constexpr std::uint64_t make_word1(std::uint32_t object, std::uint32_t argument) {
    return static_cast<std::uint64_t>(object) | (static_cast<std::uint64_t>(argument) << 32);
}
inline constexpr std::uint32_t pack24(std::uint32_t low24, std::uint8_t high8) {
    return (low24 & 0xffffffU) | (static_cast<std::uint32_t>(high8) << 24);
}
inline constexpr std::uint64_t slot_stamp(EventSlot slot) {
    return slot.word0 >> 16;
}
inline constexpr EventType slot_type(EventSlot slot) {
    return static_cast<EventType>((slot.word0 >> 8) & 0xff);
}
inline constexpr std::uint8_t slot_lap(EventSlot slot) {
    return static_cast<std::uint8_t>(slot.word0 & 0xff);
}
inline constexpr std::uint32_t slot_object(EventSlot slot) {
    return static_cast<std::uint32_t>(slot.word1);
}
inline constexpr std::uint32_t slot_argument(EventSlot slot) {
    return static_cast<std::uint32_t>(slot.word1 >> 32);
}
inline constexpr std::uint32_t low24(std::uint32_t argument) {
    return argument & 0xffffffU;
}
inline constexpr std::uint8_t high8(std::uint32_t argument) {
    return static_cast<std::uint8_t>(argument >> 24);
}

// Signed distance of two 24-bit change counts: > 0 when `a` is newer than `b`.
inline constexpr std::int32_t distance24(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>((a - b) << 8) >> 8;
}

// Slots an event of this type takes, itself included, when `argument` is its argument; 0 = unknown type.
std::uint32_t slots_of(EventType type, std::uint32_t argument);
// Short name as used in `stat`, in --json and in rules ("channel-send"); "?" for an unknown type.
const char* event_name(EventType type);

}  // namespace coroscope::wire
