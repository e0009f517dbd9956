// From the words of a rule to its terms. Rule::parse() is the way in; this class is the state of one parse.
//
// Thread: one at a time. Tested in tests/unit/rules/parser_test.cpp; fuzzed by tests/fuzz/rule_fuzz.cpp.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/rules/lexer.h"
#include "traces/rules/rule.h"

namespace coroscope::rules {

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}
    base::Result<std::shared_ptr<const Rule>> run();

private:
    // A field, and of which object; or what stands in a field's place.
    struct Place {
        const Field* field = nullptr;
        std::uint8_t reference = Operand::kSubject;
        std::size_t at = 0;
    };

    const Token& here() const { return tokens_[next_]; }
    const Token& ahead(std::size_t count) const {
        return tokens_[std::min(next_ + count, tokens_.size() - 1)];
    }
    const Token& take() { return tokens_[next_ + 1 < tokens_.size() ? next_++ : next_]; }
    bool is_word(const char* word) const { return here().kind == Token::Kind::kName && here().text == word; }
    base::Error wrong(std::size_t at, const std::string& sentence) const {
        return mistake(text_, at, sentence);
    }

    // What the rule is about, seen before it is read.
    base::Status find_subject();
    bool stands_alone(std::size_t token) const;

    // Sentences.
    base::Result<std::uint16_t> parse_any(std::size_t depth);
    base::Result<std::uint16_t> parse_all(std::size_t depth);
    base::Result<std::uint16_t> parse_factor(std::size_t depth);
    base::Result<std::uint16_t> parse_term();
    base::Result<std::uint16_t> add_term(Term term, std::size_t at);
    std::uint16_t add_node(Node node);

    // parser_terms.cpp: fields and comparisons.
    base::Result<Place> parse_place();
    base::Result<Place> place_of(Kind kind, const Token& name, std::uint8_t reference, bool with_object);
    base::Result<std::uint8_t> parse_reference(Kind kind);
    base::Result<Term> parse_comparison(const Place& left);
    base::Status compare_text(Term& term, const Place& left, const Token& sign);
    base::Status compare_words(Term& term, const Place& left, const Token& sign);
    base::Status compare_flag(Term& term, const Place& left, const Token& sign);
    base::Status compare_numbers(Term& term, const Place& left, const Token& sign);
    base::Result<std::shared_ptr<const re2::RE2>> take_pattern();
    base::Error unknown_name(Kind kind, const Token& name, bool with_object) const;
    void mark(Term& term, const Place& place) const;

    const std::string_view text_;
    std::vector<Token> tokens_;
    std::size_t next_ = 0;
    std::shared_ptr<Rule> rule_;
};

}  // namespace coroscope::rules
