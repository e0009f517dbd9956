// StackProfile: where coroutines spend time or stack memory, by their stacks. What pprof, speedscope and folded files are made of.
//
// Which stack a park had: the one that a snapshot copied during it (identity and sequence agree), where the recorder took one; else the only
// stack that any snapshot of the trace saw parked at the same address, by a coroutine of the same site if any was; else that address
// alone. `frames` then says so by kPartial before the
// frames that are known. Time on a worker belongs to the stack at which the run ended: what came to its end there. The last frame of each
// stack, its root, is the coroutine's name and site.
//
// Values add up exactly: each tick that a walk tells is in one stack.
//
// Thread: one at a time. Blocks: walks the trace. Tested in tests/unit/exports/histories_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/analyses/trace_walk.h"
#include "traces/exports/export.h"

namespace coroscope::exports {

struct ProfileFrame {
    std::string function, file;
    std::string module;  // path of the ELF file; "" = unknown, or no place in the code
    std::uint32_t line = 0;
    std::uint64_t pc = 0;  // 0 = is no place in the code: a coroutine's name, a reason
    bool operator==(const ProfileFrame&) const = default;
};

struct StackRow {
    std::vector<ProfileFrame> frames;  // innermost first
    std::string coroutine, site;       // its name, "file:line"
    std::string reason;                // of a park; "" = none
    std::array<std::int64_t, 2> values{};
};

struct StackProfile {
    // What the values are: cpu: runs, nanoseconds. blocked: waits, nanoseconds. stack-memory: coroutines, bytes.
    std::array<const char*, 2> names{}, units{};
    std::int64_t begin_ns = 0, duration_ns = 0;  // of what is told; stack-memory: the moment, 0
    std::vector<StackRow> rows;                  // most of the second value first
};

// What is wanted. The time that is told of is the walk's.
struct StackProfileWish {
    Kind kind = Kind::kCpu;
    std::optional<std::int64_t> at_ns;   // stack-memory; nothing = the last moment with coroutines
    std::uint64_t coroutine = 0;         // identity; 0 = of all
    std::string site;                    // "file:line"; "" = of all
    // cpu, blocked: of whom alone, by identity, name and spawn site; null = of anybody. Asked once a life.
    std::function<bool(std::uint64_t, std::string_view, std::string_view)> of_whom = {};
    traces::Search* search = nullptr;    // ends early, with what adds up by then, when it is not wanted any more
};

// Errors: kUnreadable, when the trace has no stacks that could be shown.
base::Result<StackProfile> make_stack_profile(analyses::TraceWalk& walk, const StackProfileWish& wish);

// Of who stands for a stack that was not captured whole; and how a coroutine's root frame reads: "parser (parse.cpp:12)".
inline constexpr const char* kPartialFrame = "[frames that were not captured]";
std::string root_text(const std::string& coroutine, const std::string& site);

}  // namespace coroscope::exports
