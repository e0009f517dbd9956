// See evaluator.h.
#include "traces/rules/evaluator.h"

#include <re2/re2.h>

#include <utility>

#include "traces/rules/fields.h"

namespace coroscope::rules {
namespace {

Truth truth_of(bool value) {
    return value ? Truth::kTrue : Truth::kFalse;
}

bool holds(Compare how, double left, double right) {
    switch (how) {
        case Compare::kEqual:
            return left == right;
        case Compare::kNotEqual:
            return left != right;
        case Compare::kLess:
            return left < right;
        case Compare::kLessOrEqual:
            return left <= right;
        case Compare::kGreater:
            return left > right;
        case Compare::kGreaterOrEqual:
            return left >= right;
    }
    return false;
}

}  // namespace

bool text_matches(const Term& term, std::string_view text) {
    const bool matches = term.form == Term::Form::kTextEquals
                             ? text == term.text
                             : re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *term.pattern);
    return matches != term.negated;
}

Truth compare(Compare how, Span left, double right) {
    if (left.known == Span::Known::kNo) return Truth::kUnknown;
    const bool now = holds(how, left.ns, right);
    if (left.known == Span::Known::kExactly) return truth_of(now);
    // It grows: what "greater" has reached stays, what "less" has lost does not come back.
    switch (how) {
        case Compare::kGreater:
        case Compare::kGreaterOrEqual:
            return now ? Truth::kTrue : Truth::kUnknown;
        case Compare::kLess:
        case Compare::kLessOrEqual:
            return now ? Truth::kUnknown : Truth::kFalse;
        case Compare::kEqual:
            return left.ns > right ? Truth::kFalse : Truth::kUnknown;
        case Compare::kNotEqual:
            return left.ns > right ? Truth::kTrue : Truth::kUnknown;
    }
    return Truth::kUnknown;
}

Evaluator::Evaluator(std::shared_ptr<const Rule> rule)
    : rule_(std::move(rule)), memos_(rule_->terms().size()) {
    for (std::size_t i = 0; i < memos_.size(); ++i) {
        const Term::Form form = rule_->terms()[i].form;
        if (form == Term::Form::kTextMatches || form == Term::Form::kTextEquals)
            memos_[i].resize(kMemoEntries);
    }
}

void Evaluator::forget_names() {
    for (auto& memo : memos_) {
        for (Memo& entry : memo)
            entry = {};
    }
}

Truth Evaluator::of_text(std::uint8_t number, const Term& term, const Scope& scope) {
    std::string_view text;
    std::uint64_t key = 0;
    if (!text_of(term.left, scope, &text, &key)) return Truth::kUnknown;
    // Names of one kind are numbered close together; spread them, and the kinds.
    Memo& memo = memos_[number][(key * 0x9e3779b97f4a7c15ULL >> 54) % kMemoEntries];
    if (memo.key != key) {
        memo.key = key;
        memo.matches = text_matches(term, text);
    }
    return truth_of(memo.matches);
}

Truth Evaluator::of_numbers(const Term& term, const Scope& scope) {
    const Span right = number_of(term.right, scope);
    if (right.known == Span::Known::kNo) return Truth::kUnknown;
    return compare(term.compare, number_of(term.left, scope), right.ns);
}

Truth Evaluator::of_term(std::uint8_t number, const Scope& scope) {
    const Term& term = rule_->terms()[number];
    switch (term.form) {
        case Term::Form::kWords: {
            const int code = word_code_of(term.left, scope);
            if (code < 0 || code >= static_cast<int>(kWordsMax)) return Truth::kUnknown;
            return truth_of(term.words[static_cast<std::size_t>(code)]);
        }
        case Term::Form::kNumbers:
            return of_numbers(term, scope);
        case Term::Form::kFlag: {
            const Span value = number_of(term.left, scope);
            if (value.known == Span::Known::kNo) return Truth::kUnknown;
            return truth_of((value.ns != 0) != term.negated);
        }
        case Term::Form::kTextEquals:
        case Term::Form::kTextMatches:
            return of_text(number, term, scope);
    }
    return Truth::kUnknown;
}

Truth Evaluator::evaluate(const Scope& scope) {
    return value_of(*rule_, rule_->root(), [&](std::uint8_t number) { return of_term(number, scope); });
}

Evaluator::Recorded Evaluator::recorded(const Scope& scope) {
    Recorded bits;
    for (std::size_t i = 0; i < rule_->terms().size(); ++i) {
        if (rule_->terms()[i].of_outcome) continue;
        const Truth truth = of_term(static_cast<std::uint8_t>(i), scope);
        bits.known |= std::uint64_t{truth != Truth::kUnknown} << i;
        bits.truth |= std::uint64_t{truth == Truth::kTrue} << i;
    }
    return bits;
}

Truth Evaluator::resolved(const Recorded& recorded, Span blocked) const {
    return value_of(*rule_, rule_->root(), [&](std::uint8_t number) {
        const Term& term = rule_->terms()[number];
        if (term.of_outcome) {
            const bool left = term.left.field == FieldId::kEventBlocked;
            // Between two lengths of time of which one is the outcome nothing is recorded of the other.
            if (!left || term.right.field != FieldId::kNothing) return Truth::kUnknown;
            return compare(term.compare, blocked, term.right.constant);
        }
        if ((recorded.known >> number & 1) == 0) return Truth::kUnknown;
        return truth_of((recorded.truth >> number & 1) != 0);
    });
}

}  // namespace coroscope::rules
