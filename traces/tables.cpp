// One pair of functions a payload; each pair lists the same fields in the same order.
#include "traces/tables.h"

#include <algorithm>

#include "traces/bytes.h"

namespace coroscope::traces {
namespace {

base::Error corrupt(const char* what) {
    return base::error(base::ErrorCode::kCorrupt, std::string(what) + " of the trace do not decode");
}

constexpr std::size_t kFrameListMax = 4096;           // levels of inlining at one address
constexpr std::size_t kSymbolBytesMax = 256UL << 20;  // of all frames of a chunk: a text may be named often

}  // namespace

Bytes encode_meta(const TraceMeta& meta) {
    ByteWriter out;
    out.put(meta.pid);
    out.put(meta.uid);
    out.put_text(meta.program);
    out.put(meta.segment_nonce);
    out.put(meta.start_ticks);
    out.put(meta.begin_ticks);
    out.put(meta.clock);
    out.put(meta.mask);
    out.put(meta.sample_period);
    out.put(meta.ns_per_event);
    out.put(meta.park_address);
    out.put(meta.park_end_address);
    out.put(meta.trampoline_address);
    if (meta.begin_unix_ns != 0) out.put(meta.begin_unix_ns);  // the last: readers of before stop short of it
    return std::move(out.bytes());
}

base::Result<TraceMeta> decode_meta(BytesView bytes) {
    ByteReader in(bytes);
    TraceMeta meta;
    meta.pid = in.get<std::uint32_t>();
    meta.uid = in.get<std::uint32_t>();
    meta.program = in.get_text();
    meta.segment_nonce = in.get<std::uint64_t>();
    meta.start_ticks = in.get<std::uint64_t>();
    meta.begin_ticks = in.get<std::uint64_t>();
    meta.clock = in.get<base::ClockCalibration>();
    meta.mask = in.get<std::uint32_t>();
    meta.sample_period = in.get<std::uint32_t>();
    meta.ns_per_event = in.get<double>();
    meta.park_address = in.get<std::uint64_t>();
    meta.park_end_address = in.get<std::uint64_t>();
    meta.trampoline_address = in.get<std::uint64_t>();
    if (in.remaining() != 0) meta.begin_unix_ns = in.get<std::uint64_t>();
    if (!in.ok() || meta.clock.shift > 63) return corrupt("the particulars");
    return meta;
}

Bytes encode_stack_table(const inspect::StackTable& table, std::uint32_t first, std::uint32_t end) {
    ByteWriter out;
    out.put_varint(first);
    out.put_varint(end - first);
    for (std::uint32_t stack = first; stack < end; ++stack) {
        const std::vector<std::uint64_t>& pcs = table.pcs(stack);
        out.put_varint(pcs.size());
        out.put_delta_column(pcs, [](std::uint64_t pc) { return pc; });
    }
    return std::move(out.bytes());
}

base::Status decode_stack_table(BytesView bytes, inspect::StackTable& table) {
    ByteReader in(bytes);
    const std::uint64_t first = in.get_varint();
    const std::size_t count = in.get_count(1);
    if (!in.ok() || first != table.size()) return corrupt("the stacks");
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<std::uint64_t> pcs(in.get_count(1));
        if (pcs.size() > inspect::kFramesMax) return corrupt("the stacks");
        in.get_delta_column(pcs, [](std::uint64_t& pc, std::uint64_t value) { pc = value; });
        if (!in.ok() || table.add(pcs) != first + i) return corrupt("the stacks");
    }
    return base::ok_status();
}

Bytes encode_stacks(const inspect::StackSnapshot& stacks) {
    ByteWriter out;
    out.put(stacks.taken_ticks);
    out.put(stacks.torn);
    out.put(stacks.running);
    out.put(stacks.failed);
    out.put_varint(stacks.stacks.size());
    using inspect::StackRef;
    out.put_delta_column(stacks.stacks, [](const StackRef& s) { return s.identity; });
    out.put_column<std::uint32_t>(stacks.stacks, [](const StackRef& s) { return s.sequence; });
    out.put_column<std::uint8_t>(stacks.stacks, [](const StackRef& s) { return s.consistency; });
    out.put_column<std::uint8_t>(stacks.stacks, [](const StackRef& s) { return s.end; });
    out.put_delta_column(stacks.stacks, [](const StackRef& s) { return s.stack; });
    out.put_column<std::uint32_t>(stacks.stacks, [](const StackRef& s) { return s.used_bytes; });
    return std::move(out.bytes());
}

base::Result<inspect::StackSnapshot> decode_stacks(BytesView bytes) {
    ByteReader in(bytes);
    inspect::StackSnapshot snapshot;
    snapshot.taken_ticks = in.get<std::uint64_t>();
    snapshot.torn = in.get<std::uint64_t>();
    snapshot.running = in.get<std::uint64_t>();
    snapshot.failed = in.get<std::uint64_t>();
    std::vector<inspect::StackRef>& rows = snapshot.stacks;
    rows.resize(in.get_count(1 + 4 + 1 + 1 + 1 + 4));
    using inspect::StackRef;
    in.get_delta_column(rows, [](StackRef& s, std::uint64_t v) { s.identity = v; });
    in.get_column<std::uint32_t>(rows, [](StackRef& s, std::uint32_t v) { s.sequence = v; });
    in.get_column<std::uint8_t>(rows, [&](StackRef& s, std::uint8_t v) {
        if (v > 3) in.fail();
        s.consistency = static_cast<inspect::Consistency>(v & 3);
    });
    in.get_column<std::uint8_t>(rows, [&](StackRef& s, std::uint8_t v) {
        if (v > static_cast<std::uint8_t>(inspect::UnwindEnd::kNotUnwound)) in.fail();
        s.end = static_cast<inspect::UnwindEnd>(v);
    });
    in.get_delta_column(rows, [&](StackRef& s, std::uint64_t v) {
        if (v > wire::kNone) in.fail();
        s.stack = static_cast<std::uint32_t>(v);
    });
    in.get_column<std::uint32_t>(rows, [](StackRef& s, std::uint32_t v) { s.used_bytes = v; });
    const auto not_before = [](const StackRef& a, const StackRef& b) { return a.identity >= b.identity; };
    if (!in.ok() || std::adjacent_find(rows.begin(), rows.end(), not_before) != rows.end())
        return corrupt("the stacks");
    return snapshot;
}

Bytes encode_modules(const std::vector<inspect::Module>& modules) {
    ByteWriter out;
    out.put_varint(modules.size());
    for (const inspect::Module& module : modules) {
        out.put_text(module.path);
        out.put(module.low);
        out.put(module.high);
        out.put_text(module.build_id);
    }
    return std::move(out.bytes());
}

base::Result<std::vector<inspect::Module>> decode_modules(BytesView bytes) {
    ByteReader in(bytes);
    std::vector<inspect::Module> modules(in.get_count(18));
    for (inspect::Module& module : modules) {
        module.path = in.get_text();
        module.low = in.get<std::uint64_t>();
        module.high = in.get<std::uint64_t>();
        module.build_id = in.get_text();
    }
    if (!in.ok()) return corrupt("the modules");
    return modules;
}

// Texts repeat in every frame: each is written once and named by its number.
Bytes encode_symbols(const Symbols& symbols) {
    std::unordered_map<std::string_view, std::uint64_t> numbers;
    std::vector<std::string_view> texts;
    const auto number = [&](const std::string& text) {
        const auto [at, added] = numbers.try_emplace(text, texts.size());
        if (added) texts.push_back(at->first);
        return at->second;
    };
    std::vector<std::uint64_t> pcs;
    for (const auto& [pc, frames] : symbols)
        pcs.push_back(pc);
    std::sort(pcs.begin(), pcs.end());
    ByteWriter body;
    body.put_varint(pcs.size());
    body.put_delta_column(pcs, [](std::uint64_t pc) { return pc; });
    for (const std::uint64_t pc : pcs) {
        const std::vector<inspect::Frame>& frames = symbols.at(pc);
        body.put_varint(frames.size());
        for (const inspect::Frame& frame : frames) {
            body.put_varint(number(frame.function));
            body.put_varint(number(frame.file));
            body.put_varint(frame.line);
            body.put_varint(number(frame.module));
            body.put(static_cast<std::uint8_t>(frame.inlined));
        }
    }
    ByteWriter out;
    out.put_varint(texts.size());
    for (const std::string_view text : texts)
        out.put_text(text);
    out.put_bytes(body.bytes());
    return std::move(out.bytes());
}

base::Status decode_symbols(BytesView bytes, Symbols& symbols) {
    ByteReader in(bytes);
    std::vector<std::string> texts(in.get_count(1));
    for (std::string& text : texts)
        text = in.get_text();
    std::size_t symbol_bytes = 0;
    const auto text = [&] {
        const std::uint64_t number = in.get_varint();
        if (number < texts.size() && (symbol_bytes += texts[number].size()) <= kSymbolBytesMax)
            return texts[number];
        in.fail();
        return std::string();
    };
    std::vector<std::uint64_t> pcs(in.get_count(1));
    in.get_delta_column(pcs, [](std::uint64_t& pc, std::uint64_t value) { pc = value; });
    if (!in.ok()) return corrupt("the symbols");
    for (const std::uint64_t pc : pcs) {
        std::vector<inspect::Frame> frames(in.get_count(5));
        if (frames.size() > kFrameListMax) return corrupt("the symbols");
        for (inspect::Frame& frame : frames) {
            frame.pc = pc;
            frame.function = text();
            frame.file = text();
            frame.line = static_cast<std::uint32_t>(in.get_varint());
            frame.module = text();
            frame.inlined = in.get<std::uint8_t>() != 0;
        }
        if (!in.ok()) return corrupt("the symbols");
        symbols.insert_or_assign(pc, std::move(frames));
    }
    return base::ok_status();
}

Counts counts_since(Counts counts, const Counts& before) {
    const auto subtract = [](auto& from, const auto& what) {
        for (std::size_t type = 0; type < from.size(); ++type)
            from[type] -= std::min(from[type], what[type]);
    };
    for (RingCount& row : counts.rings) {
        for (const RingCount& old : before.rings) {
            if (old.ring != row.ring) continue;
            subtract(row.emitted, old.emitted);
            subtract(row.dropped, old.dropped);
            subtract(row.accepted, old.accepted);
            row.overtaken -= std::min(row.overtaken, old.overtaken);
        }
    }
    return counts;
}

Bytes encode_counts(const Counts& counts) {
    ByteWriter out;
    out.put(counts.mark_ticks);
    out.put_varint(counts.rings.size());
    for (const RingCount& ring : counts.rings) {
        out.put(ring.ring);
        out.put(static_cast<std::uint8_t>(ring.owner));
        out.put(ring.owner_index);
        out.put(ring.head);
        out.put(ring.overtaken);
        for (const auto* table : {&ring.emitted, &ring.dropped, &ring.accepted}) {
            for (const std::uint64_t count : *table)
                out.put_varint(count);
        }
    }
    return std::move(out.bytes());
}

base::Result<Counts> decode_counts(BytesView bytes) {
    ByteReader in(bytes);
    Counts counts;
    counts.mark_ticks = in.get<std::uint64_t>();
    counts.rings.resize(in.get_count(25 + 3 * wire::kEventTypesMax));
    for (RingCount& ring : counts.rings) {
        ring.ring = in.get<std::uint32_t>();
        const auto owner = in.get<std::uint8_t>();
        if (owner > static_cast<std::uint8_t>(wire::RingOwner::kThread)) in.fail();
        ring.owner = static_cast<wire::RingOwner>(owner);
        ring.owner_index = in.get<std::uint32_t>();
        ring.head = in.get<std::uint64_t>();
        ring.overtaken = in.get<std::uint64_t>();
        for (auto* table : {&ring.emitted, &ring.dropped, &ring.accepted}) {
            for (std::uint64_t& count : *table)
                count = in.get_varint();
        }
    }
    if (!in.ok()) return corrupt("the counts");
    return counts;
}

namespace {

template <typename Visit>
void each_figure(RecordingCost& cost, Visit&& visit) {
    visit(cost.seconds);
    visit(cost.ns_per_event);
    visit(cost.events_per_second);
    visit(cost.cpu_share);
    visit(cost.estimated_slowdown);
    visit(cost.recorder_cores);
    visit(cost.bytes_per_second);
}

}  // namespace

Bytes encode_end(const TraceEnd& end) {
    ByteWriter out;
    out.put(end.ticks);
    out.put_text(end.because);
    out.put_text(end.note);
    if (end.cost.has_value()) {
        RecordingCost cost = *end.cost;
        each_figure(cost, [&](double& figure) { out.put(figure); });
        out.put(cost.blocked_seconds);
    }
    return std::move(out.bytes());
}

base::Result<TraceEnd> decode_end(BytesView bytes) {
    ByteReader in(bytes);
    TraceEnd end;
    end.ticks = in.get<std::uint64_t>();
    end.because = in.get_text();
    end.note = in.get_text();
    if (in.ok() && in.remaining() != 0) {
        RecordingCost& cost = end.cost.emplace();
        each_figure(cost, [&](double& figure) { figure = std::max(0.0, in.get<double>()); });
        if (in.remaining() != 0) cost.blocked_seconds = std::max(0.0, in.get<double>());  // not in traces of before
    }
    if (!in.ok()) return corrupt("the last words");
    return end;
}

}  // namespace coroscope::traces
