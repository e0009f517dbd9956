// A rule for the program itself to hold: compiled into what its probes evaluate (wire/rule_program.h), and its hits judged.
//
// What the compiler settles here, once: names become sets of sites and strings that match, objects that the rule names become indices with
// identities, and a rule about state becomes one about the events that can change what it reads. What cannot be known inside the program
// when an event happens is refused, with a caret under the term.
//
// What is said of the same event here and there is the same (tests/unit/rules/break_program_test.cpp holds both against generated histories);
// what differs is known of in advance:
//   names     that are newer than the sets are in doubt: judge() decides, and sets that know them are sent
//   outcomes  a SUSPEND that is told by what comes of it is told when its wait is over, not when it has been long enough
//   state     is read in the probe: of counts that other workers change meanwhile that is a moment later
//
// Thread: pure functions. Tested as above and in tests/e2e/break_test.py.
#pragma once

#include "instrumentation/base/result.h"
#include "instrumentation/inspect/state_image.h"
#include "instrumentation/wire/rule_program.h"
#include "traces/rules/facts.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {

struct BreakOptions {
    wire::RuleAction action = wire::RuleAction::kPause;
    std::uint64_t count = 1;  // acts at this hit
    bool goes_on = false;     // the rule is armed already; its sets are renewed
};
// `state`: the program as it is now; `names`: of it. Errors: kUsage; a sentence, the rule and a caret.
base::Result<wire::RuleProgram> compile_break(const Rule& rule, const inspect::StateImage& state,
                                              const Names& names, const BreakOptions& options);

// Whether a hit holds, with names that may be newer than the sets it was found with.
Truth judge(const Rule& rule, const wire::RuleHit& hit, const inspect::StateImage& state, const Names& names);

}  // namespace coroscope::rules
