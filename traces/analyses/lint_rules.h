// The rules behind compute_lints(), a function each: what it is asked of, and what it adds.
//
// A rule adds nothing where it does not know. Findings about many of a kind are one finding with a count.
//
// Thread: pure. Tested in tests/unit/analyses/lints_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "traces/analyses/lints.h"

namespace coroscope::analyses {

// Places in lint_rules().
enum LintRuleAt : std::size_t {
    kDeadlock,
    kOrphanWait,
    kLockOfTheEnded,
    kLeakedCoroutine,
    kSignalLost,
    kNeverYields,
    kSignalHandlerBlocks,
    kHandlerWithoutStack,
    kLockHeldWhileParked,
    kChannelFull,
    kStarvedSelectArm,
    kIdleWorker,
    kStackNearlyFull,
    kPoolFull,
    kGrowthThrash,
    kStackOversized,
    kLintRulesCount
};

// How long something must have lasted before it is one. A worker that loses its processor to others stands still for some ten milliseconds on a busy
// machine; a program that waits for a person, or for a peer, waits with nobody in line.
inline constexpr std::int64_t kHogNs = 100'000'000;
inline constexpr std::int64_t kHeldNs = 200'000'000;
inline constexpr std::int64_t kChannelFullNs = 1'000'000'000;

// What is known over the time between two looks.
class LintWatch {
public:
    explicit LintWatch(const LintLook& look) : look_(look) {}

    const LintLook& look() const { return look_; }
    const inspect::StateImage& state() const { return look_.now.state; }
    // Between the looks; 0 when there is one.
    std::int64_t apart_ns() const { return look_.before == nullptr ? 0 : look_.now.t - look_.before->t; }
    // How long a coroutine is known to be as it is, at least; 0 = not known.
    std::int64_t still_ns(const inspect::CoroutineImage& coroutine) const;

private:
    const LintLook& look_;
};

// ---- lint_waits.cpp
void find_deadlocks(const LintWatch& watch, std::vector<Lint>& lints);  // and leaked coroutines
void find_orphan_waits(const LintWatch& watch, std::vector<Lint>& lints);
void find_locks_of_the_ended(const LintWatch& watch, std::vector<Lint>& lints);
void find_locks_held_while_parked(const LintWatch& watch, std::vector<Lint>& lints);
void find_full_channels(const LintWatch& watch, std::vector<Lint>& lints);
// ---- lint_workers.cpp
void find_those_who_never_yield(const LintWatch& watch, std::vector<Lint>& lints);
void find_idle_workers(const LintWatch& watch, std::vector<Lint>& lints);
void find_starved_arms(const LintWatch& watch, std::vector<Lint>& lints);
// ---- lint_stacks.cpp
void find_nearly_full_stacks(const LintWatch& watch, std::vector<Lint>& lints);
void find_full_pools(const LintWatch& watch, std::vector<Lint>& lints);
void find_growth_thrash(const LintWatch& watch, std::vector<Lint>& lints);
void find_oversized_stacks(const LintWatch& watch, std::vector<Lint>& lints);

// ---- lint_signals.cpp
void find_lost_signals(const LintWatch& watch, std::vector<Lint>& lints);
void find_handlers_that_block(const LintWatch& watch, std::vector<Lint>& lints);
void find_handlers_without_stack(const LintWatch& watch, std::vector<Lint>& lints);

// By severity, then by rule, then the largest first.
void order_lints(std::vector<Lint>& lints);
// "fork (12)".
std::string called(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);
// "1.5 s", "230 ms": three digits at most.
std::string brief_ns(std::int64_t ns);
// "1 coroutine", "12 coroutines".
std::string counted(std::uint64_t count, const char* one, const char* many);
// The end of a path, as sentences name a site: "pool.cpp:12".
std::string short_site(const std::string& site);
// Adds a piece of evidence while there is room.
void point_at(Lint& lint, LintEvidence::Kind kind, std::string text, std::uint64_t id = 0);
void point_at(Lint& lint, const inspect::StateImage& state, const inspect::CoroutineImage& coroutine);

}  // namespace coroscope::analyses
