// A recursive parser: a librarian waits for a reader, who has every expression parsed and digested by coroutines of their own.
//
// Both of those say how much stack they want, and both are wrong. The parser wishes for Large because it recurses, and never
// needs more than a few KiB; the digest wishes for Small and fills it almost to the brim. `coroscope sizes` tells.
#pragma once

#include <cprime/cprime.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "part.h"
#include "random.h"
#include "schedule.h"

namespace demo {

// An expression such as "(3+(7*2))" and its value, modulo 2^64.
struct Expression {
    std::string text;
    std::uint64_t value = 0;
};
Expression random_expression(Random& random, int depth);
// The value of an expression, by recursive descent. Texts come from random_expression(): nothing is checked.
std::uint64_t parse(std::string_view text);
// A checksum that depends on the order of the letters; works in a block of its own on the stack.
std::uint64_t digest(std::string_view text);

class Parser : public Part {
public:
    Parser(Schedule& schedule, std::uint64_t seed);

    int players() const override { return 1; }
    bool at_rest() const override { return true; }
    void note_edges(Edges& edges) const override;
    void finish() override;

private:
    void read(Schedule& schedule, std::uint64_t seed);
    bool read_one(Random& random);

    Expression current_;  // written by the reader, read by the coroutines that it waits for
    unsigned right_ = 0, wrong_ = 0;
    std::uint64_t digests_ = 0;
    std::atomic<std::uint64_t> reader_id_{0};
    cprime::JoinHandle<void> librarian_;
};

}  // namespace demo
