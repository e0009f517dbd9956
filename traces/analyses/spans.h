// Spans: what a coroutine did, as intervals that follow each other without a gap from its begin to its end.
//
//   spawn        resume     suspend          wake      resume   exit
//     |- ready ----|- running --|--- blocked ---|- ready --|- running -|
//
// Values that analyses and exports get from a walk (trace_walk.h), and the interface by which they get them. Times are ticks of the target's
// clock; Replay::time_of() and the trace's calibration make nanoseconds of them. A span that began before the walk begins with the walk.
//
// Thread: value types. Tested in tests/unit/analyses/trace_walk_test.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/event_decoder.h"
#include "instrumentation/wire/ring.h"
#include "instrumentation/wire/waitable.h"

namespace coroscope::analyses {

enum class Activity : std::uint8_t {
    kReady = 0,
    kRunning = 1,
    kBlocked = 2,  // parked, or kept from running by a viewer (reason: pause)
    kUnknown = 3,  // events about it are missing
};
inline constexpr std::size_t kActivitiesCount = 4;
const char* activity_name(Activity activity);  // "ready" "running" "blocked" "unknown"

// What is waited for. Identities are never reused, so this names it for ever.
struct Awaited {
    enum class Kind : std::uint8_t { kNothing, kChannel, kWaitable, kCoroutine, kOther };
    Kind kind = Kind::kNothing;
    wire::WaitReason reason = wire::WaitReason::kNothing;
    wire::WaitableKind waitable = wire::WaitableKind::kFree;
    std::uint32_t name = wire::kNone;   // string
    std::uint32_t index = wire::kNone;  // of the record when it was waited for
    std::uint64_t identity = 0;         // 0 = not known
};

// Who or what ended a wait.
struct Waker {
    wire::WakeCause cause = wire::WakeCause::kOutside;
    std::uint64_t identity = 0;         // of the coroutine that did it; 0 = none did, or it is not known
    std::uint32_t index = wire::kNone;  // its record
    std::uint32_t site = wire::kNone;
    std::uint32_t worker = wire::kNone;  // on which it was done; kNone = on another thread
};

// A coroutine, from its begin to its end.
struct Life {
    std::uint64_t identity = 0;         // 0 = its spawn was lost, and it is not known who it is
    std::uint32_t index = wire::kNone;  // its record: nobody else's while it lives
    std::uint32_t site = wire::kNone;
    std::uint32_t name = wire::kNone;  // string; kNone = that of its site
    std::uint64_t spawner = 0;         // identity; 0 = a thread that is no worker, or not known
    std::uint32_t spawner_site = wire::kNone;
    std::uint32_t spawned_on = wire::kNone;  // worker
    std::uint32_t slot = 0;
    std::uint8_t pool = 0;
    bool spawn_seen = false;        // else it was there when the walk began, or its spawn was lost
    std::uint64_t begin_ticks = 0;  // of its spawn, or of the walk
};

struct Span {
    Activity activity = Activity::kUnknown;
    // Blocked: why. Ready: yield or pause where that made it so; nothing where a spawn or a wake did.
    wire::WaitReason reason = wire::WaitReason::kNothing;
    bool woken = false;                  // ready: by `waker`
    bool reaches_end = false;            // it was still so when the walk ended
    std::uint32_t worker = wire::kNone;  // running: on which. Ready, blocked: that ran it last
    std::uint32_t sequence = 0;  // CoroutineRecord::sequence during it: what names a stack of this park
    std::uint64_t begin_ticks = 0, end_ticks = 0;
    std::uint64_t pc = 0;  // blocked, ready after a yield: where it called the runtime; 0 = not known
    Awaited awaited;       // blocked
    Waker waker;           // ready and woken
};

enum class LifeEnd : std::uint8_t { kFinished, kFailed, kCancelled, kAbandoned, kAlive, kLost };
const char* life_end_name(LifeEnd end);  // "finished" "failed" "cancelled" "abandoned" "alive" "lost"

// An event at its place in the order that the walk made: after what its ring did before, and after what caused it.
struct OrderedEvent {
    const wire::DecodedEvent& event;
    wire::RingOwner owner;
    std::uint32_t owner_index;  // worker, or number of the thread
    std::uint64_t ticks;  // its stamp, or a little later where its cause was stamped later (see trace_walk.h)
    const Life* current;  // the coroutine that runs on this ring; nullptr = none, or not known
};

// What a walk calls. Order: event() for every event but the instrument's own, then what it changed. Of one coroutine: began, then enter and
// leave in turns, at last ended. `leave` says all of the span that `enter` opened; its activity is kUnknown where events turned out to be
// missing meanwhile, which enter could not know.
class SpanVisitor {
public:
    virtual ~SpanVisitor() = default;
    virtual void event(const OrderedEvent& /*event*/) {}
    virtual void began(const Life& /*life*/) {}
    virtual void enter(const Life& /*life*/, const Span& /*span*/) {}
    virtual void leave(const Life& /*life*/, const Span& /*span*/) {}
    virtual void woken(const Life& /*life*/, const Waker& /*waker*/, std::uint64_t /*ticks*/) {}
    virtual void ended(const Life& /*life*/, LifeEnd /*how*/, std::uint64_t /*ticks*/) {}
};

}  // namespace coroscope::analyses
