// Evaluator: holds a rule against an event or an object. Allocates nothing after it was made.
//
// Texts are interned, so that an expression is tried once on each name and not once on each event: a memo of fixed size a term remembers
// by the name's number. A SUSPEND that is told by what comes of it is evaluated in two steps: recorded() keeps what is true of it now, a bit a
// term, and resolved() adds the outcome.
//
// Thread: one at a time (the memos); the Rule may be shared. Blocks: never. Tested in tests/unit/rules/event_scan_test.cpp and query_test.cpp;
// fuzzed by tests/fuzz/rule_fuzz.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "traces/rules/facts.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {

class Evaluator {
public:
    explicit Evaluator(std::shared_ptr<const Rule> rule);

    const Rule& rule() const { return *rule_; }
    Truth evaluate(const Scope& scope);

    // A bit for each term: whether it is known, and whether it is true.
    struct Recorded {
        std::uint64_t known = 0, truth = 0;
    };
    Recorded recorded(const Scope& scope);
    Truth resolved(const Recorded& recorded, Span blocked) const;
    // Names were learned: what was unknown may be known now.
    void forget_names();

private:
    struct Memo {
        std::uint64_t key = 0;  // what it stands for; 0 = nothing yet
        bool matches = false;
    };
    static constexpr std::size_t kMemoEntries = 1024;  // of a term; direct-mapped

    Truth of_term(std::uint8_t number, const Scope& scope);
    Truth of_text(std::uint8_t number, const Term& term, const Scope& scope);
    static Truth of_numbers(const Term& term, const Scope& scope);

    const std::shared_ptr<const Rule> rule_;
    std::vector<std::vector<Memo>> memos_;  // by term; empty but for those that match texts
};

// Whether a term on texts is true of this one.
bool text_matches(const Term& term, std::string_view text);
// A comparison of lengths of time: of one that is not over yet it can be known all the same.
Truth compare(Compare how, Span left, double right);

}  // namespace coroscope::rules
