// A rule that a viewer has armed, held against each event where it is emitted.
//
// Writers call judge() while the rule is in force (ring_writer.h: it is their way into prepare()); dormant probes and rings without a rule know
// nothing of it. An event is compared with the state plane as it stands in the probe; lengths of time are known from events since the rule was
// armed (rule_stamps.h). A hit is told to the agent (rule_hits.h), and one that pauses holds the program at once: the agent, which knows
// for whom, confirms that or takes it back.
//
//   R1  judge() takes no lock, asks for no memory and waits for nobody. It ends after as many steps as the program has instructions; a field of
//       a pool's use walks that pool's bitmaps, 16 words a slab.
//   R2  What it is made of was verified (wire/rule_program.h) and does not change; what does are counters that any thread may add to.
//   R3  It lives until no writer has pinned it any more [rule.pin] (RingSegment::arm).
//   R4  What happens to its hits is told once: of several threads that meet the last condition at a time one pauses.
//
// Thread: judge() any that emits; the rest the agent's. Tested in tests/unit/emit/armed_rule_test.cpp, agent_rules_test.cpp, and against the
// evaluator of traces in tests/unit/rules/break_program_test.cpp; measured by tests/unit/emit/event_cost_test.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "instrumentation/emit/rule_hits.h"
#include "instrumentation/emit/rule_stamps.h"
#include "instrumentation/emit/rule_values.h"
#include "instrumentation/emit/state_segment.h"
#include "instrumentation/wire/rule_program.h"

namespace coroscope::emit {

// What goes on when a viewer sends its rule anew with other sets (wire::kRuleGoesOn).
struct RuleProgress {
    // Hits so far, those in doubt too. Any thread, relaxed: a count.
    std::atomic<std::uint64_t> hits{0};
    // It has paused everything, and does nothing until it is armed anew. Any thread; exchange decides who does it (R4).
    std::atomic<bool> fired{false};
    // Of a rule about state: it held when it was looked at last. Any thread; exchange decides who tells the change.
    std::atomic<bool> held{false};
    std::unique_ptr<RuleStamps> stamps;  // null: the rule asks for no lengths of time
};

class ArmedRule {
public:
    struct Surroundings {
        StateSegment* state = nullptr;
        RuleHits* hits = nullptr;
        // Holds everything, from a probe; null: nobody can.
        void (*hold_now)(void* context) = nullptr;
        void* context = nullptr;
    };
    ArmedRule(wire::RuleProgram program, std::uint32_t number, std::shared_ptr<RuleProgress> progress,
              const Surroundings& surroundings);

    void judge(const Happened& event);

    std::uint32_t number() const { return number_; }
    std::uint32_t categories() const { return categories_; }
    const std::shared_ptr<RuleProgress>& progress() const { return progress_; }
    // It is in force no longer; gives memory back that only late judges still look at.
    void retire();

private:
    struct Verdict {
        wire::RuleTruth value{};
        RuleBits bits;
    };
    template <typename OfTerm>
    wire::RuleTruth run(OfTerm&& term) const;
    Verdict evaluate(const RuleValues& values) const;
    Verdict resolve(const RuleBits& bits, std::uint64_t blocked_ticks) const;
    bool holds_in_names(const wire::RuleInstruction& one, const RuleValues& values, RuleBits& bits) const;
    void settle(const Happened& event, std::uint32_t coroutine);
    void tell(const Verdict& verdict, wire::RuleHit hit);

    const wire::RuleProgram program_;
    const std::uint32_t number_;
    const std::uint32_t categories_;
    const bool needs_outcome_;
    const std::shared_ptr<RuleProgress> progress_;
    const Surroundings around_;
    const StatePlane plane_;
};

}  // namespace coroscope::emit
