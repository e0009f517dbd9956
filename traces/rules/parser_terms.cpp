// Fields and what they are compared with: names are looked up, types checked, patterns compiled.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "traces/rules/parser.h"

namespace coroscope::rules {
namespace {

using TokenKind = Token::Kind;

constexpr std::int64_t kPatternBytesMax = 1 << 20;  // of memory for one pattern and its automaton

std::string quoted_list(const std::vector<std::string_view>& words) {
    std::string list;
    for (const std::string_view word : words)
        list += (list.empty() ? "" : ", ") + std::string(word);
    return list;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string_view>& names) {
    const std::string_view near = nearest(name, names);
    return near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
}

Compare compare_of(const std::string& sign) {
    if (sign == "==") return Compare::kEqual;
    if (sign == "!=") return Compare::kNotEqual;
    if (sign == "<") return Compare::kLess;
    if (sign == "<=") return Compare::kLessOrEqual;
    return sign == ">" ? Compare::kGreater : Compare::kGreaterOrEqual;
}

bool is_equality(const std::string& sign) {
    return sign == "==" || sign == "!=";
}
bool is_match(const std::string& sign) {
    return sign == "=~" || sign == "!~";
}

bool is_reading(FieldId field) {
    return field_of(field).kind != Kind::kEvent;
}

// "channel.len", or the bare name where there is no object to it.
std::string full_name(const Field& field) {
    return field.kind == Kind::kEvent ? field.name : fmt::format("{}.{}", kind_name(field.kind), field.name);
}

}  // namespace

std::string Reference::text() const {
    if (by_name) return fmt::format("{}[\"{}\"]", kind_name(kind), name);
    if (by_class)
        return fmt::format("{}[{}]", kind_name(kind),
                           word_of(WordSet::kClasses, static_cast<std::uint32_t>(number)));
    return fmt::format("{}[{}]", kind_name(kind), number);
}

bool Rule::changes_with_time() const {
    return std::any_of(terms_.begin(), terms_.end(), [](const Term& term) { return term.changes_with_time; });
}

base::Result<std::shared_ptr<const Rule>> Rule::parse(std::string_view text) {
    return Parser(text).run();
}

base::Error Parser::unknown_name(Kind kind, const Token& name, bool with_object) const {
    std::vector<std::string_view> names;
    for (const Field& field : all_fields()) {
        if (field.kind == kind) names.push_back(field.name);
    }
    if (with_object)
        return wrong(name.at,
                     fmt::format("a {} has no '{}'{} It has {}", kind_name(kind), name.text,
                                 nearest(name.text, names).empty() ? "." : did_you_mean(name.text, names),
                                 quoted_list(names)));
    for (const std::string_view event : words_of(WordSet::kEvents))
        names.push_back(event);
    for (std::uint8_t k = 1; k < kKindsCount; ++k)
        names.push_back(kind_name(static_cast<Kind>(k)));
    return wrong(name.at, fmt::format("there is no event and no field '{}'{}", name.text,
                                      did_you_mean(name.text, names)));
}

base::Result<std::uint8_t> Parser::parse_reference(Kind kind) {
    take();  // [
    const Token& index = take();
    Reference reference;
    reference.kind = kind;
    switch (index.kind) {
        case TokenKind::kNumber:
            if (index.unit != Token::Unit::kNone || index.number > 9e15 ||
                index.text.find('.') != std::string::npos)
                return wrong(index.at, fmt::format("'{}' is no number of a {}", index.text, kind_name(kind)));
            reference.number = static_cast<std::uint64_t>(index.number);
            break;
        case TokenKind::kText:
            if (kind == Kind::kPool || kind == Kind::kWorker)
                return wrong(index.at, kind == Kind::kPool
                                           ? "pools have no names: write their class, such as pool[small]"
                                           : "workers have no names: write their index, such as worker[0]");
            reference.by_name = true;
            reference.name = index.text;
            break;
        case TokenKind::kName: {
            const int size_class = kind == Kind::kPool ? find_word(WordSet::kClasses, index.text) : -1;
            if (kind == Kind::kPool && size_class < 0)
                return wrong(index.at,
                             fmt::format("there is no class '{}': micro, small, medium or large", index.text));
            if (kind == Kind::kWorker)
                return wrong(index.at, "the index of a worker is a number, such as worker[0]");
            if (kind != Kind::kPool)
                return wrong(index.at,
                             fmt::format("names stand in quotes: {}[\"{}\"]", kind_name(kind), index.text));
            reference.by_class = true;
            reference.number = static_cast<std::uint64_t>(size_class);
            break;
        }
        default:
            return wrong(index.at,
                         fmt::format("the number or name of a {} was expected here", kind_name(kind)));
    }
    if (here().kind != TokenKind::kCloseBracket) return wrong(here().at, "] was expected here");
    take();
    auto& known = rule_->references_;
    const auto same = std::find(known.begin(), known.end(), reference);
    if (same != known.end()) return static_cast<std::uint8_t>(same - known.begin());
    if (known.size() == kReferencesMax)
        return wrong(index.at, fmt::format("a rule names {} objects at most", kReferencesMax));
    known.push_back(std::move(reference));
    return static_cast<std::uint8_t>(known.size() - 1);
}

base::Result<Parser::Place> Parser::place_of(Kind kind, const Token& name, std::uint8_t reference,
                                             bool with_object) {
    const Field* field = find_field(kind, name.text);
    if (field == nullptr) return unknown_name(kind, name, with_object);
    return Place{field, reference, name.at};
}

// object.field, object[index].field, or a bare field of what the rule is about.
base::Result<Parser::Place> Parser::parse_place() {
    const Token& first = take();
    Kind kind = Kind::kEvent;
    if (here().kind != TokenKind::kDot && here().kind != TokenKind::kOpenBracket) {
        const Kind about = rule_->about_events_ ? Kind::kEvent : rule_->subject_.value_or(Kind::kCoroutine);
        return place_of(about, first, Operand::kSubject, false);
    }
    const bool of_event = first.text == kind_name(Kind::kEvent) && here().kind == TokenKind::kDot;
    if (!of_event && !find_kind(first.text, &kind)) {
        std::vector<std::string_view> kinds;
        for (std::uint8_t k = 1; k < kKindsCount; ++k)
            kinds.push_back(kind_name(static_cast<Kind>(k)));
        return wrong(first.at,
                     fmt::format("there is no kind of object '{}': {}", first.text, quoted_list(kinds)));
    }
    std::uint8_t reference = Operand::kSubject;
    if (here().kind == TokenKind::kOpenBracket) {
        auto parsed = parse_reference(kind);
        if (!parsed) return parsed.error();
        reference = *parsed;
        if (here().kind != TokenKind::kDot)
            return wrong(here().at, fmt::format("a field was expected here, such as {}.{}",
                                                rule_->references_[reference].text(),
                                                kind == Kind::kChannel ? "len"
                                                : kind == Kind::kPool  ? "free"
                                                                       : "state"));
    } else if (!rule_->about_events_ && rule_->subject_ != kind) {
        return wrong(first.at,
                     fmt::format("this rule asks of each {}: name the {} that is meant, such as {}[{}]",
                                 kind_name(*rule_->subject_), kind_name(kind), kind_name(kind),
                                 kind == Kind::kPool ? "small" : "0"));
    }
    take();  // .
    const Token& name = take();
    if (name.kind != TokenKind::kName)
        return wrong(name.at, fmt::format("a field of the {} was expected here", kind_name(kind)));
    // What an event knows of its coroutine need not be looked up.
    if (rule_->about_events_ && kind == Kind::kCoroutine && reference == Operand::kSubject &&
        name.text != "wait") {
        if (const Field* field = find_field(Kind::kEvent, name.text);
            field != nullptr && field->type != Type::kTime && field->type != Type::kBytes &&
            name.text != "worker" && find_field(kind, name.text) != nullptr)
            return Place{field, reference, name.at};
    }
    return place_of(kind, name, reference, true);
}

void Parser::mark(Term& term, const Place& place) const {
    term.of_state = term.of_state || is_reading(place.field->id);
    term.changes_with_time = term.changes_with_time || place.field->changes_with_time;
    term.of_outcome = term.of_outcome || place.field->id == FieldId::kEventBlocked;
}

base::Result<Term> Parser::parse_comparison(const Place& left) {
    Term term;
    term.left.field = left.field->id;
    term.left.reference = left.reference;
    mark(term, left);
    if (here().kind != TokenKind::kCompare) {
        if (left.field->type != Type::kFlag)
            return wrong(here().at, fmt::format("a comparison was expected here: {} is {}",
                                                full_name(*left.field), type_text(left.field->type)));
        term.form = Term::Form::kFlag;
        return term;
    }
    const Token& sign = take();
    base::Status status = base::ok_status();
    if (here().kind == TokenKind::kEnd)
        return wrong(here().at, fmt::format("{} was expected here", type_text(left.field->type)));
    switch (left.field->type) {
        case Type::kText:
            status = compare_text(term, left, sign);
            break;
        case Type::kWord:
            status = compare_words(term, left, sign);
            break;
        case Type::kFlag:
            status = compare_flag(term, left, sign);
            break;
        default:
            status = compare_numbers(term, left, sign);
            break;
    }
    if (!status) return status.error();
    return term;
}

base::Result<std::shared_ptr<const re2::RE2>> Parser::take_pattern() {
    const Token& token = take();
    if (token.kind != TokenKind::kText)
        return wrong(token.at, "a regular expression in quotes was expected here");
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternBytesMax);
    auto pattern = std::make_shared<const re2::RE2>(token.text, options);
    if (!pattern->ok())
        return wrong(token.at, fmt::format("this is no regular expression: {}", pattern->error()));
    return std::shared_ptr<const re2::RE2>(std::move(pattern));
}

base::Status Parser::compare_text(Term& term, const Place& left, const Token& sign) {
    term.negated = sign.text == "!=" || sign.text == "!~";
    if (is_match(sign.text)) {
        term.form = Term::Form::kTextMatches;
        auto pattern = take_pattern();
        if (!pattern) return pattern.error();
        term.pattern = std::move(*pattern);
        return base::ok_status();
    }
    if (!is_equality(sign.text))
        return wrong(sign.at,
                     fmt::format("{} is a text: ==, !=, =~ or !~ was expected here", full_name(*left.field)));
    const Token& value = take();
    if (value.kind != TokenKind::kText)
        return wrong(value.at,
                     fmt::format("{} is a text: a text in quotes was expected here", full_name(*left.field)));
    term.form = Term::Form::kTextEquals;
    term.text = value.text;
    return base::ok_status();
}

base::Status Parser::compare_words(Term& term, const Place& left, const Token& sign) {
    const WordSet set = left.field->words;
    term.form = Term::Form::kWords;
    if (is_match(sign.text)) {
        auto pattern = take_pattern();
        if (!pattern) return pattern.error();
        for (std::uint32_t code = 0; code < kWordsMax; ++code) {
            const std::string_view word = word_of(set, code);
            if (!word.empty())
                term.words[code] = re2::RE2::PartialMatch(re2::StringPiece(word.data(), word.size()),
                                                          **pattern);
        }
    } else if (is_equality(sign.text)) {
        const Token& value = take();
        if (value.kind != TokenKind::kName && value.kind != TokenKind::kText)
            return wrong(value.at,
                         fmt::format("{} is one of {}", full_name(*left.field), quoted_list(words_of(set))));
        const int code = find_word(set, value.text);
        if (code < 0) {
            const std::string hint = did_you_mean(value.text, words_of(set));
            return wrong(value.at, fmt::format("{} is never '{}'{}", full_name(*left.field), value.text,
                                               hint.empty() ? ": " + quoted_list(words_of(set)) : hint));
        }
        term.words.set(static_cast<std::size_t>(code));
    } else {
        return wrong(sign.at,
                     fmt::format("{} is a word: ==, !=, =~ or !~ was expected here", full_name(*left.field)));
    }
    if (sign.text == "!=" || sign.text == "!~") term.words.flip();
    return base::ok_status();
}

base::Status Parser::compare_flag(Term& term, const Place& left, const Token& sign) {
    const Token& value = take();
    const bool truth = value.kind == TokenKind::kName && value.text == "true";
    if (!is_equality(sign.text))
        return wrong(sign.at,
                     fmt::format("{} is true or false: == or != was expected here", full_name(*left.field)));
    if (!truth && !(value.kind == TokenKind::kName && value.text == "false"))
        return wrong(value.at, fmt::format("{} is true or false", full_name(*left.field)));
    term.form = Term::Form::kFlag;
    term.negated = truth != (sign.text == "==");
    return base::ok_status();
}

base::Status Parser::compare_numbers(Term& term, const Place& left, const Token& sign) {
    const Field& field = *left.field;
    const std::string what = fmt::format("{} is {}", full_name(field), type_text(field.type));
    if (is_match(sign.text)) return wrong(sign.at, what + ", and only texts and words match an expression");
    term.form = Term::Form::kNumbers;
    term.compare = compare_of(sign.text);
    const Token& value = here();
    if (value.kind == TokenKind::kText) return wrong(value.at, what + " and is never equal to a text");
    if (value.kind == TokenKind::kNumber) {
        take();
        if (value.unit == Token::Unit::kTime && field.type != Type::kTime)
            return wrong(value.at, what + ", and this is a time");
        if (value.unit == Token::Unit::kBytes && field.type != Type::kBytes)
            return wrong(value.at, what + ", and this is a size in bytes");
        term.right.constant = value.number;
        return base::ok_status();
    }
    if (value.kind != TokenKind::kName) return wrong(value.at, what + ": a number was expected here");
    base::Result<Place> right = [&]() -> base::Result<Place> {
        const TokenKind after = ahead(1).kind;
        if (after == TokenKind::kDot || after == TokenKind::kOpenBracket) return parse_place();
        const Token& name = take();
        if (find_field(field.kind, name.text) == nullptr) return unknown_name(field.kind, name, true);
        return place_of(field.kind, name, left.reference, true);
    }();
    if (!right) return right.error();
    if (right->field->type != field.type)
        return wrong(right->at, fmt::format("{}, and {} is {}", what, full_name(*right->field),
                                            type_text(right->field->type)));
    term.right.field = right->field->id;
    term.right.reference = right->reference;
    mark(term, *right);
    return base::ok_status();
}

}  // namespace coroscope::rules
