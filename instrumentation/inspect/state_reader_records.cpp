// Channels, handles, waitables, pools, workers, histograms, sites and strings of a segment. See state_reader.h for the
// invariants.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "instrumentation/inspect/state_reader.h"
#include "instrumentation/wire/stack_segment.h"
#include "instrumentation/wire/strings.h"

namespace coroscope::inspect {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kReadAttempts = 4;

// Copies one channel header [channel.sequence]. Returns false when the record is not in use.
bool copy_channel(const wire::ChannelRecord& record, ChannelImage& image) {
    bool clean = false;
    for (int attempt = 0; attempt < kReadAttempts && !clean; ++attempt) {
        const std::uint32_t before = record.sequence.load(std::memory_order_acquire);
        const std::uint32_t flags = record.flags.load(kRelaxed);
        if ((flags & wire::kChannelLive) == 0) return false;
        image.closed = (flags & wire::kChannelClosed) != 0;
        image.operations = record.operations.load(kRelaxed);
        image.capacity = record.capacity;
        image.length = record.length.load(kRelaxed);
        image.senders_waiting = record.senders_waiting.load(kRelaxed);
        image.receivers_waiting = record.receivers_waiting.load(kRelaxed);
        image.sender_handles = record.sender_handles.load(kRelaxed);
        image.receiver_handles = record.receiver_handles.load(kRelaxed);
        image.element_bytes = record.element_bytes;
        image.name = record.name;
        image.totals = record.totals;
        image.identity = record.identity.load(kRelaxed);
        image.sent = record.sent.load(kRelaxed);
        image.received = record.received.load(kRelaxed);
        image.creator = record.creator;
        std::atomic_thread_fence(std::memory_order_acquire);
        clean = (before & 1) == 0 && record.sequence.load(kRelaxed) == before;
    }
    image.consistency = clean ? Consistency::kExact : Consistency::kTorn;
    return true;
}

// Copies one waitable [waitable.sequence]. Returns false when the record is not in use.
bool copy_waitable(const wire::WaitableRecord& record, WaitableImage& image) {
    bool clean = false;
    for (int attempt = 0; attempt < kReadAttempts && !clean; ++attempt) {
        const std::uint32_t before = record.sequence.load(std::memory_order_acquire);
        image.kind = record.kind.load(kRelaxed);
        if (image.kind == wire::WaitableKind::kFree) return false;
        image.identity = record.identity.load(kRelaxed);
        image.name = record.name;
        image.site = record.site;
        image.limit = record.limit;
        image.operations = record.operations.load(kRelaxed);
        image.owner = record.owner.load(kRelaxed);
        image.value = record.value.load(kRelaxed);
        image.waiting = record.waiting.load(kRelaxed);
        image.threads_waiting = record.threads_waiting.load(kRelaxed);
        image.served = record.served.load(kRelaxed);
        image.waited = record.waited.load(kRelaxed);
        std::atomic_thread_fence(std::memory_order_acquire);
        clean = (before & 1) == 0 && record.sequence.load(kRelaxed) == before;
    }
    image.consistency = clean && static_cast<std::uint8_t>(image.kind) < wire::kWaitableKindsCount
                            ? Consistency::kExact
                            : Consistency::kTorn;
    return true;
}

// used = owned & ~remote [pool.remote]. The owner clears `owned` before `remote`, so `remote` is read first:
// a bit that is gone from it is gone from `owned` as well. Read again when `remote` moved meanwhile.
std::uint64_t copy_used_word(const wire::SlabRecord& slab, std::uint32_t word) {
    std::uint64_t used = 0;
    for (int attempt = 0; attempt < kReadAttempts; ++attempt) {
        const std::uint64_t remote = slab.remote[word].load(std::memory_order_acquire);
        used = slab.owned[word].load(std::memory_order_acquire) & ~remote;
        if (slab.remote[word].load(kRelaxed) == remote) break;
    }
    return used;
}

// A MicroPool is a slab over memory of the program's, with as many slots as that has room for.
std::uint32_t slots_of(const PoolImage& pool, const wire::SlabRecord& slab) {
    if (pool.purpose != wire::PoolPurpose::kLocal) return wire::kSlotsPerSlab;
    if (slab.stack_base == 0 || pool.stride_bytes == 0) return 0;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(slab.stack_bytes / pool.stride_bytes, wire::kSlotsPerSlab));
}

}  // namespace

base::Status StateReader::read_channels(StateImage& image) const {
    auto totals = view({wire::SectionKind::kChannelTotals, sizeof(wire::ChannelTotalsRecord),
                        alignof(wire::ChannelTotalsRecord), wire::kChannelsMax, "channel totals"});
    if (!totals) return totals.error();
    image.channel_totals.reserve(totals->count());
    for (std::uint32_t i = 0; i < totals->count(); ++i) {
        ChannelTotalsImage copied;
        if (const auto* record = totals->record<wire::ChannelTotalsRecord>(i)) {
            copied = {record->name, record->channels.load(kRelaxed), record->sent.load(kRelaxed),
                      record->received.load(kRelaxed)};
        }
        image.channel_totals.push_back(copied);
    }

    auto channels = view({wire::SectionKind::kChannels, sizeof(wire::ChannelRecord),
                          alignof(wire::ChannelRecord), wire::kChannelsMax, "channels"});
    if (!channels) return channels.error();
    for (std::uint32_t i = 0; i < channels->count(); ++i) {
        const auto* record = channels->record<wire::ChannelRecord>(i);
        ChannelImage copied;
        if (record == nullptr || !copy_channel(*record, copied)) continue;
        copied.index = i;
        if (copied.consistency == Consistency::kTorn) ++image.torn_channels;
        image.channels.push_back(copied);
    }

    auto handles = view({wire::SectionKind::kHandles, sizeof(wire::HandleRecord), alignof(wire::HandleRecord),
                         wire::kHandlesMax, "handles"});
    if (!handles) return handles.error();
    for (std::uint32_t i = 0; i < handles->count(); ++i) {
        const auto* record = handles->record<wire::HandleRecord>(i);
        if (record == nullptr) continue;
        const std::uint32_t channel = record->channel.load(std::memory_order_acquire);
        const HandleImage copied{channel, record->rights.load(kRelaxed), record->holder.load(kRelaxed)};
        if (channel != wire::kNone && record->channel.load(std::memory_order_acquire) == channel) {
            image.handles.push_back(copied);
        }
    }
    return base::ok_status();
}

base::Status StateReader::read_waitables(StateImage& image) const {
    auto waitables = view({wire::SectionKind::kWaitables, sizeof(wire::WaitableRecord),
                           alignof(wire::WaitableRecord), wire::kWaitablesMax, "waitables"});
    if (!waitables) return waitables.error();
    for (std::uint32_t i = 0; i < waitables->count(); ++i) {
        const auto* record = waitables->record<wire::WaitableRecord>(i);
        WaitableImage copied;
        if (record == nullptr || !copy_waitable(*record, copied)) continue;
        copied.index = i;
        image.waitables.push_back(copied);
    }
    return base::ok_status();
}

base::Status StateReader::read_pools(StateImage& image) const {
    auto pools = view({wire::SectionKind::kPools, sizeof(wire::PoolRecord), alignof(wire::PoolRecord),
                       wire::kPoolsMax, "pools"});
    if (!pools) return pools.error();
    for (std::uint32_t p = 0; p < pools->count(); ++p) {
        PoolImage pool;
        if (const auto* record = pools->record<wire::PoolRecord>(p)) {
            if (record->size_class > wire::SizeClass::kLarge)
                return corrupt("a pool has an unknown size class");
            pool.size_class = record->size_class;
            pool.purpose = record->purpose;
            pool.slot_bytes = record->slot_bytes;
            pool.stride_bytes = record->stride_bytes;
            pool.guard_bytes = record->guard_bytes;
            pool.colour_steps = record->colour_steps;
            pool.canary_bytes = record->canary_bytes;
            pool.name = record->name;
            pool.high_water_slots = record->high_water_slots.load(kRelaxed);
            pool.guards_known = true;
            pool.trimmed_bytes = record->trimmed_bytes.load(kRelaxed);
        }
        const auto kind = static_cast<wire::SectionKind>(
            static_cast<std::uint32_t>(wire::SectionKind::kSlabsFirst) + p);
        auto slabs = view(
            {kind, sizeof(wire::SlabRecord), alignof(wire::SlabRecord), wire::kSlabsPerPoolMax, "slabs"});
        if (!slabs) return slabs.error();
        pool.slabs.resize(slabs->count());
        for (std::uint32_t s = 0; s < slabs->count(); ++s) {
            const auto* record = slabs->record<wire::SlabRecord>(s);
            if (record == nullptr) continue;
            SlabImage& slab = pool.slabs[s];
            slab.owner = record->owner.load(kRelaxed);
            slab.stack_base = record->stack_base;
            for (std::uint32_t w = 0; w < wire::kSlabWords; ++w)
                slab.used[w] = copy_used_word(*record, w);
            slab.guards = std::min(record->guards.load(kRelaxed), wire::SlabGuards::kProtected);
            slab.guarded_slots = std::min(record->guarded_slots.load(kRelaxed), wire::kSlotsPerSlab);
            slab.set_slots(slots_of(pool, *record));
        }
        image.pools.push_back(std::move(pool));
    }
    auto segments = view({wire::SectionKind::kStackSegments, sizeof(wire::StackSegmentRecord),
                          alignof(wire::StackSegmentRecord), wire::kStackSegmentsMax, "stack segments"});
    if (!segments) return segments.error();
    for (std::uint32_t i = 0; i < segments->count(); ++i) {
        const auto* record = segments->record<wire::StackSegmentRecord>(i);
        if (record == nullptr) continue;
        const std::uint32_t coroutine = record->coroutine.load(kRelaxed);
        const std::uint32_t pool = record->pool.load(kRelaxed);
        if (coroutine == wire::kNone || pool >= image.pools.size()) continue;
        image.stack_segments.push_back(
            {coroutine, record->slot.load(kRelaxed), static_cast<std::uint8_t>(pool)});
    }
    return base::ok_status();
}

base::Status StateReader::read_workers(StateImage& image) const {
    auto workers = view({wire::SectionKind::kWorkers, sizeof(wire::WorkerRecord), alignof(wire::WorkerRecord),
                         wire::kWorkersMax, "workers"});
    if (!workers) return workers.error();
    // A runtime of wire 1.0 has none.
    auto queues = view({wire::SectionKind::kWorkerQueues, sizeof(wire::WorkerQueuesRecord),
                        alignof(wire::WorkerQueuesRecord), wire::kWorkersMax, "worker queues"});
    if (!queues) return queues.error();
    for (std::uint32_t i = 0; i < workers->count(); ++i) {
        WorkerImage copied;
        copied.index = i;
        if (const auto* record = workers->record<wire::WorkerRecord>(i)) {
            copied.thread_id = record->thread_id.load(kRelaxed);
            copied.state = std::min(record->state.load(kRelaxed), wire::WorkerState::kHeld);
            copied.current = record->current.load(kRelaxed);
            copied.histogram_switch = record->histogram_switch;
            copied.stack_low = record->stack_low;
            copied.stack_high = record->stack_high;
            copied.spawned = record->spawned.load(kRelaxed);
            copied.exited = record->exited.load(kRelaxed);
            copied.switches = record->switches.load(kRelaxed);
            copied.parks = record->parks.load(kRelaxed);
            copied.wakes = record->wakes.load(kRelaxed);
            copied.failed = record->failed.load(kRelaxed);
            copied.cancelled = record->cancelled.load(kRelaxed);
            copied.timers_armed = record->timers_armed.load(kRelaxed);
            copied.timers_next_ticks = record->timers_next_ticks.load(kRelaxed);
            copied.ready_length = record->ready_length.load(kRelaxed);
            copied.injected = record->injected.load(kRelaxed);
            copied.steals = record->steals.load(kRelaxed);
        }
        if (const auto* record = queues->record<wire::WorkerQueuesRecord>(i)) {
            copied.bound_length = record->bound_length.load(kRelaxed);
            if (copied.steals != 0) {
                for (std::uint32_t other = 0; other < workers->count(); ++other)
                    copied.taken_from.push_back(record->taken_from[other].load(kRelaxed));
            }
        }
        image.workers.push_back(copied);
    }

    auto histograms = view({wire::SectionKind::kHistograms, sizeof(wire::HistogramRecord),
                            alignof(wire::HistogramRecord), wire::kWorkersMax * 4, "histograms"});
    if (!histograms) return histograms.error();
    for (std::uint32_t i = 0; i < histograms->count(); ++i) {
        HistogramImage copied;
        const auto* record = histograms->record<wire::HistogramRecord>(i);
        if (record != nullptr && record->kind != wire::HistogramKind::kFree) {
            copied.kind = record->kind;
            copied.worker = record->worker;
            copied.samples = record->samples.load(kRelaxed);
            copied.below_resolution = record->below_resolution.load(kRelaxed);
            copied.sum = record->sum.load(kRelaxed);
            copied.stamp_cost_ticks = record->stamp_cost_ticks.load(kRelaxed);
            copied.resolution_ticks = record->resolution_ticks.load(kRelaxed);
            copied.sample_period = record->sample_period.load(kRelaxed);
            copied.buckets.resize(wire::kHistogramBuckets);
            for (std::uint32_t b = 0; b < wire::kHistogramBuckets; ++b) {
                copied.buckets[b] = record->buckets[b].load(kRelaxed);
            }
        }
        image.histograms.push_back(std::move(copied));
    }
    return base::ok_status();
}

base::Status StateReader::read_names(StateImage& image) const {
    auto sites = view({wire::SectionKind::kSites, sizeof(wire::SiteRecord), alignof(wire::SiteRecord),
                       wire::kSitesMax, "spawn sites"});
    if (!sites) return sites.error();
    image.sites.reserve(sites->count());
    for (std::uint32_t i = 0; i < sites->count(); ++i) {
        SiteImage copied;
        copied.index = i;
        if (const auto* record = sites->record<wire::SiteRecord>(i)) {
            copied.file = record->file;
            copied.function = record->function;
            copied.name = record->name;
            copied.line = record->line;
            copied.column = record->column;
            copied.size_class = std::min(record->size_class.load(kRelaxed), wire::SizeClass::kLarge);
            copied.evidence = std::min(record->evidence.load(kRelaxed), wire::ClassEvidence::kDeclared);
            copied.pattern = std::min(record->pattern.load(kRelaxed), wire::ChannelPattern::kSelect);
            copied.predicted_bytes = record->predicted_bytes;
            copied.high_water_bytes = record->high_water_bytes.load(kRelaxed);
            copied.entry_address = record->entry_address;
        }
        image.sites.push_back(copied);
    }

    auto strings = view({wire::SectionKind::kStrings, 1, 1, wire::kStringBytesMax, "strings"});
    if (!strings) return strings.error();
    // Bytes of chunks that cannot be read stay zero: the strings in them are empty.
    image.strings.assign(strings->count(), '\0');
    const std::uint32_t per_chunk = strings->records_per_chunk();
    for (std::uint32_t begin = 0, chunk = 0; begin < strings->count(); begin += per_chunk, ++chunk) {
        const std::byte* bytes = strings->chunk(chunk);
        if (bytes == nullptr) continue;
        std::memcpy(image.strings.data() + begin, bytes, std::min(per_chunk, strings->count() - begin));
    }
    return base::ok_status();
}

}  // namespace coroscope::inspect
