// Tables: a trace as rows, for CSV, JSON and SQLite. The columns and what they mean stand in kTables (tables.cpp), which is the schema of
// all three.
//
//   trace        what was recorded, one row
//   sites        where coroutines are spawned
//   coroutines   one row a coroutine: its life, and how much of it it ran, waited and was blocked
//   spans        what each did, without gaps: running, ready, blocked, unknown
//   wakes        who made whom ready, and why
//   channels     one row a channel
//   workers      one row a worker
//   counters     numbers over time: counted from events, and those that the program tells itself
//   messages     what it said: messages, and notes of what a coroutine is about
//   zones        stretches of a coroutine's (or thread's) time that it named
//   signals      what was sent to it, what it raised, faults, and what became of them
//   losses       where events are missing
//
// Times are nanoseconds since the program's runtime started (`*_ns`), or lengths of time in them; `id`s of coroutines and channels are never
// reused. A missing value (NULL, an empty field, null) means: none, or not known.
//
// Rows of different tables come in turns, as the walk meets them. Thread: one at a time. Tested in tests/unit/exports/histories_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "traces/analyses/trace_walk.h"
#include "traces/exports/counters.h"
#include "traces/sparse_table.h"

namespace coroscope::exports {

enum class ColumnType : std::uint8_t { kInteger, kReal, kText };
struct Column {
    const char* name;
    ColumnType type;
    const char* meaning;
};
enum class TableName : std::uint8_t {
    kTrace,
    kSites,
    kCoroutines,
    kSpans,
    kWakes,
    kChannels,
    kWorkers,
    kCounters,
    kMessages,
    kZones,
    kSignals,
    kLosses
};
inline constexpr std::size_t kTablesCount = 12;
struct Table {
    const char* name;
    std::vector<Column> columns;
};
const std::array<Table, kTablesCount>& tables();

using Value = std::variant<std::monostate, std::int64_t, double, std::string_view>;

class TableSink {
public:
    virtual ~TableSink() = default;
    // As many values as the table has columns, each of its column's type or missing.
    virtual void row(TableName table, std::span<const Value> values) = 0;
};

// Walks the trace and hands over every row of every table.
void tell_tables(analyses::TraceWalk& walk, TableSink& sink);

}  // namespace coroscope::exports
