// StateImage: the state plane of a target, copied out at one (short) moment and decoded into plain values.
//
// Made by state_reader from a live segment, or by the traces layer from a keyframe and the events after it:
// everything above this file (analyses, views, JSON) sees only images and cannot tell the difference. All
// cross references are record indices as in the segment; look-ups by index or identity go through the maps
// below, which are rebuilt by `index()`.
//
// A value type without hidden state: may be moved between threads, and read by many at once when const.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/tsc.h"
#include "instrumentation/inspect/index_map.h"
#include "instrumentation/inspect/pool_image.h"
#include "instrumentation/inspect/select_image.h"
#include "instrumentation/inspect/signal_image.h"
#include "instrumentation/inspect/worker_image.h"
#include "instrumentation/wire/channel.h"
#include "instrumentation/wire/coroutine.h"
#include "instrumentation/wire/event.h"
#include "instrumentation/wire/histogram.h"
#include "instrumentation/wire/pool.h"
#include "instrumentation/wire/segment.h"
#include "instrumentation/wire/site.h"
#include "instrumentation/wire/waitable.h"

namespace coroscope::inspect {

// How far a value can be trusted.
enum class Consistency : std::uint8_t {
    kExact = 0,    // sequence unchanged over the copy
    kTorn = 1,     // changed under the reader even after retries
    kRunning = 2,  // on a worker while it was read
    kUnknown = 3,  // events about it were lost since the last keyframe
};
const char* consistency_name(Consistency value);          // "exact" "torn" "running" "unknown"
const char* state_name(wire::CoroutineState state);       // "ready" "running" "parked" ...
const char* reason_name(wire::WaitReason reason);         // "sleep" "join" "channel-send" ...
const char* size_class_name(wire::SizeClass size_class);  // "micro" "small" "medium" "large"
const char* evidence_name(
    wire::ClassEvidence evidence);  // "unknown" "wish" "profiled" "proven" "grown" "hint" "declared"
const char* pattern_name(wire::ChannelPattern pattern);  // "none" "send-only" ...; "" where none was said
const char* wake_cause_name(wire::WakeCause cause);         // "coroutine" "timer" "close" ...
const char* worker_state_name(wire::WorkerState state);     // "running" "scheduling" "parked" ...
const char* waitable_kind_name(wire::WaitableKind kind);    // "mutex" "shared-mutex" ... as reason_name()
const char* migration_form_name(wire::MigrationForm form);  // "in-place" "segment" "wish" "site-raised"

struct CoroutineImage {
    std::uint32_t index = wire::kNone;
    std::uint32_t sequence = 0;
    std::uint64_t identity = 0;
    std::uint64_t spawner = 0;  // identity; 0 = outside
    wire::CoroutineState state = wire::CoroutineState::kFree;
    wire::WaitReason reason = wire::WaitReason::kNothing;
    Consistency consistency = Consistency::kExact;
    std::uint8_t pool = 0;
    std::uint8_t flags = 0;   // wire::CoroutineFlag
    std::uint8_t worker = 0;  // that ran it last
    std::uint32_t slot = 0;
    std::uint32_t site = wire::kNone;
    std::uint32_t name = wire::kNone;         // string
    std::uint32_t wait_object = wire::kNone;  // by reason
    std::uint32_t high_water_bytes = 0;       // 0 = not measured
    std::uint64_t rsp = 0;
    std::uint64_t rip = 0;
    std::uint64_t deadline_ticks = 0;
    std::uint64_t since_ticks = 0;  // when it entered its state; 0 = not known (nobody listened)
    // Its last wake-up that somebody saw: when (0 = none was seen), why, and by whom.
    std::uint64_t woken_ticks = 0;
    std::uint64_t woken_by = 0;  // identity of the coroutine that did it; 0 = none did, or it is not known
    wire::WakeCause woken_cause = wire::WakeCause::kCoroutine;

    bool operator==(const CoroutineImage&) const = default;
};

struct ChannelImage {
    std::uint32_t index = wire::kNone;
    std::uint64_t identity = 0;
    std::uint32_t name = wire::kNone;  // string
    std::uint32_t operations = 0;
    std::uint32_t capacity = 0;
    std::uint32_t length = 0;
    std::uint32_t senders_waiting = 0;
    std::uint32_t receivers_waiting = 0;
    std::uint32_t sender_handles = 0;
    std::uint32_t receiver_handles = 0;
    std::uint32_t element_bytes = 0;
    std::uint32_t totals = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t creator = 0;
    bool closed = false;
    Consistency consistency = Consistency::kExact;
};

// A mutex, semaphore ...: see wire/waitable.h for what owner, value and limit say of each kind.
struct WaitableImage {
    std::uint32_t index = wire::kNone;
    wire::WaitableKind kind = wire::WaitableKind::kFree;
    std::uint64_t identity = 0;
    std::uint32_t name = wire::kNone;  // string
    std::uint32_t site = wire::kNone;
    std::uint32_t operations = 0;
    std::uint64_t owner = 0;
    std::uint32_t value = 0;
    std::uint32_t limit = 0;
    std::uint32_t waiting = 0;          // coroutines
    std::uint32_t threads_waiting = 0;  // threads that are no workers
    std::uint64_t served = 0, waited = 0;
    Consistency consistency = Consistency::kExact;
};

struct HandleImage {
    std::uint32_t channel = wire::kNone;
    std::uint32_t rights = 0;  // wire::HandleRight
    std::uint64_t holder = 0;  // identity; 0 = a thread that is no worker, or unknown
};

struct ChannelTotalsImage {
    std::uint32_t name = wire::kNone;
    std::uint64_t channels = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};

struct SiteImage {
    std::uint32_t index = wire::kNone;
    std::uint32_t file = wire::kNone, function = wire::kNone, name = wire::kNone;
    std::uint32_t line = 0, column = 0;
    wire::SizeClass size_class = wire::SizeClass::kMedium;
    wire::ClassEvidence evidence = wire::ClassEvidence::kUnknown;
    wire::ChannelPattern pattern = wire::ChannelPattern::kUnknown;
    std::uint32_t predicted_bytes = 0;
    std::uint32_t high_water_bytes = 0;  // deepest use of a stack of this site that was seen; 0 = none
    std::uint64_t entry_address = 0;
};

// How the stacks of one site grew while somebody listened, and the last time that one did.
struct SiteMigrationsImage {
    std::uint32_t site = wire::kNone;  // kNone = coroutines that were there before anybody listened, and are gone
    std::uint64_t in_place = 0, segments = 0, wishes = 0;
    std::uint64_t last_ticks = 0;    // when
    std::uint64_t last_address = 0;  // of the code that wanted the room
    std::uint32_t last_bytes = 0;    // that it wanted
    std::uint32_t last_cost_ticks = 0;
    wire::MigrationForm last_form = wire::MigrationForm::kInPlace;
    wire::SizeClass last_from = wire::SizeClass::kMedium, last_to = wire::SizeClass::kMedium;

    std::uint64_t count() const { return in_place + segments + wishes; }
};

struct HistogramImage {
    wire::HistogramKind kind = wire::HistogramKind::kFree;
    std::uint32_t worker = wire::kNone;
    std::uint64_t samples = 0;
    std::uint64_t below_resolution = 0;
    std::uint64_t sum = 0;
    std::uint32_t stamp_cost_ticks = 0;
    std::uint32_t resolution_ticks = 0;
    std::uint32_t sample_period = 0;     // 0 = never measured
    std::vector<std::uint64_t> buckets;  // wire::kHistogramBuckets

    // Value at quantile q in [0,1] in ticks (middle of its bucket); samples below resolution count as the
    // lowest. -1 when empty.
    double quantile(double q) const;
    void merge(const HistogramImage& other);
};

struct RingHead {
    std::uint32_t ring = 0;
    std::uint64_t slots = 0;
};

struct StateImage {
    // Identity of the target.
    std::uint32_t pid = 0, uid = 0;
    std::string program;
    std::uint64_t start_ticks = 0;
    std::uint64_t segment_nonce = 0;
    base::ClockCalibration clock;
    std::uint32_t flags = 0;  // wire::SegmentFlag
    std::uint64_t park_address = 0, park_end_address = 0, trampoline_address = 0;
    wire::Lifecycle lifecycle = wire::Lifecycle::kStarting;
    std::uint64_t outside_spawned = 0;
    std::uint64_t peak_rss_kib = 0, stack_bytes_peak = 0;
    BlockingImage blocking;
    PauseImage pause;  // of a running program
    std::vector<SignalImage> signals;  // in use only, ascending index

    // When it was copied: every change before the first is in it, none after the second is.
    std::uint64_t read_begin_ticks = 0;
    std::uint64_t read_end_ticks = 0;

    // Slots that each event ring held written when reading began, ascending by ring: what they tell had happened by then. Empty: not known.
    std::vector<RingHead> ring_heads;

    std::vector<CoroutineImage> coroutines;  // in use only, ascending index
    std::vector<ChannelImage> channels;      // live only, ascending index
    std::vector<HandleImage> handles;        // in use only
    std::vector<SelectArmImage> select_arms;  // of coroutines parked in a select; ascending by coroutine, then position
    std::vector<SelectImage> selects;      // in the order in which they ran first
    std::vector<WaitableImage> waitables;  // live only, ascending index
    std::vector<ChannelTotalsImage> channel_totals;
    std::vector<SiteImage> sites;                   // index = position
    std::vector<SiteMigrationsImage> migrations;    // of sites whose stacks grew; ascending by site
    std::vector<PoolImage> pools;                   // index = position
    std::vector<StackSegmentImage> stack_segments;  // in use only
    std::vector<WorkerImage> workers;               // index = position
    std::vector<HistogramImage> histograms;         // index = position
    std::string strings;                            // the string arena as in the segment

    // Counts of what could not be read cleanly.
    std::uint64_t torn_coroutines = 0;
    std::uint64_t torn_channels = 0;

    // The string named by a string index; "" for kNone or anything out of bounds.
    std::string_view text(std::uint32_t string) const;
    // "file:line" of a site; "?" when unknown.
    std::string site_text(std::uint32_t site) const;
    // The coroutine's own name, else its site's, else "coroutine".
    std::string_view coroutine_name(const CoroutineImage& coroutine) const;
    // "channel:NAME" (or "channel:#identity" when unnamed).
    std::string channel_text(const ChannelImage& channel) const;
    // "mutex:NAME" (or "mutex:#identity" when unnamed), by kind.
    std::string waitable_text(const WaitableImage& waitable) const;
    // "SIGUSR1", "NetworkDown".
    std::string signal_text(const SignalImage& signal) const;
    // Nanoseconds since the runtime's start.
    std::int64_t since_start_ns(std::uint64_t ticks) const {
        return clock.duration_ns(static_cast<std::int64_t>(ticks - start_ticks));
    }

    // Rebuilds the look-up maps after the vectors changed.
    void index();
    const CoroutineImage* coroutine_at(std::uint32_t index) const;
    const CoroutineImage* coroutine_of(std::uint64_t identity) const;
    const ChannelImage* channel_at(std::uint32_t index) const;
    const WaitableImage* waitable_at(std::uint32_t index) const;
    // Arms of a coroutine that is parked in a select; none when they are not known.
    std::span<const SelectArmImage> arms_of(const CoroutineImage& coroutine) const;
    // The coroutine that owns a slot, or has a segment there; nullptr when free.
    const CoroutineImage* owner_of(std::uint8_t pool, std::uint32_t slot) const;
    // How stacks of a site grew; nullptr when none did that anybody saw.
    const SiteMigrationsImage* migrations_of(std::uint32_t site) const;
    wire::StackBounds stack_of(const CoroutineImage& coroutine) const;
    // The stack that it stands on with this stack pointer: its own, or, while it resumes another one by hand, the slot that `rsp` lies in.
    // Its own, too, when that is none of the target's slots: then `rsp` is outside of what is returned.
    wire::StackBounds stack_at(const CoroutineImage& coroutine, std::uint64_t rsp) const;

private:
    IndexMap by_identity_;
    IndexMap by_slot_;          // pool << 32 | slot
    IndexMap segment_by_slot_;  // positions in stack_segments
};

}  // namespace coroscope::inspect
