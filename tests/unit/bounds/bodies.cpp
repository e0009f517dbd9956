// Hand-written bodies, small and realistic, compiled once a level. No body needs more than the standard headers; none allocates.
#include "bodies.h"

#include <alloca.h>

#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>

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
        LISTED(leaf, kProven),           LISTED(red_zone, kProven),
        LISTED(calls, kProven),          LISTED(large_frame, kProven),
        LISTED(by_value, kOther),        LISTED(variadic, kProven),
        LISTED(doubles, kProven),        LISTED(parse, kProven),
        LISTED(sort, kProven),           LISTED(copies, kProven),
        LISTED(aligned, kProven),        LISTED(aborts, kProven),
        LISTED(choice, kProven),         LISTED(variable_array, kVariableFrame),
        LISTED(recursion, kOther),       LISTED(pointer, kIndirect),
        LISTED(virtual_call, kIndirect), LISTED(exception, kThrows),
    };
}

}  // namespace coroscope::bounds::test
