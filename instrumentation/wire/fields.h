// The table of the state plane: for every field that a trace shows, whether its value at time t is replayed from events,
// sampled at keyframes, or known live only. Tests derive their comparison from it: whatever says "replayed" must come
// out of keyframe + events exactly as it stands in the segment.
#pragma once

#include <cstdint>

namespace coroscope::wire {

enum class FieldSource : std::uint8_t {
    kReplayed,  // a keyframe plus the events named give it at any t
    kSampled,   // true at keyframes; between them the last one's value is shown as such
    kLive,      // only in a running target
};

struct FieldRow {
    const char* record;  // "coroutine", "channel", "select-arm", "select", "waitable", "pool", "worker", "site", "header"
    const char* field;
    FieldSource source;
    const char* events;  // names of the events that carry it, space separated; "" unless replayed
};

inline constexpr FieldRow kFields[] = {
    {"coroutine", "sequence", FieldSource::kReplayed, "spawn resume suspend wake exit pause unpause"},
    {"coroutine", "state", FieldSource::kReplayed, "spawn resume suspend wake exit pause unpause"},
    {"coroutine", "reason", FieldSource::kReplayed, "suspend wake pause unpause"},
    {"coroutine", "wait_object", FieldSource::kReplayed, "suspend wake"},
    {"coroutine", "deadline_ticks", FieldSource::kReplayed, "suspend wake"},
    {"coroutine", "identity", FieldSource::kReplayed, "spawn"},
    {"coroutine", "spawner", FieldSource::kReplayed, "spawn"},
    {"coroutine", "site", FieldSource::kReplayed, "spawn"},
    {"coroutine", "name", FieldSource::kReplayed, "spawn"},
    {"coroutine", "pool", FieldSource::kReplayed, "spawn"},
    {"coroutine", "slot", FieldSource::kReplayed, "spawn"},
    {"coroutine", "worker", FieldSource::kReplayed, "spawn resume"},
    {"coroutine", "rsp", FieldSource::kSampled, ""},
    {"coroutine", "rip", FieldSource::kReplayed, "suspend"},
    {"coroutine", "high_water_bytes", FieldSource::kSampled, ""},
    {"coroutine", "flags", FieldSource::kSampled, ""},
    {"coroutine", "next", FieldSource::kLive, ""},
    {"coroutine", "previous", FieldSource::kLive, ""},
    {"coroutine", "first_joiner", FieldSource::kLive, ""},
    {"coroutine", "transfer", FieldSource::kLive, ""},
    {"channel", "identity", FieldSource::kReplayed, "channel-create channel-destroy"},
    {"channel", "name", FieldSource::kReplayed, "channel-create"},
    {"channel", "capacity", FieldSource::kReplayed, "channel-create"},
    {"channel", "operations", FieldSource::kReplayed,
     "channel-create channel-send channel-receive channel-block channel-close channel-destroy"},
    {"channel", "length", FieldSource::kReplayed, "channel-send channel-receive"},
    {"channel", "sent", FieldSource::kReplayed, "channel-send"},
    {"channel", "received", FieldSource::kReplayed, "channel-receive"},
    {"channel", "closed", FieldSource::kReplayed, "channel-close"},
    {"channel", "senders_waiting", FieldSource::kReplayed, "select-arm suspend wake"},
    {"channel", "receivers_waiting", FieldSource::kReplayed, "select-arm suspend wake"},
    {"channel", "sender_handles", FieldSource::kSampled, ""},
    {"channel", "receiver_handles", FieldSource::kSampled, ""},
    {"handle", "holder", FieldSource::kSampled, ""},
    {"select-arm", "channel", FieldSource::kReplayed, "select-arm suspend wake"},
    {"select-arm", "position", FieldSource::kReplayed, "select-arm suspend wake"},
    {"select-arm", "receives", FieldSource::kReplayed, "select-arm suspend wake"},
    {"select-arm", "next_arm", FieldSource::kLive, ""},
    {"select", "address", FieldSource::kSampled, ""},
    {"select", "arms", FieldSource::kSampled, ""},
    {"select", "counts", FieldSource::kSampled, ""},
    {"waitable", "identity", FieldSource::kReplayed, "waitable-create waitable-destroy"},
    {"waitable", "kind", FieldSource::kReplayed, "waitable-create"},
    {"waitable", "name", FieldSource::kReplayed, "waitable-create"},
    {"waitable", "site", FieldSource::kReplayed, "waitable-create"},
    {"waitable", "limit", FieldSource::kReplayed, "waitable-create"},
    {"waitable", "operations", FieldSource::kReplayed,
     "waitable-create lock-acquire lock-release notify waitable-destroy"},
    {"waitable", "owner", FieldSource::kReplayed, "lock-acquire lock-release notify"},
    {"waitable", "value", FieldSource::kReplayed, "waitable-create lock-acquire lock-release notify"},
    {"waitable", "waiting", FieldSource::kReplayed, "suspend wake"},
    {"waitable", "threads_waiting", FieldSource::kSampled, ""},
    {"waitable", "served", FieldSource::kSampled, ""},
    {"waitable", "waited", FieldSource::kSampled, ""},
    {"waitable", "first", FieldSource::kLive, ""},
    {"waitable", "last", FieldSource::kLive, ""},
    {"pool", "used", FieldSource::kReplayed, "spawn exit"},
    {"pool", "high_water_slots", FieldSource::kSampled, ""},
    {"pool", "trimmed_bytes", FieldSource::kSampled, ""},
    {"pool", "guarded_slots", FieldSource::kSampled, ""},
    {"worker", "current", FieldSource::kReplayed, "resume suspend exit"},
    {"worker", "state", FieldSource::kReplayed, "resume suspend exit worker-park worker-unpark pause unpause"},
    {"worker", "counters", FieldSource::kSampled, ""},
    {"worker", "ready_length", FieldSource::kSampled, ""},
    {"worker", "bound_length", FieldSource::kSampled, ""},
    {"worker", "taken_from", FieldSource::kSampled, ""},
    {"worker", "timers_armed", FieldSource::kSampled, ""},
    {"worker", "timers_next_ticks", FieldSource::kSampled, ""},
    {"site", "size_class", FieldSource::kSampled, ""},
    {"site", "high_water_bytes", FieldSource::kSampled, ""},
    {"site", "pattern", FieldSource::kSampled, ""},
    {"site", "migrations", FieldSource::kSampled, ""},
    {"histogram", "buckets", FieldSource::kSampled, ""},
    {"header", "lifecycle", FieldSource::kSampled, ""},
    {"header", "pause_state", FieldSource::kLive, ""},
    {"header", "blocking_threads", FieldSource::kSampled, ""},
    {"header", "blocking_busy", FieldSource::kSampled, ""},
    {"header", "blocking_queued", FieldSource::kSampled, ""},
    {"header", "blocking_threads_most", FieldSource::kSampled, ""},
    {"header", "blocking_calls", FieldSource::kSampled, ""},
};

}  // namespace coroscope::wire
