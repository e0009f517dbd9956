// BreakWatch: a rule armed in a running program, and the times at which it holds.
//
// The program holds the rule against its own events (break_program.h) and tells its hits. Those in doubt, because a name in them is newer than
// what the program was told, are judged here, and the program gets sets that know the name; if it paused for one that does not hold it goes on
// at once. `count` counts hits that hold.
//
// Thread: one at a time. Blocks: next() for its timeout, and for looks at the state where hits are in doubt. The rule is taken away when the
// Control ends. Tested in tests/e2e/break_test.py.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "traces/control.h"
#include "traces/rules/break_program.h"

namespace coroscope::rules {

struct BreakHit {
    std::uint64_t number = 0;  // of hits that hold, from 1
    bool paused = false;       // everything is held because of it
    bool late = false;         // a SUSPEND, told when its wait was over
    wire::EventType type{};
    std::uint64_t ticks = 0;
    double time_ns = 0;  // since the runtime's start
    std::uint32_t worker = wire::kNone;
    std::uint64_t id = 0;  // of the coroutine; 0 = of none
    std::string name, site;
    std::string object;  // "channel:jobs"; "" = it is about none
    std::string detail;  // the wait, cause or status; "" = it has none
    Span blocked, ready, run;
};
// "at 78.753 ms, on worker 1: suspend (channel-receive) of 73 "librarian" on channel:jobs, run 12.0 us".
std::string to_text(const BreakHit& hit);
nlohmann::json to_json(const BreakHit& hit);

class BreakWatch {
public:
    // Arms it. `control` must outlive it. Errors: kUsage, with a caret, for what the program cannot hold; those of Target::arm_rule.
    static base::Result<std::unique_ptr<BreakWatch>> start(traces::Control& control,
                                                           std::shared_ptr<const Rule> rule,
                                                           const BreakOptions& options);

    // Hits since the last call; waits for at most timeout_ms while there are none. After one that paused there are no others.
    // Errors: kGone.
    base::Result<std::vector<BreakHit>> next(int timeout_ms);
    // Hits so far that the program could not tell, because there were too many.
    std::uint64_t lost() const { return lost_; }

private:
    BreakWatch(traces::Control& control, std::shared_ptr<const Rule> rule, const BreakOptions& options)
        : control_(control), rule_(std::move(rule)), options_(options) {}
    base::Status learn();
    base::Status arm();
    bool knows(const wire::RuleHit& hit) const;
    base::Status take(const wire::RuleHit& hit, std::vector<BreakHit>& hits);
    BreakHit describe(const wire::RuleHit& hit) const;

    traces::Control& control_;
    const std::shared_ptr<const Rule> rule_;
    BreakOptions options_;
    inspect::StateImage state_;  // of the last look; names_ points into it
    Names names_;
    std::uint64_t untrue_ = 0;  // hits in doubt that did not hold
    std::uint64_t lost_ = 0;
};

}  // namespace coroscope::rules
