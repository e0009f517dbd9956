#include "parser.h"

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>

#include <cprime/tell.h>

#include "totals.h"

namespace demo {
namespace {

constexpr int kDepth = 7;

// One level of recursion for each level of parentheses.
std::uint64_t parse_term(std::string_view text, std::size_t& at) {
    if (text[at] != '(') {
        std::uint64_t number = 0;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
            number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
        return number;
    }
    ++at;  // (
    const std::uint64_t left = parse_term(text, at);
    const char sign = text[at++];
    const std::uint64_t right = parse_term(text, at);
    ++at;  // )
    return sign == '+' ? left + right : left * right;
}

}  // namespace

Expression random_expression(Random& random, int depth) {
    if (depth == 0 || random.below(8) == 0) {
        const std::uint64_t number = random.below(1000);
        return {std::to_string(number), number};
    }
    const Expression left = random_expression(random, depth - 1);
    const Expression right = random_expression(random, depth - 1);
    const bool sum = random.below(2) == 0;
    return {'(' + left.text + (sum ? '+' : '*') + right.text + ')',
            sum ? left.value + right.value : left.value * right.value};
}

std::uint64_t parse(std::string_view text) {
    CPRIME_ZONE("parse");
    std::size_t at = 0;
    return parse_term(text, at);
}

std::uint64_t digest(std::string_view text) {
    // Every letter is put at a place that depends on those before it; the block is what fills a Small stack.
    std::array<std::uint32_t, 416> block{};
    std::uint32_t place = 0;
    for (const char letter : text) {
        place = (place * 31 + static_cast<unsigned char>(letter)) % block.size();
        block[place] = block[place] * 33 + static_cast<unsigned char>(letter);
    }
    std::uint64_t sum = 0;
    for (const std::uint32_t cell : block)
        sum = sum * 1099511628211ULL + cell;
    return sum;
}

Parser::Parser(Schedule& schedule, std::uint64_t seed) {
    librarian_ = spawn_counted({.name = "librarian"}, [this, &schedule, seed] {
        auto reader = spawn_counted({.name = "reader"}, [this, &schedule, seed] { read(schedule, seed); });
        reader_id_ = reader.id();
        reader.join();
    });
}

void Parser::read(Schedule& schedule, std::uint64_t seed) {
    Random random(seed);
    schedule.play([&] { return read_one(random); });
}

// Two coroutines, one after the other; false when the reader was asked to end while it waited for one. They may still be at work
// then, so what they look at is the part's, which outlives them, and not the reader's.
bool Parser::read_one(Random& random) {
    current_ = random_expression(random, kDepth);
    cprime::note("an expression of " + std::to_string(current_.text.size()) + " letters");
    CPRIME_ZONE("expression");
    auto parser = spawn_counted({.name = "parser", .size_class = cprime::size_class::large},
                                [this] { return parse(current_.text); });
    const auto value = parser.join();
    if (!value) return false;
    ++(*value == current_.value ? right_ : wrong_);
    auto digester = spawn_counted({.name = "digest", .size_class = cprime::size_class::small},
                                  [this] { return digest(current_.text); });
    const auto sum = digester.join();
    if (!sum) return false;
    digests_ ^= *sum;
    return true;
}

void Parser::note_edges(Edges& edges) const {
    edges.joins(librarian_.id(), reader_id_);
    edges.receives(reader_id_, "gate");
}

void Parser::finish() {
    librarian_.join();
    std::printf("parser: %u expressions right, %u wrong, digest %016llx\n", right_, wrong_,
                static_cast<unsigned long long>(digests_));
}

}  // namespace demo
