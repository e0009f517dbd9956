// Sentences: and, or, not, parentheses; and what a rule is about, which is looked for before it is read.
#include "traces/rules/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace coroscope::rules {
namespace {

using TokenKind = Token::Kind;

// The types of events for which the rule can still be true when nothing but the type is known.
std::bitset<kWordsMax> types_that_may_match(const Rule& rule) {
    std::bitset<kWordsMax> types;
    for (std::uint32_t type = 0; type < kWordsMax; ++type) {
        const Truth truth = value_of(rule, rule.root(), [&](std::uint8_t number) {
            const Term& term = rule.terms()[number];
            if (term.left.field != FieldId::kEventType) return Truth::kUnknown;
            return term.words[type] ? Truth::kTrue : Truth::kFalse;
        });
        types[type] = truth != Truth::kFalse && !word_of(WordSet::kEvents, type).empty();
    }
    return types;
}

}  // namespace

base::Result<std::shared_ptr<const Rule>> Parser::run() {
    auto tokens = words_of_rule(text_);
    if (!tokens) return tokens.error();
    tokens_ = std::move(*tokens);
    if (tokens_.size() == 1)
        return wrong(
            0,
            "the rule is empty: name an event, such as suspend, or a field, such as pool[small].free == 0");
    rule_ = std::shared_ptr<Rule>(new Rule());
    rule_->text_ = text_;
    if (auto status = find_subject(); !status) return status.error();
    auto root = parse_any(0);
    if (!root) return root.error();
    if (here().kind == TokenKind::kClose) return wrong(here().at, "this ) closes nothing");
    if (here().kind != TokenKind::kEnd)
        return wrong(here().at, "'and', 'or' or the end of the rule was expected here");
    rule_->root_ = *root;
    for (const Term& term : rule_->terms_) {
        rule_->needs_state_ = rule_->needs_state_ || term.of_state;
        rule_->needs_outcome_ = rule_->needs_outcome_ || term.of_outcome;
    }
    if (rule_->about_events_) rule_->may_match_ = types_that_may_match(*rule_);
    return std::shared_ptr<const Rule>(std::move(rule_));
}

// A name that is no index, no field of a named object, and not the right side of a comparison.
bool Parser::stands_alone(std::size_t token) const {
    if (tokens_[token].kind != TokenKind::kName) return false;
    const std::string& text = tokens_[token].text;
    if (text == "and" || text == "or" || text == "not") return false;
    if (token == 0) return true;
    const TokenKind before = tokens_[token - 1].kind;
    return before != TokenKind::kDot && before != TokenKind::kOpenBracket && before != TokenKind::kCompare;
}

base::Status Parser::find_subject() {
    bool has_bare_field = false;
    for (std::size_t i = 0; i + 1 < tokens_.size(); ++i) {
        if (!stands_alone(i)) continue;
        const Token& token = tokens_[i];
        const TokenKind after = tokens_[i + 1].kind;
        Kind kind{};
        if (after == TokenKind::kOpenBracket) continue;
        if (after == TokenKind::kDot) {
            if (token.text == kind_name(Kind::kEvent)) rule_->about_events_ = true;
            if (!find_kind(token.text, &kind)) continue;
            if (!rule_->subject_) rule_->subject_ = kind;
            continue;
        }
        const Field* field = find_field(Kind::kEvent, token.text);
        if (field != nullptr && field->events_only) rule_->about_events_ = true;
        if (field == nullptr && find_word(WordSet::kEvents, token.text) >= 0) rule_->about_events_ = true;
        has_bare_field = true;
    }
    if (rule_->about_events_) {
        rule_->subject_.reset();
    } else if (!rule_->subject_ && has_bare_field) {
        rule_->subject_ = Kind::kCoroutine;
    }
    return base::ok_status();
}

std::uint16_t Parser::add_node(Node node) {
    rule_->nodes_.push_back(std::move(node));
    return static_cast<std::uint16_t>(rule_->nodes_.size() - 1);
}

base::Result<std::uint16_t> Parser::add_term(Term term, std::size_t at) {
    if (rule_->terms_.size() == kTermsMax)
        return wrong(at, fmt::format("a rule has {} terms at most", kTermsMax));
    term.at = at;
    rule_->terms_.push_back(std::move(term));
    return add_node({Node::Form::kTerm, static_cast<std::uint8_t>(rule_->terms_.size() - 1), {}});
}

base::Result<std::uint16_t> Parser::parse_any(std::size_t depth) {
    Node node{Node::Form::kOr, 0, {}};
    for (;;) {
        auto part = parse_all(depth);
        if (!part) return part;
        node.children.push_back(*part);
        if (!is_word("or") && here().kind != TokenKind::kOr) break;
        take();
    }
    return node.children.size() == 1 ? node.children.front() : add_node(std::move(node));
}

base::Result<std::uint16_t> Parser::parse_all(std::size_t depth) {
    Node node{Node::Form::kAnd, 0, {}};
    for (;;) {
        auto part = parse_factor(depth);
        if (!part) return part;
        node.children.push_back(*part);
        if (!is_word("and") && here().kind != TokenKind::kAnd) break;
        take();
    }
    return node.children.size() == 1 ? node.children.front() : add_node(std::move(node));
}

base::Result<std::uint16_t> Parser::parse_factor(std::size_t depth) {
    const std::size_t at = here().at;
    if (depth >= kNestingMax) return wrong(at, fmt::format("a rule is nested {} deep at most", kNestingMax));
    if (is_word("not") || here().kind == TokenKind::kNot) {
        take();
        auto inner = parse_factor(depth + 1);
        if (!inner) return inner;
        return add_node({Node::Form::kNot, 0, {*inner}});
    }
    if (here().kind != TokenKind::kOpen) return parse_term();
    take();
    auto inner = parse_any(depth + 1);
    if (!inner) return inner;
    if (here().kind == TokenKind::kEnd) return wrong(at, "this ( is not closed");
    if (here().kind != TokenKind::kClose) return wrong(here().at, "'and', 'or' or ) was expected here");
    take();
    return inner;
}

base::Result<std::uint16_t> Parser::parse_term() {
    const Token& first = here();
    const std::size_t at = first.at;
    if (first.kind == TokenKind::kEnd)
        return wrong(at, "the rule ends where an event or a field was expected");
    if (first.kind != TokenKind::kName || first.text == "and" || first.text == "or")
        return wrong(at, "an event or a field was expected here");
    const TokenKind after = ahead(1).kind;
    const bool bare = after != TokenKind::kDot && after != TokenKind::kOpenBracket;
    if (bare && find_field(Kind::kEvent, first.text) == nullptr) {
        if (const int type = find_word(WordSet::kEvents, first.text); type >= 0) {
            take();
            if (here().kind == TokenKind::kCompare)
                return wrong(here().at,
                             fmt::format("'{}' is an event and stands by itself: it is compared with nothing",
                                         first.text));
            Term term;
            term.left.field = FieldId::kEventType;
            term.words.set(static_cast<std::size_t>(type));
            return add_term(std::move(term), at);
        }
    }
    auto place = parse_place();
    if (!place) return place.error();
    auto term = parse_comparison(*place);
    if (!term) return term.error();
    return add_term(std::move(*term), at);
}

}  // namespace coroscope::rules
