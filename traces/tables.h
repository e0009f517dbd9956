// The smaller payloads of a trace file: meta, stack tables, stacks, modules, symbols, counts, end.
//
// Thread: value types and pure functions. Tested in tests/unit/traces/tables_test.cpp; fuzzed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/base/tsc.h"
#include "instrumentation/inspect/stack.h"
#include "instrumentation/wire/event.h"
#include "instrumentation/wire/ring.h"
#include "traces/recording_cost.h"

namespace coroscope::traces {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

// What a trace says about itself, once.
struct TraceMeta {
    std::uint32_t pid = 0;
    std::uint32_t uid = 0;
    std::string program;
    std::uint64_t segment_nonce = 0;
    std::uint64_t start_ticks = 0;  // t = 0
    std::uint64_t begin_ticks = 0;  // when recording began
    base::ClockCalibration clock;
    std::uint32_t mask = 0;           // wire::Category that was listened to
    std::uint32_t sample_period = 0;  // of switches; 0 = the default
    double ns_per_event = 0;          // calibrated when recording began; 0 = not known
    std::uint64_t park_address = 0, park_end_address = 0, trampoline_address = 0;
    std::uint64_t begin_unix_ns = 0;  // when recording began, by the calendar; 0 = not told (traces of before)
};
Bytes encode_meta(const TraceMeta& meta);
base::Result<TraceMeta> decode_meta(BytesView bytes);

// Stacks number first .. of a table, as the list of their program counters.
Bytes encode_stack_table(const inspect::StackTable& table, std::uint32_t first, std::uint32_t end);
// Adds them to `table`; kCorrupt when their numbers would not be the same.
base::Status decode_stack_table(BytesView bytes, inspect::StackTable& table);

Bytes encode_stacks(const inspect::StackSnapshot& stacks);
base::Result<inspect::StackSnapshot> decode_stacks(BytesView bytes);

Bytes encode_modules(const std::vector<inspect::Module>& modules);
base::Result<std::vector<inspect::Module>> decode_modules(BytesView bytes);

using Symbols = std::unordered_map<std::uint64_t, std::vector<inspect::Frame>>;  // by return address
Bytes encode_symbols(const Symbols& symbols);
// Adds to `symbols`.
base::Status decode_symbols(BytesView bytes, Symbols& symbols);

// Emitted, dropped and accepted events of one ring since recording began.
struct RingCount {
    std::uint32_t ring = 0;
    wire::RingOwner owner = wire::RingOwner::kFree;
    std::uint32_t owner_index = 0;
    std::uint64_t head = 0;       // slots written
    std::uint64_t overtaken = 0;  // of those, lapped before they were read (watching only)
    std::array<std::uint64_t, wire::kEventTypesMax> emitted{}, dropped{}, accepted{};
};
struct Counts {
    std::uint64_t mark_ticks = 0;  // every event stamped before it is accounted for
    std::vector<RingCount> rings;
};
// What came between two marks of one recording.
Counts counts_since(Counts counts, const Counts& before);
Bytes encode_counts(const Counts& counts);
base::Result<Counts> decode_counts(BytesView bytes);

struct TraceEnd {
    std::uint64_t ticks = 0;
    std::string because;  // "the program ended", "the program was killed", "asked to stop"
    std::string note;     // what a reader should know, e.g. that the end could not be looked at
    std::optional<RecordingCost> cost = std::nullopt;  // not in traces of before
};
Bytes encode_end(const TraceEnd& end);
base::Result<TraceEnd> decode_end(BytesView bytes);

}  // namespace coroscope::traces
