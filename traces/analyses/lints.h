// Lints: what the data shows to be wrong with a program, each with the numbers, what it is about, and what to do.
//
// A finding is something that is so, never something that looks like it: where a rule would have to guess it says nothing. Most rules ask two
// looks at the program, some time apart: what is the same in both has lasted so long, whoever listened. From a recorded stretch of time more is
// known: since when each coroutine is as it is, how deep the stacks of all went, who kept a worker from whom (lint_slices.h).
//
// `coroscope lint`, the window's Lints view and `coroscope top` all ask compute_lints(). Findings are muted by rule, or by rule and what they
// are about ("stack-oversized", "stack-oversized pool.cpp:12"), by whoever shows them.
//
// Thread: pure functions, but for those that say that they block. Tested in tests/unit/analyses/lints_test.cpp: for each rule a state that has it
// and one that nearly has; real programs in tests/e2e/lints_test.py.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/analysis.h"
#include "traces/moment.h"
#include "traces/replay.h"
#include "traces/search.h"
#include "traces/size_rows.h"

namespace coroscope::analyses {

enum class LintSeverity : std::uint8_t {
    kError,    // something will never happen any more
    kWarning,  // something waits, or may end badly, that need not
    kHint,     // memory or time that could be saved
};
const char* severity_name(LintSeverity severity);  // "error" "warning" "hint"

struct LintRule {
    const char* id;  // "deadlock"
    LintSeverity severity;
    const char* looks_for;  // one line
    const char* advice;     // what to do, one sentence
};
// All of them, those that matter most first. A lint's `rule` is its place here.
std::span<const LintRule> lint_rules();

// What a finding points at.
struct LintEvidence {
    enum class Kind : std::uint8_t { kCoroutine, kChannel, kLock, kSite, kWorker, kPool, kTime };
    Kind kind = Kind::kCoroutine;
    std::string text;      // "fork (12)", "channel:words", "mutex:fork", "pool.cpp:12", "worker 1"
    std::uint64_t id = 0;  // coroutine: identity; worker: index; time: nanoseconds since the runtime's start
};
const char* evidence_kind_name(LintEvidence::Kind kind);

struct Lint {
    std::size_t rule = 0;
    std::string about;  // what it is muted by besides its rule: the same at the next look and in the next run
    std::string sentence;
    std::uint64_t count = 1;             // coroutines, or what else the rule counts
    std::vector<LintEvidence> evidence;  // the first few

    const LintRule& says() const { return lint_rules()[rule]; }
    std::string key() const { return std::string(says().id) + " " + about; }
};
// Of evidence so many pieces are kept.
inline constexpr std::size_t kLintEvidenceMax = 8;

struct LintReport {
    std::vector<Lint> lints;       // by severity, then by rule, then the largest first
    std::uint64_t coroutines = 0;  // that were looked at
    std::int64_t watched_ns = 0;   // between the two looks; 0 = there was one
    bool whole_past = false;       // every slice of a recorded stretch was looked at, too
    std::vector<std::string>
        blind;  // ids of rules that could not be asked, for lack of a second look or of a recorded past
};

// One question. What it refers to must outlive the call.
struct LintLook {
    const traces::Moment& now;
    const traces::Stat& stat;                // of `now`
    const traces::Waits& waits;              // of `now`
    const traces::Moment* before = nullptr;  // an earlier look at the same program; nullptr: there is none
    // What is in `now` was so at one and the same instant: recorded programs and cores, which do not change while they are read.
    bool one_instant = false;
    const traces::SizeRows* sizes = nullptr;  // of a recorded stretch; nullptr: none is looked at
};
LintReport compute_lints(const LintLook& look);

// What the looks of one moment cannot show: of a whole trace, whichever moment is asked about.
struct LintPast {
    traces::SizeRows sizes;
    std::vector<Lint> slices;  // that kept a worker from others
};
// Blocks: reads the trace from its begin to its end, twice, some 10 million events a second; of no use when the search is not wanted any more.
// Errors: kCorrupt, kUnreadable.
base::Result<LintPast> read_lint_past(const std::shared_ptr<const traces::Replay>& replay, const traces::Search& search);
// What is wrong at the moment `t`, or was in the whole trace. `session`: for names. Blocks: rebuilds two moments. Errors: the same.
base::Result<LintReport> lints_of_past(const traces::Replay& replay, const LintPast& past, traces::Session& session,
                                       traces::TimeNs t);

// What is muted: ids of rules, or keys of findings.
using Mutes = std::set<std::string>;
bool is_muted(const Lint& lint, const Mutes& mutes);
// Takes what is muted out of the report; returns how many findings that were.
std::size_t take_muted(LintReport& report, const Mutes& mutes);

// {"lints": [{"rule", "severity", "about", "key", "sentence", "advice", "count", "evidence": [{"kind", "text", "id"}]}], "coroutines",
//  "rules", "blind", "watched_ns", "whole_past", "muted"}
nlohmann::json to_json(const LintReport& report, std::size_t muted = 0);
std::string to_text(const LintReport& report, std::size_t muted = 0);
// "nothing found: 13 rules looked at 104 coroutines".
std::string nothing_found_text(const LintReport& report);

}  // namespace coroscope::analyses
