// Exports: a trace in the formats of other people's tools.
//
//   perfetto     ui.perfetto.dev: tracks of workers and coroutines, flows of wakes and messages, counters (perfetto_file.cpp)
//   chrome       the same as Chrome's JSON (chrome_file.cpp)
//   pprof        go tool pprof: time or memory by coroutine stack (pprof_file.cpp); kinds below
//   speedscope   speedscope.app: the same (stack_files.cpp)
//   folded       flamegraph.pl and friends: one line a stack (stack_files.cpp)
//   csv          a folder, one file a table (table_files.cpp); the tables are those of tables.h
//   json         one object, one array of objects a table
//   sqlite       a database, one table a table (sqlite_file.cpp)
//   dot          who waits for whom at one moment, for Graphviz
//   go           Go's execution trace, format 1.19: go tool trace (go_trace_file.cpp)
//
// Kinds: cpu = time on workers, by the stack at which each run ended; blocked = time parked, by the stack of the park; stack-memory = bytes
// of stack in use at one moment, by stack.
//
// Thread: pure functions. Blocks: reads the trace, writes the output. Memory: what a walk takes (trace_walk.h), buffers, and distinct
// stacks. Tested, against the readers of others, in tests/e2e/export_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "instrumentation/base/result.h"

namespace coroscope::exports {

enum class Format : std::uint8_t {
    kPerfetto,
    kChrome,
    kPprof,
    kSpeedscope,
    kFolded,
    kCsv,
    kJson,
    kSqlite,
    kDot,
    kGo
};
inline constexpr std::array<const char*, 10> kFormatNames = {
    "perfetto", "chrome", "pprof", "speedscope", "folded", "csv", "json", "sqlite", "dot", "go"};
enum class Kind : std::uint8_t { kCpu, kBlocked, kStackMemory };
inline constexpr std::array<const char*, 3> kKindNames = {"cpu", "blocked", "stack-memory"};

std::optional<Format> find_format(const std::string& name);
std::optional<Kind> find_kind(const std::string& name);
bool is_by_stack(Format format);  // takes a kind
bool can_stream(Format format);   // can go to stdout

struct ExportRequest {
    std::string trace;   // path
    std::string output;  // path; "-" = stdout
    Format format = Format::kDot;
    Kind kind = Kind::kBlocked;
    std::optional<std::int64_t> at_ns;  // dot, stack-memory; nothing = the last moment with coroutines
};

// Errors: those of opening a trace; kUnreadable, when it has not what the format needs; kIo, when the output cannot be written.
base::Status export_trace(const ExportRequest& request);

}  // namespace coroscope::exports
