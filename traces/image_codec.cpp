// One pair of functions a table; each pair lists the same fields in the same order.
#include "traces/image_codec.h"

#include <algorithm>

#include "traces/bytes.h"
#include "traces/growth_codec.h"
#include "traces/pending_codec.h"
#include "traces/ring_heads_codec.h"
#include "traces/scheduling_codec.h"
#include "traces/signal_codec.h"
#include "traces/waitable_codec.h"

namespace coroscope::traces {
namespace {

using inspect::ChannelImage;
using inspect::CoroutineImage;
using inspect::StateImage;

template <typename Enum>
void set_enum(ByteReader& in, Enum& to, std::uint64_t value, std::uint64_t last) {
    if (value > last) in.fail();
    to = static_cast<Enum>(std::min(value, last));
}
void set_index(ByteReader& in, std::uint32_t& to, std::uint64_t value) {
    if (value > wire::kNone) in.fail();
    to = static_cast<std::uint32_t>(value);
}
template <typename Rows>
void check_ascending(ByteReader& in, const Rows& rows) {
    const auto not_before = [](const auto& a, const auto& b) { return a.index >= b.index; };
    if (std::adjacent_find(rows.begin(), rows.end(), not_before) != rows.end()) in.fail();
}

// ---- header

void put_header(ByteWriter& out, const StateImage& image) {
    out.put(image.pid);
    out.put(image.uid);
    out.put_text(image.program);
    out.put(image.start_ticks);
    out.put(image.segment_nonce);
    out.put(image.clock);
    out.put(image.flags);
    out.put(image.park_address);
    out.put(image.park_end_address);
    out.put(image.trampoline_address);
    out.put(static_cast<std::uint32_t>(image.lifecycle));
    out.put(image.outside_spawned);
    out.put(image.peak_rss_kib);
    out.put(image.stack_bytes_peak);
    out.put(image.read_begin_ticks);
    out.put(image.read_end_ticks);
    out.put(image.torn_coroutines);
    out.put(image.torn_channels);
    out.put_varint(image.strings.size());
    out.put_varint(0);  // signals: see signal_codec.h
}

void get_header(ByteReader& in, StateImage& image, std::string_view strings) {
    image.pid = in.get<std::uint32_t>();
    image.uid = in.get<std::uint32_t>();
    image.program = in.get_text();
    image.start_ticks = in.get<std::uint64_t>();
    image.segment_nonce = in.get<std::uint64_t>();
    image.clock = in.get<base::ClockCalibration>();
    if (image.clock.shift > 63) in.fail();
    image.flags = in.get<std::uint32_t>();
    image.park_address = in.get<std::uint64_t>();
    image.park_end_address = in.get<std::uint64_t>();
    image.trampoline_address = in.get<std::uint64_t>();
    set_enum(in, image.lifecycle, in.get<std::uint32_t>(),
             static_cast<std::uint32_t>(wire::Lifecycle::kEnded));
    image.outside_spawned = in.get<std::uint64_t>();
    image.peak_rss_kib = in.get<std::uint64_t>();
    image.stack_bytes_peak = in.get<std::uint64_t>();
    image.read_begin_ticks = in.get<std::uint64_t>();
    image.read_end_ticks = in.get<std::uint64_t>();
    image.torn_coroutines = in.get<std::uint64_t>();
    image.torn_channels = in.get<std::uint64_t>();
    image.strings = strings.substr(
        0, static_cast<std::size_t>(std::min<std::uint64_t>(in.get_varint(), strings.size())));
    const std::size_t numbers = in.get_count(1);
    for (std::size_t number = 0; number < numbers && in.ok(); ++number) {
        const std::uint64_t count = in.get_varint();
        if (count == 0 || number >= wire::kSignalsMax) continue;
        inspect::SignalImage signal;
        signal.index = static_cast<std::uint32_t>(number);
        signal.route = wire::SignalRoute::kCoroutine;
        signal.arrived = signal.delivered = count;
        image.signals.push_back(signal);
    }
}

// ---- coroutines

constexpr std::size_t kCoroutineBytesMin = 1 + 4 + 1 + 1 + 6 + 4 * 5 + 8 * 3 + 1;

void put_coroutines(ByteWriter& out, const std::vector<CoroutineImage>& rows) {
    out.put_varint(rows.size());
    out.put_delta_column(rows, [](const CoroutineImage& c) { return c.index; });
    out.put_column<std::uint32_t>(rows, [](const CoroutineImage& c) { return c.sequence; });
    out.put_delta_column(rows, [](const CoroutineImage& c) { return c.identity; });
    out.put_delta_column(rows, [](const CoroutineImage& c) { return c.spawner; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.state; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.reason; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.consistency; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.pool; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.flags; });
    out.put_column<std::uint8_t>(rows, [](const CoroutineImage& c) { return c.worker; });
    out.put_column<std::uint32_t>(rows, [](const CoroutineImage& c) { return c.slot; });
    out.put_column<std::uint32_t>(rows, [](const CoroutineImage& c) { return c.site; });
    out.put_column<std::uint32_t>(rows, [](const CoroutineImage& c) { return c.name; });
    out.put_column<std::uint32_t>(rows, [](const CoroutineImage& c) { return c.wait_object; });
    out.put_column<std::uint32_t>(rows, [](const CoroutineImage& c) { return c.high_water_bytes; });
    out.put_column<std::uint64_t>(rows, [](const CoroutineImage& c) { return c.rsp; });
    out.put_column<std::uint64_t>(rows, [](const CoroutineImage& c) { return c.rip; });
    out.put_column<std::uint64_t>(rows, [](const CoroutineImage& c) { return c.deadline_ticks; });
    out.put_delta_column(rows, [](const CoroutineImage& c) { return c.since_ticks; });
}

void get_coroutines(ByteReader& in, std::vector<CoroutineImage>& rows) {
    rows.resize(in.get_count(kCoroutineBytesMin));
    const auto last_state = static_cast<std::uint64_t>(wire::CoroutineState::kExited);
    in.get_delta_column(rows, [&](CoroutineImage& c, std::uint64_t v) { set_index(in, c.index, v); });
    in.get_column<std::uint32_t>(rows, [](CoroutineImage& c, std::uint32_t v) { c.sequence = v; });
    in.get_delta_column(rows, [](CoroutineImage& c, std::uint64_t v) { c.identity = v; });
    in.get_delta_column(rows, [](CoroutineImage& c, std::uint64_t v) { c.spawner = v; });
    in.get_column<std::uint8_t>(
        rows, [&](CoroutineImage& c, std::uint8_t v) { set_enum(in, c.state, v, last_state); });
    in.get_column<std::uint8_t>(rows, [&](CoroutineImage& c, std::uint8_t v) {
        set_enum(in, c.reason, v, wire::kWaitReasonsCount - 1);
    });
    in.get_column<std::uint8_t>(
        rows, [&](CoroutineImage& c, std::uint8_t v) { set_enum(in, c.consistency, v, 3); });
    in.get_column<std::uint8_t>(rows, [](CoroutineImage& c, std::uint8_t v) { c.pool = v; });
    in.get_column<std::uint8_t>(rows, [](CoroutineImage& c, std::uint8_t v) { c.flags = v; });
    in.get_column<std::uint8_t>(rows, [](CoroutineImage& c, std::uint8_t v) { c.worker = v; });
    in.get_column<std::uint32_t>(rows, [](CoroutineImage& c, std::uint32_t v) { c.slot = v; });
    in.get_column<std::uint32_t>(rows, [](CoroutineImage& c, std::uint32_t v) { c.site = v; });
    in.get_column<std::uint32_t>(rows, [](CoroutineImage& c, std::uint32_t v) { c.name = v; });
    in.get_column<std::uint32_t>(rows, [](CoroutineImage& c, std::uint32_t v) { c.wait_object = v; });
    in.get_column<std::uint32_t>(rows, [](CoroutineImage& c, std::uint32_t v) { c.high_water_bytes = v; });
    in.get_column<std::uint64_t>(rows, [](CoroutineImage& c, std::uint64_t v) { c.rsp = v; });
    in.get_column<std::uint64_t>(rows, [](CoroutineImage& c, std::uint64_t v) { c.rip = v; });
    in.get_column<std::uint64_t>(rows, [](CoroutineImage& c, std::uint64_t v) { c.deadline_ticks = v; });
    in.get_delta_column(rows, [](CoroutineImage& c, std::uint64_t v) { c.since_ticks = v; });
    check_ascending(in, rows);
}

// ---- channels, handles, totals

void put_channels(ByteWriter& out, const StateImage& image) {
    out.put_varint(image.channels.size());
    for (const ChannelImage& c : image.channels) {
        out.put(c.index);
        out.put_varint(c.identity);
        out.put(c.name);
        out.put(c.operations);
        out.put_varint(c.capacity);
        out.put_varint(c.length);
        out.put_varint(c.senders_waiting);
        out.put_varint(c.receivers_waiting);
        out.put_varint(c.sender_handles);
        out.put_varint(c.receiver_handles);
        out.put_varint(c.element_bytes);
        out.put(c.totals);
        out.put_varint(c.sent);
        out.put_varint(c.received);
        out.put_varint(c.creator);
        out.put(static_cast<std::uint8_t>(c.closed));
        out.put(static_cast<std::uint8_t>(c.consistency));
    }
    out.put_varint(image.handles.size());
    out.put_delta_column(image.handles, [](const inspect::HandleImage& h) { return h.channel; });
    out.put_column<std::uint8_t>(image.handles, [](const inspect::HandleImage& h) { return h.rights; });
    out.put_delta_column(image.handles, [](const inspect::HandleImage& h) { return h.holder; });
    out.put_varint(image.channel_totals.size());
    for (const inspect::ChannelTotalsImage& t : image.channel_totals) {
        out.put(t.name);
        out.put_varint(t.channels);
        out.put_varint(t.sent);
        out.put_varint(t.received);
    }
}

void get_channels(ByteReader& in, StateImage& image) {
    image.channels.resize(in.get_count(27));
    for (ChannelImage& c : image.channels) {
        c.index = in.get<std::uint32_t>();
        c.identity = in.get_varint();
        c.name = in.get<std::uint32_t>();
        c.operations = in.get<std::uint32_t>();
        set_index(in, c.capacity, in.get_varint());
        set_index(in, c.length, in.get_varint());
        set_index(in, c.senders_waiting, in.get_varint());
        set_index(in, c.receivers_waiting, in.get_varint());
        set_index(in, c.sender_handles, in.get_varint());
        set_index(in, c.receiver_handles, in.get_varint());
        set_index(in, c.element_bytes, in.get_varint());
        c.totals = in.get<std::uint32_t>();
        c.sent = in.get_varint();
        c.received = in.get_varint();
        c.creator = in.get_varint();
        c.closed = in.get<std::uint8_t>() != 0;
        set_enum(in, c.consistency, in.get<std::uint8_t>(), 3);
    }
    check_ascending(in, image.channels);
    image.handles.resize(in.get_count(3));
    in.get_delta_column(image.handles,
                        [&](inspect::HandleImage& h, std::uint64_t v) { set_index(in, h.channel, v); });
    in.get_column<std::uint8_t>(image.handles, [](inspect::HandleImage& h, std::uint8_t v) { h.rights = v; });
    in.get_delta_column(image.handles, [](inspect::HandleImage& h, std::uint64_t v) { h.holder = v; });
    image.channel_totals.resize(in.get_count(7));
    for (inspect::ChannelTotalsImage& t : image.channel_totals) {
        t.name = in.get<std::uint32_t>();
        t.channels = in.get_varint();
        t.sent = in.get_varint();
        t.received = in.get_varint();
    }
}

// ---- sites, pools

void put_sites(ByteWriter& out, const std::vector<inspect::SiteImage>& sites) {
    out.put_varint(sites.size());
    for (const inspect::SiteImage& s : sites) {
        out.put(s.file);
        out.put(s.function);
        out.put(s.name);
        out.put_varint(s.line);
        out.put_varint(s.column);
        out.put(static_cast<std::uint8_t>(s.size_class));
        // The pattern in the upper half, which is 0 in files that know of none.
        out.put(static_cast<std::uint8_t>(static_cast<unsigned>(s.evidence) |
                                          static_cast<unsigned>(s.pattern) << 4U));
        out.put_varint(s.predicted_bytes);
        out.put(s.entry_address);
    }
}

void get_sites(ByteReader& in, std::vector<inspect::SiteImage>& sites) {
    sites.resize(in.get_count(25));
    std::uint32_t index = 0;
    for (inspect::SiteImage& s : sites) {
        s.index = index++;
        s.file = in.get<std::uint32_t>();
        s.function = in.get<std::uint32_t>();
        s.name = in.get<std::uint32_t>();
        set_index(in, s.line, in.get_varint());
        set_index(in, s.column, in.get_varint());
        set_enum(in, s.size_class, in.get<std::uint8_t>(), wire::kSizeClassesCount - 1);
        const auto evidence_and_pattern = in.get<std::uint8_t>();
        set_enum(in, s.evidence, evidence_and_pattern & 0xfU, wire::kClassEvidencesCount - 1);
        set_enum(in, s.pattern, evidence_and_pattern >> 4U, wire::kChannelPatternsCount - 1);
        set_index(in, s.predicted_bytes, in.get_varint());
        s.entry_address = in.get<std::uint64_t>();
    }
}

void put_pools(ByteWriter& out, const std::vector<inspect::PoolImage>& pools) {
    out.put_varint(pools.size());
    for (const inspect::PoolImage& p : pools) {
        out.put(static_cast<std::uint8_t>(p.size_class));
        out.put(static_cast<std::uint8_t>(p.purpose));
        out.put(p.slot_bytes);
        out.put(p.stride_bytes);
        out.put(p.guard_bytes);
        out.put(p.colour_steps);
        out.put(p.canary_bytes);
        out.put(p.name);
        out.put(p.high_water_slots);
        out.put_varint(p.slabs.size());
        for (const inspect::SlabImage& slab : p.slabs) {
            out.put(slab.owner);
            out.put(slab.stack_base);
            for (const std::uint64_t word : slab.used)
                out.put(word);
        }
    }
}

void get_pools(ByteReader& in, std::vector<inspect::PoolImage>& pools) {
    pools.resize(in.get_count(39));
    for (inspect::PoolImage& p : pools) {
        set_enum(in, p.size_class, in.get<std::uint8_t>(), wire::kSizeClassesCount - 1);
        set_enum(in, p.purpose, in.get<std::uint8_t>(), static_cast<std::uint8_t>(wire::PoolPurpose::kWide));
        p.slot_bytes = in.get<std::uint32_t>();
        p.stride_bytes = in.get<std::uint64_t>();
        p.guard_bytes = in.get<std::uint32_t>();
        p.colour_steps = in.get<std::uint32_t>();
        p.canary_bytes = in.get<std::uint32_t>();
        p.name = in.get<std::uint32_t>();
        p.high_water_slots = in.get<std::uint64_t>();
        p.slabs.resize(in.get_count(12 + sizeof(inspect::SlabImage::used)));
        if (p.slabs.size() > wire::kSlabsPerPoolMax) in.fail();
        for (inspect::SlabImage& slab : p.slabs) {
            slab.owner = in.get<std::uint32_t>();
            slab.stack_base = in.get<std::uint64_t>();
            for (std::uint64_t& word : slab.used)
                word = in.get<std::uint64_t>();
        }
    }
    if (pools.size() > wire::kPoolsMax) in.fail();
}

// ---- workers, histograms

void put_workers(ByteWriter& out, const std::vector<inspect::WorkerImage>& workers) {
    out.put_varint(workers.size());
    for (const inspect::WorkerImage& w : workers) {
        out.put(w.thread_id);
        out.put(static_cast<std::uint8_t>(w.state));
        out.put(w.current);
        out.put(w.histogram_switch);
        out.put(w.stack_low);
        out.put(w.stack_high);
        for (const std::uint64_t count :
             {w.spawned, w.exited, w.switches, w.parks, w.wakes, w.failed, w.cancelled})
            out.put_varint(count);
    }
}

void get_workers(ByteReader& in, std::vector<inspect::WorkerImage>& workers) {
    workers.resize(in.get_count(36));
    if (workers.size() > wire::kWorkersMax) in.fail();
    std::uint32_t index = 0;
    for (inspect::WorkerImage& w : workers) {
        w.index = index++;
        w.thread_id = in.get<std::uint32_t>();
        set_enum(in, w.state, in.get<std::uint8_t>(), static_cast<std::uint32_t>(wire::WorkerState::kHeld));
        w.current = in.get<std::uint32_t>();
        w.histogram_switch = in.get<std::uint32_t>();
        w.stack_low = in.get<std::uint64_t>();
        w.stack_high = in.get<std::uint64_t>();
        for (std::uint64_t* count :
             {&w.spawned, &w.exited, &w.switches, &w.parks, &w.wakes, &w.failed, &w.cancelled})
            *count = in.get_varint();
    }
}

void put_histograms(ByteWriter& out, const std::vector<inspect::HistogramImage>& histograms) {
    out.put_varint(histograms.size());
    for (const inspect::HistogramImage& h : histograms) {
        out.put(static_cast<std::uint8_t>(h.kind));
        out.put(h.worker);
        out.put_varint(h.samples);
        out.put_varint(h.below_resolution);
        out.put_varint(h.sum);
        out.put(h.stamp_cost_ticks);
        out.put(h.resolution_ticks);
        out.put(h.sample_period);
        out.put_varint(h.buckets.size());
        for (const std::uint64_t bucket : h.buckets)
            out.put_varint(bucket);
    }
}

void get_histograms(ByteReader& in, std::vector<inspect::HistogramImage>& histograms) {
    histograms.resize(in.get_count(21));
    for (inspect::HistogramImage& h : histograms) {
        set_enum(in, h.kind, in.get<std::uint8_t>(),
                 wire::kHistogramKindsCount - 1);
        h.worker = in.get<std::uint32_t>();
        h.samples = in.get_varint();
        h.below_resolution = in.get_varint();
        h.sum = in.get_varint();
        h.stamp_cost_ticks = in.get<std::uint32_t>();
        h.resolution_ticks = in.get<std::uint32_t>();
        h.sample_period = in.get<std::uint32_t>();
        const std::size_t buckets_count = in.get_count(1);
        if (buckets_count > wire::kHistogramBuckets) in.fail();
        if (!in.ok()) return;
        h.buckets.resize(buckets_count);
        for (std::uint64_t& bucket : h.buckets)
            bucket = in.get_varint();
    }
}

}  // namespace

std::vector<std::uint8_t> encode_image(const StateImage& image) {
    return encode_image(image, image.coroutines);
}

std::vector<std::uint8_t> encode_image(const StateImage& image, const std::vector<CoroutineImage>& coroutines) {
    ByteWriter out;
    out.bytes().reserve(coroutines.size() * 72 + 65536);
    put_header(out, image);
    put_coroutines(out, coroutines);
    put_channels(out, image);
    put_sites(out, image.sites);
    put_pools(out, image.pools);
    put_workers(out, image.workers);
    put_histograms(out, image.histograms);
    // Each part at the end is there only if it, or one after it, says anything.
    const bool signals = !image.signals.empty();
    const bool ring_heads = signals || !image.ring_heads.empty();
    const bool scheduling = ring_heads || has_scheduling(image, coroutines);
    const bool pending = scheduling || has_pending(image);
    const bool waitables = pending || !image.waitables.empty();
    const bool growth = waitables || has_growth(image);
    if (growth || !image.stack_segments.empty()) put_stack_segments(out, image.stack_segments);
    if (growth) put_growth(out, image);
    if (waitables) put_waitables(out, image.waitables);
    if (pending) put_pending(out, image);
    if (scheduling) put_scheduling(out, image, coroutines);
    if (ring_heads) put_ring_heads(out, image.ring_heads);
    if (signals) put_signals(out, image.signals);
    return std::move(out.bytes());
}

base::Result<StateImage> decode_image(std::span<const std::uint8_t> bytes, std::string_view strings) {
    base::Result<StateImage> image = decode_image_rows(bytes, strings);
    if (image.ok()) image->index();
    return image;
}

base::Result<StateImage> decode_image_rows(std::span<const std::uint8_t> bytes, std::string_view strings) {
    ByteReader in(bytes);
    StateImage image;
    get_header(in, image, strings);
    if (in.ok()) get_coroutines(in, image.coroutines);
    if (in.ok()) get_channels(in, image);
    if (in.ok()) get_sites(in, image.sites);
    if (in.ok()) get_pools(in, image.pools);
    if (in.ok()) get_workers(in, image.workers);
    if (in.ok()) get_histograms(in, image.histograms);
    if (in.ok()) get_stack_segments(in, image.stack_segments);
    if (in.ok()) get_growth(in, image);
    if (in.ok()) get_waitables(in, image.waitables);
    if (in.ok()) get_pending(in, image);
    if (in.ok()) get_scheduling(in, image);
    if (in.ok()) get_ring_heads(in, image.ring_heads);
    if (in.ok()) get_signals(in, image.signals);
    if (!in.ok()) return base::error(base::ErrorCode::kCorrupt, "a keyframe does not decode");
    return image;
}

}  // namespace coroscope::traces
