// Rule: a sentence about events or about the state of a program, compiled once.
//
//   suspend and site =~ "parser" and blocked_ns > 10ms      event rule: an event, and the coroutine that it is of
//   pool[small].free == 0                                   state rule about one object
//   coroutine.name =~ "^conn" and wait == receive           state rule about every object of a kind
//   spawn and channel["jobs"].len == cap                    event rule that also asks for the state at that time
//
//   rule     = part { "or" part }          part = factor { "and" factor }        factor = [ "not" ] ( "(" rule ")" | term )
//   term     = EVENT | field | field compare value
//   field    = [ object "." ] NAME          object = KIND | KIND "[" NUMBER | WORD | TEXT "]"
//   compare  = == != < <= > >= =~ !~        value = NUMBER [ UNIT ] | TEXT | WORD | field
//
// A rule is about events as soon as it names one, or a field that only events have; otherwise about state. A name without an object belongs to
// the event and its coroutine, to the kind of object that the rule speaks of, and right of a comparison to the object on its left (`cap`).
// vocabulary.h lists the names. What is not known of an object makes a term neither true nor false, and so, in the end, no match.
//
// Here stands what the parser makes of it; evaluator.h holds it against something. Immutable, and shared by whoever evaluates it: any thread.
// Bounded in length, nesting and terms. Tested in tests/unit/rules.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/event.h"
#include "traces/rules/vocabulary.h"

namespace re2 {
class RE2;
}

namespace coroscope::rules {

inline constexpr std::size_t kTermsMax = 64;  // a term is a bit of a word (Evaluator::Recorded)
inline constexpr std::size_t kNestingMax = 32;
inline constexpr std::size_t kReferencesMax = 16;

enum class Compare : std::uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

// An object that is named by its number, name or class.
struct Reference {
    Kind kind = Kind::kChannel;
    bool by_name = false;
    std::uint64_t number = 0;  // identity; of workers the index; of pools the index, or the size class
    bool by_class = false;     // pools: `number` is a size class, and the pool the ordinary one of that class
    std::string name;

    bool operator==(const Reference&) const = default;
    std::string text() const;  // channel["jobs"]
};

struct Operand {
    static constexpr std::uint8_t kSubject = 0xff;
    FieldId field = FieldId::kNothing;  // kNothing: `constant`
    std::uint8_t reference = kSubject;  // or its number in the rule's references
    double constant = 0;
};

struct Term {
    enum class Form : std::uint8_t { kWords, kNumbers, kFlag, kTextEquals, kTextMatches };
    Form form = Form::kWords;
    std::size_t at = 0;                 // where it begins in the rule's text, for mistakes found later
    Compare compare = Compare::kEqual;  // kNumbers
    bool negated = false;               // kTextEquals, kTextMatches
    bool of_state = false;              // reads objects, not the event
    bool of_outcome = false;            // of a SUSPEND it is known only when the wait is over
    bool changes_with_time = false;
    Operand left, right;
    std::bitset<kWordsMax> words;  // kWords: true for these
    std::string text;              // kTextEquals
    std::shared_ptr<const re2::RE2> pattern;
};

struct Node {
    enum class Form : std::uint8_t { kTerm, kNot, kAnd, kOr };
    Form form = Form::kTerm;
    std::uint8_t term = 0;
    std::vector<std::uint16_t> children;  // positions in nodes()
};

class Rule {
public:
    // Errors: kUsage; the message is a sentence, the rule and a caret under the place (lexer.h: mistake()).
    static base::Result<std::shared_ptr<const Rule>> parse(std::string_view text);

    const std::string& text() const { return text_; }
    bool about_events() const { return about_events_; }
    // Of a state rule: the kind of object that it asks of each; none when all of its objects are named.
    std::optional<Kind> subject() const { return subject_; }
    // An event rule that reads objects as they stand at the event's time.
    bool needs_state() const { return needs_state_; }
    // An event rule that tells SUSPENDs by what comes of them.
    bool needs_outcome() const { return needs_outcome_; }
    bool changes_with_time() const;
    // Whether an event of this type can match, whatever else is true.
    bool may_match(wire::EventType type) const {
        return may_match_[static_cast<std::size_t>(type) % kWordsMax];
    }

    const std::vector<Node>& nodes() const { return nodes_; }
    std::uint16_t root() const { return root_; }
    const std::vector<Term>& terms() const { return terms_; }
    const std::vector<Reference>& references() const { return references_; }

private:
    friend class Parser;
    Rule() = default;

    std::string text_;
    bool about_events_ = false, needs_state_ = false, needs_outcome_ = false;
    std::optional<Kind> subject_;
    std::vector<Node> nodes_;
    std::uint16_t root_ = 0;
    std::vector<Term> terms_;
    std::vector<Reference> references_;
    std::bitset<kWordsMax> may_match_;
};

// Three values: a term whose field is not known is neither.
enum class Truth : std::uint8_t { kFalse, kTrue, kUnknown };
inline Truth negate(Truth truth) {
    return truth == Truth::kUnknown ? truth : truth == Truth::kTrue ? Truth::kFalse : Truth::kTrue;
}

// The rule's value when `term(number)` gives that of each of its terms. Recursion is as deep as the rule is nested (kNestingMax).
template <typename OfTerm>
Truth value_of(const Rule& rule, std::uint16_t at, OfTerm&& term) {
    const Node& node = rule.nodes()[at];
    switch (node.form) {
        case Node::Form::kTerm:
            return term(node.term);
        case Node::Form::kNot:
            return negate(value_of(rule, node.children.front(), term));
        case Node::Form::kAnd:
        case Node::Form::kOr:
            break;
    }
    const Truth ends = node.form == Node::Form::kAnd ? Truth::kFalse : Truth::kTrue;
    Truth value = negate(ends);
    for (const std::uint16_t child : node.children) {
        const Truth one = value_of(rule, child, term);
        if (one == ends) return ends;
        if (one == Truth::kUnknown) value = one;
    }
    return value;
}

}  // namespace coroscope::rules
