// See lexer.h.
#include "traces/rules/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace coroscope::rules {
namespace {

struct UnitRow {
    std::string_view name;
    double factor;
    Token::Unit unit;
};
constexpr UnitRow kUnits[] = {
    {"ns", 1, Token::Unit::kTime},         {"us", 1e3, Token::Unit::kTime},
    {"\u00b5s", 1e3, Token::Unit::kTime},  {"ms", 1e6, Token::Unit::kTime},
    {"s", 1e9, Token::Unit::kTime},        {"min", 60e9, Token::Unit::kTime},
    {"B", 1, Token::Unit::kBytes},         {"KiB", 1024, Token::Unit::kBytes},
    {"MiB", 1048576, Token::Unit::kBytes}, {"GiB", 1073741824, Token::Unit::kBytes},
};
constexpr std::pair<std::string_view, Token::Kind> kSigns[] = {
    {"==", Token::Kind::kCompare},    {"!=", Token::Kind::kCompare},     {"<=", Token::Kind::kCompare},
    {">=", Token::Kind::kCompare},    {"=~", Token::Kind::kCompare},     {"!~", Token::Kind::kCompare},
    {"&&", Token::Kind::kAnd},        {"||", Token::Kind::kOr},          {"<", Token::Kind::kCompare},
    {">", Token::Kind::kCompare},     {"!", Token::Kind::kNot},          {".", Token::Kind::kDot},
    {"[", Token::Kind::kOpenBracket}, {"]", Token::Kind::kCloseBracket}, {"(", Token::Kind::kOpen},
    {")", Token::Kind::kClose},
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

class Lexer {
public:
    explicit Lexer(std::string_view rule) : rule_(rule) {}

    base::Result<std::vector<Token>> run() {
        if (rule_.size() > kRuleBytesMax)
            return base::error(
                base::ErrorCode::kUsage,
                fmt::format("a rule has {} characters at most, this one has {}", kRuleBytesMax, rule_.size()));
        for (;;) {
            while (at_ < rule_.size() && is_space(rule_[at_]))
                ++at_;
            Token token;
            token.at = at_;
            if (at_ == rule_.size()) {
                tokens_.push_back(std::move(token));
                return std::move(tokens_);
            }
            if (auto status = take(token); !status) return status.error();
            tokens_.push_back(std::move(token));
        }
    }

private:
    base::Status take(Token& token) {
        const char c = rule_[at_];
        if (is_digit(c)) return take_number(token);
        if (c == '"' || c == '\'') return take_text(token);
        if (is_letter(c)) {
            take_name(token);
            return base::ok_status();
        }
        for (const auto& [sign, kind] : kSigns) {
            if (!rule_.substr(at_).starts_with(sign)) continue;
            token.kind = kind;
            token.text = sign;
            at_ += sign.size();
            return base::ok_status();
        }
        if (c == '=') return mistake(rule_, at_, "a comparison is written ==");
        if (c == '&') return mistake(rule_, at_, "write 'and'");
        if (c == '|') return mistake(rule_, at_, "write 'or'");
        return mistake(rule_, at_, "no word of a rule begins like this");
    }

    // A hyphen belongs to a name where a letter follows: channel-send.
    void take_name(Token& token) {
        const std::size_t begin = at_;
        while (at_ < rule_.size()) {
            const char c = rule_[at_];
            const bool hyphen = c == '-' && at_ + 1 < rule_.size() && is_letter(rule_[at_ + 1]);
            if (!is_letter(c) && !is_digit(c) && !hyphen) break;
            ++at_;
        }
        token.kind = Token::Kind::kName;
        token.text = rule_.substr(begin, at_ - begin);
    }

    base::Status take_number(Token& token) {
        const std::size_t begin = at_;
        while (at_ < rule_.size() && (is_digit(rule_[at_]) || rule_[at_] == '.'))
            ++at_;
        const std::string_view digits = rule_.substr(begin, at_ - begin);
        const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(),
                                                    token.number, std::chars_format::fixed);
        if (problem != std::errc() || end != digits.data() + digits.size())
            return mistake(rule_, begin, fmt::format("'{}' is no number", digits));
        const std::size_t unit_at = at_;
        while (at_ < rule_.size() &&
               (is_letter(rule_[at_]) || is_digit(rule_[at_]) || (rule_[at_] & 0x80) != 0))
            ++at_;
        const std::string_view unit = rule_.substr(unit_at, at_ - unit_at);
        token.kind = Token::Kind::kNumber;
        token.text = rule_.substr(begin, at_ - begin);
        if (unit.empty()) return base::ok_status();
        for (const UnitRow& row : kUnits) {
            if (row.name != unit) continue;
            token.unit = row.unit;
            token.number *= row.factor;
            return base::ok_status();
        }
        return mistake(
            rule_, unit_at,
            fmt::format("there is no unit '{}': times have ns, us, ms, s or min, sizes B, KiB, MiB or GiB",
                        unit));
    }

    // A backslash keeps its meaning for regular expressions, but before the quote that ends the text.
    base::Status take_text(Token& token) {
        const char quote = rule_[at_];
        const std::size_t begin = at_++;
        while (at_ < rule_.size() && rule_[at_] != quote) {
            if (rule_[at_] == '\\' && at_ + 1 < rule_.size()) {
                if (rule_[at_ + 1] != quote) token.text += '\\';
                ++at_;
            }
            token.text += rule_[at_++];
        }
        if (at_ == rule_.size())
            return mistake(rule_, begin, "this text has no end: the quote that closes it is missing");
        ++at_;
        token.kind = Token::Kind::kText;
        return base::ok_status();
    }

    const std::string_view rule_;
    std::size_t at_ = 0;
    std::vector<Token> tokens_;
};

// Texts of a rule may hold anything, and a sentence quotes them.
std::string on_one_line(std::string_view text) {
    std::string shown(text);
    for (char& c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) c = ' ';
    }
    return shown;
}

}  // namespace

base::Error mistake(std::string_view rule, std::size_t at, const std::string& sentence) {
    std::string before;
    for (std::size_t i = 0; i < std::min(at, rule.size()); ++i) {
        if ((static_cast<unsigned char>(rule[i]) & 0xc0) != 0x80) before += ' ';
    }
    return base::error(base::ErrorCode::kUsage, fmt::format("{}\n  {}\n  {}^", on_one_line(sentence), on_one_line(rule), before));
}

base::Result<std::vector<Token>> words_of_rule(std::string_view rule) {
    return Lexer(rule).run();
}

}  // namespace coroscope::rules
