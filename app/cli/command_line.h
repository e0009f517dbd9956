// The command line: what was typed, as values. Nothing is opened, started or printed here.
//
// A line is a word and its options; everything after a lone "--" is the program to start and belongs to that program alone. A wrong line
// becomes one sentence with the way out. Words and options are those of DESIGN; what does not exist yet is not offered.
//
// Thread: any. Tested in tests/unit/app/command_line_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/window.h"
#include "instrumentation/base/result.h"

namespace coroscope::app {

// --help: the text to print.
struct HelpWish {
    std::string text;
};

// What a flight recorder keeps, whichever is less. Memory is always bounded.
struct FlightSize {
    static constexpr std::uint64_t kBytesDefault = 256'000'000;  // where only a time was said
    std::uint64_t bytes = 0;
    std::int64_t ns = 0;  // 0 = as long as that lasts
};

// record -o FILE (--pid PID | -- PROG ARGS…)
struct RecordWish {
    std::string output;  // "-" = stdout
    std::uint32_t pid = 0;  // 0: `program` is started
    LaunchSpec program;
    std::uint32_t sample_period = 0;  // one switch in so many is measured; 0 = the runtime's default
    int keyframe_interval_ms = 500;
    std::string stop_rule;  // recording ends when it holds; "" = none
    int after_ms = 0;       // so long after it
    std::optional<FlightSize> flight;  // nothing is written but dumps of so much
    bool block = false;                // the program waits for the recorder rather than lose events
    bool progress = false;             // a line a second, also where stderr is no terminal
};

// compact FILE -o FILE
struct CompactWish {
    std::string file;
    std::string output;
    bool json = false;
};

struct LsWish {
    bool json = false;
};

// stat, stacks, waits: one look at a trace or a running program.
struct LookWish {
    enum class What : std::uint8_t { kStat, kStacks, kWaits };
    What what = What::kStat;
    std::string file;    // a trace or a core; "" = a running program
    std::string binary;  // of a core: stands for its program; "" = nothing does
    std::uint32_t pid = 0;
    std::optional<std::int64_t> at_ns;  // since the start of the target's runtime; nothing = the end
    bool running = false;       // stacks: also of those that run now, which stops their workers for a moment
    bool agent_copies = false;  // stacks are copied by the target's agent, as where its memory may not be read
    bool json = false;
    bool dot = false;  // waits only
};

// sizes FILE… [--binary BINARY]… [-o TABLE], or sizes --compare BEFORE AFTER. Files are traces or tables.
struct SizesWish {
    std::vector<std::string> traces;
    std::vector<std::string> previous_tables;
    std::vector<std::string> binaries;  // that ran; else those that the traces name
    bool compare = false;               // of two files, in place of a table
    std::string output;  // "" = only print
    bool json = false;
};

// What `analyze --assume` knows.
inline constexpr std::array<const char*, 3> kAssumptionNames = {"no-throw", "warm-malloc", "any-callee"};

// analyze (BINARY | --pid PID) [--function NAME | --all] [--assume WHAT] [--callgraph-info DIR]: stack bounds of its spawn sites, of functions of
// that name, or how many functions have one.
struct AnalyzeWish {
    std::string binary;     // "" = what `pid` runs
    std::uint32_t pid = 0;  // whose calls into libraries are followed; 0 = what the files say
    std::string function;
    std::vector<std::string> assumed;  // names of kAssumptionNames
    std::string callgraph_info;        // a folder; "" = none
    bool all = false;
    bool json = false;
};

// profile FILE: where the time went. `by` and `sort` are names that analyses::ProfileOptions knows.
struct ProfileWish {
    std::string file;
    std::string by = "site", sort = "total";
    std::size_t top = 20;  // rows; 0 = all
    bool json = false;
};

// compare BEFORE AFTER: two recorded runs held against each other.
struct CompareWish {
    std::string before, after;
    bool json = false;
};

// export FILE --format F -o OUT. `format` and `kind` are names that exports::find_format() and exports::find_kind() know.
struct ExportWish {
    std::string file;
    std::string format;
    std::string kind;    // "" = the format has one content only, or its first
    std::string output;  // "-" = stdout
    std::optional<std::int64_t>
        at_ns;  // formats that show one moment; nothing = the last at which there were coroutines
};

// ctl --pid PID (pause|resume|step|stop) [ID…]
struct CtlWish {
    enum class What : std::uint8_t { kPause, kResume, kStep, kStop, kBreak, kMask };
    What what = What::kPause;
    std::uint32_t pid = 0;
    std::vector<std::uint64_t> coroutines;  // none = everything; kStep: whomever the scheduler picks; kStop: one
    bool keep = false;                      // kPause, kBreak: it stays when we have gone
    std::string rule;                       // kBreak
    bool log = false;                       // kBreak: each time is said, and nothing is paused
    std::optional<std::uint64_t> count;     // kBreak: the time that counts; log: how many are said; dump: how many are written
    std::string dump_to;                    // kBreak: what led to it is written there, and nothing is paused; "" = not
    FlightSize dump_size;
    std::uint32_t withheld = 0, changed = 0;  // kMask: wire::Category
    int patience_ms = 1000;  // how long it is waited for, before it is said who keeps it from taking effect
    bool json = false;
};

// query (FILE | --pid PID) RULE
struct QueryWish {
    std::string file;  // a trace or a core; "" = a running program
    std::uint32_t pid = 0;
    std::string rule;
    std::optional<std::int64_t> at_ns, from_ns, to_ns, before_ns, after_ns;  // since the start of the target's runtime
    bool when = false;   // the times at which a rule about state held
    bool count = false;  // how many, and nothing else
    std::uint64_t limit = 100;
    bool json = false;
};

// lints (FILE | --pid PID)
struct LintsWish {
    std::string file;    // a trace or a core; "" = a running program
    std::string binary;  // of a core
    std::uint32_t pid = 0;
    std::optional<std::int64_t> at_ns;     // of a trace; nothing = the last moment with coroutines
    std::int64_t apart_ns = 1'100'000'000;  // between two looks at a running program: longer than any rule asks for
    std::vector<std::string> mutes;        // analyses::Mutes
    bool list_rules = false;               // say what is looked for, and look at nothing
    bool json = false;
};

// top (FILE | --pid PID | -- PROG ARGS…): the program in a terminal, looked at again and again.
struct TopWish {
    std::string file;    // a trace or a core: one table; "" = a running program
    std::string binary;  // of a core
    std::uint32_t pid = 0;
    LaunchSpec program;  // that is started; "" = none is
    std::int64_t every_ns = 1'000'000'000;
    std::string sort = "running", filter;
    std::vector<std::string> mutes;  // of lints
    bool once = false;               // one table as text
    bool json = false;               // the same as JSON
};

struct DoctorWish {
    bool json = false;
};

using Wish = std::variant<HelpWish, WindowOptions, RecordWish, CompactWish, LsWish, LookWish, CtlWish, AnalyzeWish,
                          SizesWish, ProfileWish, CompareWish, ExportWish, QueryWish, LintsWish, TopWish, DoctorWish>;

// `arguments` are those after the program's own name. Errors: kUsage.
base::Result<Wish> parse_command_line(const std::vector<std::string>& arguments);

// A process id. Errors: kUsage.
base::Result<std::uint32_t> parse_pid(const std::string& text);
// "1500ms", "1.5s", "200us", "42ns", "2m"; a plain number counts milliseconds. Errors: kUsage.
base::Result<std::int64_t> parse_duration_ns(const std::string& text);
// "64MB", "1.5GiB", "512KB". Errors: kUsage.
base::Result<std::uint64_t> parse_bytes(const std::string& text);
// "64MB", "10s", "64MB,10s". Errors: kUsage.
base::Result<FlightSize> parse_flight_size(const std::string& text);
// "1600x1000" into pixels. Errors: kUsage.
base::Status parse_size(const std::string& text, std::uint32_t* width, std::uint32_t* height);

}  // namespace coroscope::app
