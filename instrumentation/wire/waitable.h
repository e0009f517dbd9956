// Waitables: mutexes, semaphores and the other objects that coroutines synchronise by, one record each.
//
// A record is what the object is: the runtime locks and unlocks in it, nothing is kept elsewhere. What `owner`, `value` and `limit` say
// depends on the kind:
//
//   kind          owner                value                                    limit
//   mutex         who holds it         -                                        -
//   shared mutex  the writer           readers that hold it                     -
//   condition     -                    -                                        -
//   semaphore     -                    permits that are free                    most permits
//   barrier       -                    parties that have arrived this time      parties
//   latch         -                    count that remains                       count that it began with
//   event         -                    1 = set                                  1 = resets itself when it lets somebody through
//   once          who runs it          WaitableOnce                             -
//   call          -                    1 = closed: nobody answers any more      -
//   nursery       -                    coroutines that live in it               -
//
// `operations` is the change count, as with channels: one more with every change that an event reports; events carry its low 24 bits and the
// owner and value after the change, so that the newest event alone says what is true.
//
// An object has a record from its first use in a runtime until it is destroyed or the runtime ends; the identity is never reused.
//
// Writers: whoever holds the record's lock (private to the runtime). Readers: viewers; `sequence` is odd while a writer is inside
// [waitable.sequence]. Tested in tests/unit/runtime/waitable_records_test.cpp and, rebuilt from events, in tests/unit/traces.
#pragma once

#include <atomic>
#include <cstdint>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/limits.h"

namespace coroscope::wire {

// Values are fixed: files carry them.
enum class WaitableKind : std::uint8_t {
    kFree = 0,  // the record is nobody's
    kMutex = 1,
    kSharedMutex = 2,
    kCondition = 3,
    kSemaphore = 4,
    kBarrier = 5,
    kLatch = 6,
    kEvent = 7,
    kOnce = 8,
    kCall = 9,      // a call channel: who waits for it has called, and has no answer yet
    kNursery = 10,  // who waits for it waits for all that were spawned in it
};
inline constexpr std::uint8_t kWaitableKindsCount = 11;

// Why a coroutine that waits for an object of this kind is parked.
inline constexpr WaitReason reason_of(WaitableKind kind) {
    if (kind == WaitableKind::kCall) return WaitReason::kCall;
    if (kind == WaitableKind::kNursery) return WaitReason::kNursery;
    return static_cast<WaitReason>(static_cast<std::uint8_t>(WaitReason::kMutex) - 1 +
                                   static_cast<std::uint8_t>(kind));
}
static_assert(reason_of(WaitableKind::kMutex) == WaitReason::kMutex);
static_assert(reason_of(WaitableKind::kOnce) == WaitReason::kOnce);
// Whether wait_object is a waitable's index.
inline constexpr bool waits_for_waitable(WaitReason reason) {
    return (reason >= WaitReason::kMutex && reason <= WaitReason::kOnce) || reason == WaitReason::kCall ||
           reason == WaitReason::kNursery;
}

enum WaitableOnce : std::uint32_t { kOnceNew = 0, kOnceRunning = 1, kOnceDone = 2 };

// Owners: 0 = nobody; the identity of a coroutine; or a thread that is no worker, by its kernel id. Identities do not get so large.
inline constexpr std::uint64_t kOwnerThread = 1ULL << 47;
inline constexpr bool owner_is_thread(std::uint64_t owner) {
    return (owner & kOwnerThread) != 0;
}
inline constexpr std::uint32_t owner_thread_id(std::uint64_t owner) {
    return static_cast<std::uint32_t>(owner & (kOwnerThread - 1));
}

struct alignas(64) WaitableRecord {          // 128 bytes
    std::atomic<std::uint32_t> sequence;     // odd: being changed
    std::atomic<std::uint32_t> operations;   // change count, see above
    std::atomic<std::uint64_t> owner;        // see above
    std::atomic<std::uint32_t> value;        // see above
    std::atomic<std::uint32_t> waiting;      // parked coroutines
    std::atomic<std::uint32_t> first, last;  // wait list, oldest first, linked by CoroutineRecord::next; kNone
    std::atomic<std::uint64_t> served;       // calls that got what they asked for
    std::atomic<std::uint64_t> waited;       // calls that had to wait for it
    std::uint8_t lock[4];                    // private
    std::uint32_t next_ticket;               // private: order of arrival of those who wait
    std::atomic<std::uint32_t> threads_waiting;  // threads that are no workers
    std::atomic<WaitableKind> kind;
    std::uint8_t reserved0[3];
    // --- constant while the kind is not kFree
    std::atomic<std::uint64_t> identity;  // never reused; 0 = never used
    std::uint32_t limit;                  // see above
    std::uint32_t name;                   // string; kNone = unnamed
    std::uint32_t site;                   // index into kSites: where the object was made; kNone
    std::uint32_t reserved1;
    std::uint64_t object;                     // private: address of the object
    std::uint64_t first_thread, last_thread;  // private: list of waiting threads
    std::uint64_t reserved2[2];
};
static_assert(sizeof(WaitableRecord) == 128);

}  // namespace coroscope::wire
