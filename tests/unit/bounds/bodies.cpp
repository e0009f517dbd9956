// Hand-written bodies, small and realistic, compiled once a level. No body needs more than the standard headers; none allocates.
#include "bodies.h"

#include <alloca.h>

#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <variant>

#include "body_names.h"

namespace coroscope::bounds::test {
namespace {

// What is given to it is used, and nobody knows how.
template <typename T>
[[gnu::always_inline]] inline void keep(T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}

struct Large {
    long words[40];
};
[[gnu::noinline]] Large filled(long n) {
    Large made{};
    for (long i = 0; i < 40; ++i)
        made.words[i] = n * i;
    return made;
}
[[gnu::noinline]] long sum_of(Large by_value) {
    long sum = 0;
    for (const long word : by_value.words)
        sum += word;
    return sum;
}
[[gnu::noinline]] long total(int count, ...) {
    va_list rest;
    va_start(rest, count);
    long sum = 0;
    for (int i = 0; i < count; ++i)
        sum += va_arg(rest, long);
    va_end(rest);
    return sum;
}
[[gnu::noinline]] double mean(const double* values, long count) {
    double sum = 0;
    for (long i = 0; i < count; ++i)
        sum += values[i];
    return count == 0 ? 0 : sum / static_cast<double>(count);
}
[[gnu::noinline]] long parse_number(const char*& at) {
    long value = 0;
    while (*at >= '0' && *at <= '9')
        value = value * 10 + (*at++ - '0');
    return value;
}
struct Shape {
    virtual ~Shape() = default;
    virtual long area() const { return side; }
    long side = 3;
};
struct Square : Shape {
    long area() const override { return side * side; }
};
Shape a_shape;
Square a_square;
// Of two bases: calls by the second come through a thunk.
struct Named {
    virtual ~Named() = default;
    virtual long name(long n) const = 0;
    long letters = 5;
};
struct Tile : Shape, Named {
    long area() const override {
        volatile long words[60];
        for (long i = 0; i < 60; ++i)
            words[i] = side + i;
        return words[side];
    }
    long name(long n) const override {
        volatile long words[30];
        for (long i = 0; i < 30; ++i)
            words[i] = n + letters;
        return words[29] + side;
    }
};
struct Label : Named {
    long name(long n) const override { return n + letters; }
};
// A base that two others share.
struct Base {
    virtual ~Base() = default;
    virtual long deep(long n) = 0;
    long base = 1;
};
struct Left : virtual Base {
    long left = 2;
};
struct Right : virtual Base {
    long deep(long n) override { return n + right; }
    long right = 3;
};
struct Both : Left, Right {
    long deep(long n) override {
        volatile long words[50];
        for (long i = 0; i < 50; ++i)
            words[i] = n + left;
        return words[7];
    }
};
Tile a_tile;
Label a_label;
Both a_both;
Right a_right;
struct Holder {
    long before = 1;
    Shape* shape = &a_tile;
    long (*step)(long, int) = nullptr;
};
[[gnu::noinline]] long small_step(long n, int by) {
    return n + by;
}
[[gnu::noinline]] long large_step(long n, int by) {
    volatile long words[100];
    for (long i = 0; i < 100; ++i)
        words[i] = n * by;
    return words[99];
}
[[gnu::noinline]] long by_shape(const Shape* shape) {
    return shape->area() + 1;
}
[[gnu::noinline]] long by_name(const Named& named, long n) {
    return named.name(n) * 2;
}
[[gnu::noinline]] long by_base(Base* base, long n) {
    return base->deep(n) * 2;
}
[[gnu::noinline]] long by_holder(const Holder& holder, long n) {
    return holder.shape->area() + holder.step(n, 3);
}
struct Operation {
    const char* name;
    long (*run)(long, short);
};
[[gnu::noinline]] long twice(long n) {
    return n * 2;
}
[[gnu::noinline]] long many(long n) {
    volatile long words[70];
    for (long i = 0; i < 70; ++i)
        words[i] = n - i;
    return words[69];
}
[[gnu::noinline]] long negative(long n) {
    volatile long words[20];
    for (long i = 0; i < 20; ++i)
        words[i] = n ^ i;
    return -words[3];
}
[[gnu::noinline]] long added(long n, short by) {
    return n + by;
}
[[gnu::noinline]] long mixed(long n, short by) {
    volatile long words[45];
    for (long i = 0; i < 45; ++i)
        words[i] = n - by;
    return words[44] + many(n);
}
constexpr Operation kOperations[] = {{"added", &added}, {"mixed", &mixed}};
long (*const kFunctions[])(long) = {&twice, &negative, &many};
template <int N>
struct Choice {
    long words[N];
};
using Choices = std::variant<Choice<1>, Choice<2>, Choice<3>, Choice<4>, Choice<5>, Choice<6>, Choice<7>,
                             Choice<8>, Choice<9>, Choice<10>, Choice<11>, Choice<12>>;
Choices a_choice;
struct Visitor {
    template <int N>
    long operator()(const Choice<N>& choice) const {
        volatile long words[N * 4];
        for (long i = 0; i < N * 4; ++i)
            words[i] = choice.words[i % N];
        return words[N];
    }
};
[[gnu::noinline]] long gcd(long a, long b) {
    while (b != 0) {
        const long rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}
[[gnu::noinline, noreturn]] void give_up() {
    __builtin_abort();
}

}  // namespace

BODY(leaf) {
    return n * 3 + 1;
}
BODY(red_zone) {  // a leaf with an array that fits below its stack pointer
    volatile long words[12];
    for (long i = 0; i < 12; ++i)
        words[i] = n + i;
    return words[static_cast<unsigned long>(n) % 12];
}
BODY(calls) {
    return gcd(n + 100, 15) + gcd(n + 7, 3);
}
BODY(large_frame) {
    volatile char bytes[20000];
    for (long i = 0; i < 20000; i += 97)
        bytes[i] = static_cast<char>(n);
    return bytes[static_cast<unsigned long>(n) % 20000] + gcd(n + 9, 6);
}
BODY(by_value) {  // GCC may keep the stack pointer in a register that it knows the callee leaves alone: then unproven
    Large one = filled(n);
    keep(one);
    return sum_of(one) + sum_of(filled(n + 1));
}
BODY(variadic) {
    return total(9, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8);
}
BODY(doubles) {
    double values[32];
    for (int i = 0; i < 32; ++i)
        values[i] = static_cast<double>(n) / (i + 1);
    keep(values);
    return static_cast<long>(mean(values, 32) * 1000);
}
BODY(parse) {
    char text[] = "12 345 6789 0 77";
    keep(text);
    const char* at = text;
    long sum = n;
    while (*at != '\0') {
        sum += parse_number(at);
        if (*at == ' ') ++at;
    }
    return sum;
}
BODY(sort) {
    long words[64];
    for (long i = 0; i < 64; ++i)
        words[i] = (i * 7919 + n) % 64;
    for (long i = 1; i < 64; ++i) {
        const long one = words[i];
        long j = i;
        for (; j > 0 && words[j - 1] > one; --j)
            words[j] = words[j - 1];
        words[j] = one;
    }
    keep(words);
    return words[0] + words[63];
}
BODY(copies) {
    char from[700];
    char to[700];
    std::memset(from, static_cast<int>(n), sizeof from);
    keep(from);
    std::memcpy(to, from, static_cast<std::size_t>(n % 700 + 700) % 700);
    keep(to);
    return std::memcmp(from, to, 300) + static_cast<long>(sizeof to);
}
BODY(aligned) {
    alignas(64) long words[24];
    for (long i = 0; i < 24; ++i)
        words[i] = n ^ i;
    keep(words);
    return words[static_cast<unsigned long>(n) % 24] + gcd(n + 20, 4);
}
BODY(aborts) {
    if (n < -1000000) give_up();
    volatile long words[3] = {n, n, n};
    return words[0] + gcd(words[1] + 4, words[2] + 2);
}
BODY(choice) {
    long words[8] = {n};
    keep(words);
    switch (static_cast<unsigned long>(n) % 9) {
        case 0:
            return gcd(words[0] + 8, 2);
        case 1:
            return words[0] * 5;
        case 2:
            return sum_of(filled(n));
        case 3:
            return words[0] - 3;
        case 4:
            return total(2, n, n);
        case 5:
            return words[0] ^ 77;
        case 6:
            return gcd(words[0] + 81, 9) + 1;
        default:
            return 4;
    }
}

BODY(variable_array) {
    const auto count = static_cast<unsigned long>(n) % 500 + 1;
    auto* words = static_cast<long*>(alloca(count * sizeof(long)));
    for (unsigned long i = 0; i < count; ++i)
        words[i] = n;
    keep(*words);
    return words[count - 1];
}
BODY(recursion) {
    volatile long here = n;
    const auto left = static_cast<unsigned long>(n) % 50;
    return left == 0 ? here : NAMED(recursion)(static_cast<long>(left) - 1) + here;
}
BODY(pointer) {
    long (*volatile function)(long, long) = &gcd;
    return function(n + 8, 12);
}
BODY(virtual_call) {
    Shape* volatile shape = n == 4 ? &a_shape : &a_square;
    return shape->area() + n;
}
BODY(virtual_of_two_bases) {
    Tile* volatile tile = &a_tile;
    const Named& named = n % 2 == 0 ? static_cast<const Named&>(*tile) : a_label;
    return by_name(named, n) + by_shape(n == 4 ? &a_shape : tile);
}
BODY(virtual_of_virtual_base) {
    Base* volatile base = n % 2 == 0 ? static_cast<Base*>(&a_both) : &a_right;
    return by_base(base, n);
}
BODY(members) {
    Holder holder;
    if (n % 3 == 0) holder.shape = &a_square;
    holder.step = n % 2 == 0 ? &small_step : &large_step;
    keep(holder);
    return by_holder(holder, n);
}
BODY(function_table) {
    return kFunctions[static_cast<unsigned long>(n) % 3](n + 5);
}
BODY(table_of_operations) {
    const Operation& operation = kOperations[static_cast<unsigned long>(n) % 2];
    return operation.run(n, 3) + operation.name[0];
}
BODY(visit) {
    if (n % 2 == 0) a_choice.emplace<11>();
    if (n % 3 == 0) a_choice.emplace<4>();
    keep(a_choice);
    return std::visit(Visitor(), a_choice);
}
BODY(exception) {
    try {
        if (n != 12345678) throw std::runtime_error("thrown");
    } catch (const std::runtime_error&) {
        return 1;
    }
    return 2;
}

Bodies CONCATENATE(bodies, BODY_LEVEL)() {
    return {
        LISTED(leaf, kProven),
        LISTED(red_zone, kProven),
        LISTED(calls, kProven),
        LISTED(large_frame, kProven),
        LISTED(by_value, kOther),
        LISTED(variadic, kProven),
        LISTED(doubles, kProven),
        LISTED(parse, kProven),
        LISTED(sort, kProven),
        LISTED(copies, kProven),
        LISTED(aligned, kProven),
        LISTED(aborts, kProven),
        LISTED(choice, kProven),
        LISTED(variable_array, kVariableFrame),
        LISTED(recursion, kOther),
        LISTED(pointer, kOther),
        LISTED(virtual_call, kProven),
        LISTED(exception, kThrows),
        LISTED(virtual_of_two_bases, kProven),
        LISTED(virtual_of_virtual_base, kProven),
        LISTED(members, kOther),
        LISTED(function_table, kProven),
        LISTED(table_of_operations, kOther),
        LISTED(visit, kOther),
    };
}

}  // namespace coroscope::bounds::test
