// A coroutine's control block, as the runtime uses it and as a viewer reads it.
//
// It is cut in two so that a parked Micro coroutine stays below 384 bytes all in:
//   CoroutineRecord (64 bytes, one cache line)  what a switch touches
//   CoroutineDetail (48 bytes)                  what is written at spawn and exit and read by people
// Both have the same index. The index is reused; the 64-bit identity never is (only its low 48 bits travel in events).
//
// `sequence` is the change count and the sequence lock at once:
//   it grows by one with every change of state that an event reports; it is odd exactly while the coroutine runs or its
//   record is being written.
//     free, even -> spawn (+2, even) -> resume (+1, odd) -> suspend (+1, even) -> wake (+2, even) -> resume ...
//     exit: odd -> even (+1), state = kFree once the slot is given back
//   Whoever owns the coroutine writes: the spawner until it is published, then the worker that runs it, and between
//   suspend and resume whoever took it out of a queue or wait list (the lock of that queue orders them).
//     kept by a viewer: ready -> paused (+2, even) -> ready (+2, even)
//
// Reading a parked coroutine from outside [coroutine.sequence]:
//   s1 = sequence (acquire); odd -> "running"; copy record and stack; acquire fence; s2 = sequence (relaxed);
//   s1 == s2 -> "exact", else retry, in the end "torn". Without the check 15,000 of 1.5M copies were broken.
//
// Tested in tests/unit/wire (layout), tests/unit/runtime (transitions), tests/unit/inspect (reading).
#pragma once

#include <cstddef>
#include <cstdint>

#include "instrumentation/wire/coroutine_offsets.h"
#include "instrumentation/wire/limits.h"
#include "instrumentation/wire/shared.h"

namespace coroscope::wire {

enum class CoroutineState : std::uint8_t {
    kFree = 0,     // the record names nobody
    kCreated = 1,  // spawned by hand, not yet started (resumable coroutines); reserved
    kReady = 2,    // in a run queue
    kRunning = 3,  // on a worker
    kParked = 4,   // waits: see reason and wait_object
    kPaused = 5,   // ready, and kept from running by a viewer
    kExited = 6,   // function returned; the slot is being given back
};

// Why a coroutine is parked, and what kind of object wait_object names. Values are fixed: files carry them.
enum class WaitReason : std::uint8_t {
    kNothing = 0,
    kYield = 1,           // still ready; wait_object = kNone
    kSleep = 2,           // until CoroutineDetail::deadline_ticks
    kJoin = 3,            // wait_object = coroutine index
    kChannelSend = 4,     // wait_object = channel index
    kChannelReceive = 5,  // wait_object = channel index
    kSelect = 6,          // wait_object = first select arm (select_arm.h)
    kMutex = 7,           // from here to kOnce: wait_object = waitable index (waitable.h)
    kSharedMutex = 8,
    kCondition = 9,
    kSemaphore = 10,
    kBarrier = 11,
    kLatch = 12,
    kWaitEvent = 13,
    kOnce = 14,
    kDescriptor = 15,    // wait_object = file descriptor
    kSignal = 16,        // wait_object = signal number
    kBlockingCall = 17,  // runs on a side pool
    kSuspended = 18,     // suspended itself; waits to be resumed by hand
    kNursery = 19,  // wait_object = waitable index
    kCall = 20,     // waits for an answer; wait_object = waitable index
    kPause = 21,  // ready; a viewer's pause took it off its worker. wait_object = kNone
    kForeign = 22,  // a foreign runtime's own reason
    kSlot = 23,     // a spawn waits for a slot; wait_object = size class
};
inline constexpr std::uint8_t kWaitReasonsCount = 24;

enum CoroutineFlag : std::uint8_t {
    kCoroutineCancelRequested = 1U << 0,
    kCoroutineTimedWait = 1U << 1,   // a deadline may wake it as well (deadline_ticks)
    kCoroutineSpecial = 1U << 2,     // not of normal priority, bound to one worker (see its detail), or in a policy's order
    kCoroutineSegments = 1U << 3,    // it has stack segments (stack_segment.h)
    kCoroutineGrown = 1U << 4,       // its stack grew in place
    kCoroutineNeverRan = 1U << 5,    // rip is the trampoline
    kCoroutineAbandoned = 1U << 6,   // memory taken back without unwinding
    kCoroutineHandleHeld = 1U << 7,  // somebody holds its join handle
};

// Who runs first. Of several that are ready on a worker the smaller number runs; who waits long is aged (runtime/scheduler).
enum class Priority : std::uint8_t { kSignal = 0, kHigh = 1, kNormal = 2, kLow = 3 };
inline constexpr std::uint8_t kPrioritiesCount = 4;
inline constexpr std::uint16_t kAnyWorker = 0;

// How a coroutine ended (EXIT events; join).
enum class ExitStatus : std::uint8_t { kFinished = 0, kFailed = 1, kCancelled = 2, kAbandoned = 3 };

// Who writes: see above, but for the flags. Shared fields are read by those who have no right to the coroutine yet: cancellers, timers and
// resumers, who look here whether it waits, and for what (runtime/scheduler/parking.h).
//   state            stored as kParked with release, so that who acquires it reads the reason and what it waits for [park.cancel]; its other
//                    values publish nothing
//   reason,
//   wait_object      relaxed: a hint where to look; believed under the lock of what they name
//   flags            writers: whoever asks it to end, and whoever owns it, by locked instructions; [park.cancel] orders the request against
//                    state, by a pair of fences
//   previous         of who stands in no list it is its own index, stored with release: a canceller that finds it acquires that the
//                    coroutine was taken out [channel.unlinked]
// Relaxed stores of the others are ordered by the lock of the list it stands in, or by the queue that hands it on.
struct alignas(64) CoroutineRecord {
    shared<std::uint32_t> sequence;  // see above
    shared<CoroutineState> state;
    shared<WaitReason> reason;
    std::uint8_t pool;           // index into kPools; constant from spawn to exit
    shared<std::uint8_t> flags;  // CoroutineFlag
    shown<std::uint64_t> rsp;    // while parked: address of the SavedFrame
    shown<std::uint64_t> rip;    // while parked: where it continues = return address in user code
    shown<std::uint32_t> next;   // links of the one queue or wait list it stands in; kNone
    shared<std::uint32_t> previous;
    shared<std::uint32_t> wait_object;  // by reason; kNone
    std::uint32_t slot;                 // in its pool; constant from spawn to exit
    std::uint64_t caught_exceptions;  // __cxa_eh_globals of this coroutine: head of the chain (private address)
    std::uint32_t uncaught_exceptions;
    shown<std::uint32_t> first_joiner;  // list of coroutines that wait for this one to end; kNone
    std::uint64_t transfer;             // private: address or small value handed over by whoever wakes it
};
static_assert(kModelled || sizeof(CoroutineRecord) == 64);
static_assert(kModelled || offsetof(CoroutineRecord, sequence) == COROSCOPE_COROUTINE_SEQUENCE);
static_assert(kModelled || offsetof(CoroutineRecord, rsp) == COROSCOPE_COROUTINE_RSP);
static_assert(kModelled || offsetof(CoroutineRecord, rip) == COROSCOPE_COROUTINE_RIP);
static_assert(kModelled || offsetof(CoroutineRecord, state) == COROSCOPE_COROUTINE_STATE);
static_assert(kModelled || offsetof(CoroutineRecord, reason) == COROSCOPE_COROUTINE_STATE + 1);
static_assert(kModelled || offsetof(CoroutineRecord, pool) == COROSCOPE_COROUTINE_POOL);
static_assert(kModelled || offsetof(CoroutineRecord, flags) == COROSCOPE_COROUTINE_FLAGS);
static_assert(kModelled || offsetof(CoroutineRecord, caught_exceptions) == COROSCOPE_COROUTINE_CAUGHT);
static_assert(kModelled || offsetof(CoroutineRecord, uncaught_exceptions) == COROSCOPE_COROUTINE_UNCAUGHT);
static_assert(COROSCOPE_COROUTINE_STATE_YIELDED ==
              (static_cast<int>(CoroutineState::kReady) | static_cast<int>(WaitReason::kYield) << 8));
static_assert(COROSCOPE_COROUTINE_STATE_RUNNING == static_cast<int>(CoroutineState::kRunning));
static_assert(COROSCOPE_COROUTINE_FLAGS_UNUSUAL ==
              (kCoroutineCancelRequested | kCoroutineSpecial | kCoroutineSegments));
static_assert(COROSCOPE_COROUTINE_FLAG_NEVER_RAN == kCoroutineNeverRan);

// `identity` is stored before the state that publishes the record (release), and read after it (acquire): a canceller that finds another one has come
// too late. The rest is written by whoever owns the coroutine, relaxed: for people, and for its own worker.
struct CoroutineDetail {
    shared<std::uint64_t> identity;          // 0 = never used; written before the record is published
    shared<std::uint64_t> spawner;           // identity; 0 = spawned by a thread that is no worker
    shared<std::uint32_t> site;              // index into kSites
    shared<std::uint32_t> name;              // string; kNone = the site's name
    shared<std::uint32_t> high_water_bytes;  // deepest use of the stack seen by a scan; 0 = not measured
    shared<Priority> priority;
    shared<std::uint8_t> worker;           // that ran it last (low 8 bits of its index)
    shared<std::uint16_t> only_worker;     // index + 1 of the one worker it may run on; kAnyWorker
    shared<std::uint64_t> deadline_ticks;  // sleep or timed wait: TSC; 0 = none
    std::uint64_t private_word;            // the runtime's own
};
static_assert(kModelled || sizeof(CoroutineDetail) == 48);

// What lies at `rsp` while a coroutine is parked (layout 2). The limit of the stack it is on (stack_segment.h), the registers a call
// must preserve, then the address at which its caller goes on. The caller's rsp is the address after this frame.
struct SavedFrame {
    std::uint64_t stack_limit;  // 0: this stack never grows by segment
    std::uint64_t r15, r14, r13, r12, rbx, rbp;
    std::uint64_t return_address;  // equals CoroutineRecord::rip
};
static_assert(sizeof(SavedFrame) == 64);
static_assert(offsetof(SavedFrame, return_address) == COROSCOPE_SAVED_FRAME_RETURN);

inline constexpr std::uint64_t kIdentityMask = (1ULL << 48) - 1;  // identities stay below 2^48

}  // namespace coroscope::wire
