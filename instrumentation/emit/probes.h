// Probes: one typed function an event, called by the runtime where the thing happens.
//
// Dormant, a probe is one load and one predictable branch (0.3 ns); everything else is out of line. With
// CPRIME_PROBES=0 (build option) probes compile to nothing at all. What each argument becomes on the wire:
// wire/event.h.
//
// `writer`: the calling thread's own ring (RingSegment::register_thread for workers and other threads of the
// runtime, thread_writer() for outside threads, asked for only when listening). `stamp`: ticks shared by all
// that happens in one switch, from stamp() or stamp_ordered(); 0 = "take one now", so that a listener who
// arrives between stamp and probe does no harm. `sequence` and `operations` are the values *after* the
// change.
//
// Thread: any, never from a signal handler. Blocks: not (kBlock mode excepted). Tested in
// tests/unit/emit/probes_test.cpp.
#pragma once

#include <cstdint>

#include "instrumentation/base/tsc.h"
#include "instrumentation/emit/ring_writer.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/event.h"
#include "instrumentation/wire/waitable.h"

#ifndef CPRIME_PROBES
#define CPRIME_PROBES 1
#endif

namespace coroscope::emit {

inline constexpr bool kProbesCompiled = CPRIME_PROBES != 0;

// Whether any of these categories is listened to.
inline bool listening(std::uint32_t categories) {
    if constexpr (!kProbesCompiled) {
        return false;
    } else {
        return __builtin_expect((g_listen.mask.load(std::memory_order_relaxed) & categories) != 0, 0);
    }
}

// A stamp for the events of this moment; 0 while nobody listens to any event.
inline std::uint64_t stamp() {
    return listening(wire::kEventCategories) ? base::read_tsc() : 0;
}
// The same for whoever acquires (receives, resumes what another worker woke): never before its cause.
inline std::uint64_t stamp_ordered() {
    return listening(wire::kEventCategories) ? base::read_tsc_ordered() : 0;
}

namespace probe {

using wire::EventType;
using wire::make_word1;
using wire::pack24;

// --- coroutines

struct Spawned {
    std::uint32_t coroutine, site;
    std::uint64_t identity;
    std::uint32_t slot;
    std::uint8_t pool, flags, priority;
    std::uint64_t spawner;  // identity; 0 outside
    std::uint32_t name;     // string
    std::uint32_t sequence;
};
inline void spawn(RingWriter* writer, std::uint64_t stamp, const Spawned& s) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, stamp, EventType::kSpawn, make_word1(s.coroutine, s.site), s.identity,
                std::uint64_t{s.slot} | std::uint64_t{s.pool} << 32 | std::uint64_t{s.flags} << 40 |
                    std::uint64_t{s.priority} << 48,
                s.spawner, make_word1(s.name, s.sequence));
}
inline std::uint64_t resume_word(std::uint32_t coroutine, std::uint32_t sequence, std::uint64_t identity) {
    return make_word1(coroutine, pack24(sequence, static_cast<std::uint8_t>(identity)));
}
inline std::uint64_t suspend_word(std::uint32_t sequence, wire::WaitReason reason, std::uint32_t wait_object) {
    return make_word1(wait_object, pack24(sequence, static_cast<std::uint8_t>(reason)));
}
inline void resume(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine, std::uint32_t sequence,
                   std::uint64_t identity) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, stamp, EventType::kResume, resume_word(coroutine, sequence, identity));
}
// `caller_address`: where it continues, in user code. `deadline_ticks`: 0 = none.
inline void suspend(RingWriter* writer, std::uint64_t stamp, std::uint32_t sequence, wire::WaitReason reason,
                    std::uint32_t wait_object, std::uint64_t caller_address, std::uint64_t deadline_ticks) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, stamp, EventType::kSuspend, suspend_word(sequence, reason, wait_object), caller_address,
                deadline_ticks);
}
inline void wake(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine, std::uint32_t sequence,
                 wire::WakeCause cause) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, stamp, EventType::kWake,
                make_word1(coroutine, pack24(sequence, static_cast<std::uint8_t>(cause))));
}
inline void exit(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine, std::uint32_t sequence,
                 wire::ExitStatus status, std::uint64_t identity, std::uint64_t high_water_bytes) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, stamp, EventType::kExit,
                make_word1(coroutine, pack24(sequence, static_cast<std::uint8_t>(status))), identity,
                high_water_bytes);
}
inline void cancel(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine, std::uint64_t identity) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, stamp, EventType::kCancel,
                make_word1(coroutine, static_cast<std::uint32_t>(identity)));
}
// A viewer keeps a coroutine from running, or lets it go.
inline void pause(RingWriter* writer, std::uint32_t coroutine, std::uint32_t sequence) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, 0, EventType::kPause, make_word1(coroutine, pack24(sequence, 0)));
}
inline void unpause(RingWriter* writer, std::uint32_t coroutine, std::uint32_t sequence) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, 0, EventType::kUnpause, make_word1(coroutine, pack24(sequence, 0)));
}
inline void migrate(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine, std::uint8_t from_class,
                    std::uint8_t to_class, wire::MigrationForm form, std::uint64_t address,
                    std::uint32_t bytes, std::uint32_t ticks) {
    if (!listening(wire::kCategoryCoroutine)) return;
    const std::uint32_t argument = from_class | std::uint32_t{to_class} << 8 |
                                   static_cast<std::uint32_t>(form) << 16;
    write_event(writer, stamp, EventType::kMigrate, make_word1(coroutine, argument), address,
                make_word1(bytes, ticks));
}

// --- channels

inline void channel_create(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                           std::uint32_t capacity, std::uint64_t identity, std::uint32_t name,
                           std::uint32_t operations, std::uint64_t creator, std::uint32_t totals) {
    if (!listening(wire::kCategoryChannel)) return;
    write_event(writer, stamp, EventType::kChannelCreate, make_word1(channel, capacity), identity,
                make_word1(name, operations), creator, totals);
}
// `other_party`: identity of the parked coroutine on whose behalf it is done; 0 = the ring's current
// coroutine's own doing. `other_index`: its index.
inline void channel_moved(RingWriter* writer, std::uint64_t stamp, EventType type, std::uint32_t channel,
                          std::uint32_t operations, bool hand_over, std::uint64_t other_party,
                          std::uint32_t other_index) {
    const auto flags = static_cast<std::uint8_t>((hand_over ? wire::kHandOver : 0) |
                                                 (other_party != 0 ? wire::kOtherParty : 0));
    const std::uint64_t word1 = make_word1(channel, pack24(operations, flags));
    if (other_party == 0) {
        write_event(writer, stamp, type, word1);
    } else {
        if (writer != nullptr) writer->name_other_party(other_index);
        write_event(writer, stamp, type, word1, other_party, 0);
    }
}
inline void channel_send(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                         std::uint32_t operations, bool hand_over = false, std::uint64_t other_party = 0,
                         std::uint32_t other_index = wire::kNone) {
    if (!listening(wire::kCategoryChannel)) return;
    channel_moved(writer, stamp, EventType::kChannelSend, channel, operations, hand_over, other_party, other_index);
}
inline void channel_receive(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                            std::uint32_t operations, bool hand_over = false, std::uint64_t other_party = 0,
                            std::uint32_t other_index = wire::kNone) {
    if (!listening(wire::kCategoryChannel)) return;
    channel_moved(writer, stamp, EventType::kChannelReceive, channel, operations, hand_over, other_party,
                  other_index);
}
inline void channel_block(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                          std::uint32_t operations, bool receives) {
    if (!listening(wire::kCategoryChannel)) return;
    write_event(writer, stamp, EventType::kChannelBlock,
                make_word1(channel, pack24(operations, receives ? 1 : 0)));
}
inline void channel_close(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                          std::uint32_t operations) {
    if (!listening(wire::kCategoryChannel)) return;
    write_event(writer, stamp, EventType::kChannelClose, make_word1(channel, pack24(operations, 0)));
}
inline void channel_destroy(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                            std::uint32_t operations, std::uint64_t identity) {
    if (!listening(wire::kCategoryChannel)) return;
    write_event(writer, stamp, EventType::kChannelDestroy, make_word1(channel, pack24(operations, 0)),
                identity, 0);
}

// One arm of a select that is about to wait. `operations`: of its channel.
inline void select_arm(RingWriter* writer, std::uint64_t stamp, std::uint32_t channel,
                       std::uint32_t operations, std::uint8_t position, bool receives) {
    if (!listening(wire::kCategoryChannel)) return;
    const auto flags = static_cast<std::uint8_t>((receives ? 1 : 0) | position << 1);
    write_event(writer, stamp, EventType::kSelectArm, make_word1(channel, pack24(operations, flags)));
}
// Arm `position` of a select has happened; `waited`: it had parked. `coroutine`: whose select it is.
inline void select_fire(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine,
                        std::uint32_t position, std::uint32_t arms, bool waited) {
    if (!listening(wire::kCategoryChannel)) return;
    write_event(writer, stamp, EventType::kSelectFire,
                make_word1(coroutine, position | arms << 8 | (waited ? 1U << 16 : 0)));
}

// --- locks and other waitables

struct WaitableMade {
    std::uint32_t waitable;
    wire::WaitableKind kind;
    std::uint64_t identity;
    std::uint32_t name;  // string
    std::uint32_t operations, site, value, limit;
};
inline void waitable_create(RingWriter* writer, std::uint64_t stamp, const WaitableMade& made) {
    if (!listening(wire::kCategoryLock)) return;
    write_event(writer, stamp, EventType::kWaitableCreate,
                make_word1(made.waitable, static_cast<std::uint32_t>(made.kind)), made.identity,
                make_word1(made.name, made.operations), made.site, make_word1(made.value, made.limit));
}
// `type`: kLockAcquire, kLockRelease or kNotify. `owner` and `value` as they are after the change.
inline void waitable_changed(RingWriter* writer, std::uint64_t stamp, EventType type, std::uint32_t waitable,
                             std::uint32_t operations, std::uint64_t owner, std::uint32_t value) {
    if (!listening(wire::kCategoryLock)) return;
    write_event(writer, stamp, type, make_word1(waitable, pack24(operations, 0)), owner, value);
}
inline void waitable_destroy(RingWriter* writer, std::uint64_t stamp, std::uint32_t waitable,
                             std::uint32_t operations, std::uint64_t identity) {
    if (!listening(wire::kCategoryLock)) return;
    write_event(writer, stamp, EventType::kWaitableDestroy, make_word1(waitable, pack24(operations, 0)),
                identity, 0);
}

// --- pools

inline void pool_allocate(RingWriter* writer, std::uint64_t stamp, std::uint32_t slot, std::uint32_t pool) {
    if (!listening(wire::kCategoryPool)) return;
    write_event(writer, stamp, EventType::kPoolAllocate, make_word1(slot, pool));
}
inline void pool_free(RingWriter* writer, std::uint64_t stamp, std::uint32_t slot, std::uint32_t pool) {
    if (!listening(wire::kCategoryPool)) return;
    write_event(writer, stamp, EventType::kPoolFree, make_word1(slot, pool));
}
inline void pool_grow(RingWriter* writer, std::uint64_t stamp, std::uint32_t slab, std::uint32_t pool) {
    if (!listening(wire::kCategoryPool)) return;
    write_event(writer, stamp, EventType::kPoolGrow, make_word1(slab, pool));
}
inline void pool_trim(RingWriter* writer, std::uint64_t stamp, std::uint32_t pages, std::uint32_t pool) {
    if (!listening(wire::kCategoryPool)) return;
    write_event(writer, stamp, EventType::kPoolTrim, make_word1(pages, pool));
}

// --- timers, workers

inline void timer_set(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine,
                      std::uint64_t deadline_ticks) {
    if (!listening(wire::kCategoryTimer)) return;
    write_event(writer, stamp, EventType::kTimerSet, make_word1(coroutine, 0), 0, deadline_ticks);
}
inline void timer_fire(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine,
                       std::uint64_t deadline_ticks) {
    if (!listening(wire::kCategoryTimer)) return;
    write_event(writer, stamp, EventType::kTimerFire, make_word1(coroutine, 0), 0, deadline_ticks);
}
// `thread`: number in the side pool; the writer is that thread's. `queued_ticks`: between the call and this moment.
inline void blocking_begin(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine,
                           std::uint32_t thread, std::uint64_t identity, std::uint64_t queued_ticks) {
    if (!listening(wire::kCategoryWorker)) return;
    write_event(writer, stamp, EventType::kBlockingBegin, make_word1(coroutine, thread), identity,
                queued_ticks);
}
inline void blocking_end(RingWriter* writer, std::uint64_t stamp, std::uint32_t coroutine,
                         std::uint32_t thread, bool threw) {
    if (!listening(wire::kCategoryWorker)) return;
    write_event(writer, stamp, EventType::kBlockingEnd,
                make_word1(coroutine, thread | (threw ? wire::kBlockingThrew : 0)));
}
inline void worker_park(RingWriter* writer, std::uint64_t stamp, std::uint32_t worker) {
    if (!listening(wire::kCategoryWorker)) return;
    write_event(writer, stamp, EventType::kWorkerPark, make_word1(worker, 0));
}
inline void worker_unpark(RingWriter* writer, std::uint64_t stamp, std::uint32_t worker) {
    if (!listening(wire::kCategoryWorker)) return;
    write_event(writer, stamp, EventType::kWorkerUnpark, make_word1(worker, 0));
}

// A worker of a paused program comes to a scheduling point, leaves it, or leaves it for one step.
inline void pause_worker(RingWriter* writer, std::uint32_t worker) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, 0, EventType::kPause, make_word1(wire::kNone, worker));
}
inline void unpause_worker(RingWriter* writer, std::uint32_t worker) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, 0, EventType::kUnpause, make_word1(wire::kNone, worker));
}
inline void step(RingWriter* writer, std::uint32_t worker) {
    if (!listening(wire::kCategoryCoroutine)) return;
    write_event(writer, 0, EventType::kStep, make_word1(worker, 0));
}

inline void steal(RingWriter* writer, std::uint32_t from_worker, std::uint32_t coroutines) {
    if (!listening(wire::kCategoryWorker)) return;
    write_event(writer, 0, EventType::kSteal, make_word1(from_worker, coroutines));
}
inline void inject(RingWriter* writer, std::uint32_t coroutines, std::uint32_t left) {
    if (!listening(wire::kCategoryWorker)) return;
    write_event(writer, 0, EventType::kInject, make_word1(coroutines, left));
}

}  // namespace probe
}  // namespace coroscope::emit
