// Compiled once for each level of optimisation, under its own name, as growable code.
#include "torture.h"

#include <cprime/coroutine.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#define CONCATENATE_(a, b) a##b
#define CONCATENATE(a, b) CONCATENATE_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)
#define NOINLINE __attribute__((noinline, noclone))

namespace cprime::test {
namespace {

Place place_of(unsigned serial) {
    return {"torture_" TEXT(TORTURE_LEVEL) ".cpp", "torture", serial, 1};
}

NOINLINE int recurse(int depth) {
    volatile char frame[64];
    frame[0] = 1;
    if (depth == 0) return 0;
    const int below = recurse(depth - 1);
    return below + frame[0];
}
int recursion_to_100000_frames() {
    return recurse(100'000);
}

NOINLINE int large_frame(int value) {
    volatile char frame[3000];
    for (volatile char& byte : frame)
        byte = static_cast<char>(value);
    static_cast<void>(yield());
    int sum = 0;
    for (const volatile char& byte : frame)
        sum += byte;
    return sum;
}
int frames_of_3_kilobytes() {
    return large_frame(1);
}

NOINLINE int stacked(int a, int b, int c, int d, int e, int f, int g, int h, double x, double y,
                     long double z) {
    volatile char frame[700];
    frame[0] = 1;
    return a + b + c + d + e + f + 10 * g + 100 * h +
           static_cast<int>(x * y + static_cast<double>(z)) * frame[0];
}
int arguments_on_the_stack_and_in_vectors() {
    return stacked(1, 2, 3, 4, 5, 6, 7, 8, 2.5, 4.0, 3.0L);
}

struct Large {
    int values[40];
};
NOINLINE Large by_value(Large in, int add) {
    volatile char frame[600];
    frame[0] = static_cast<char>(add);
    for (int& value : in.values)
        value += frame[0];
    return in;
}
int structures_by_value() {
    Large large{};
    large = by_value(large, 3);
    int sum = 0;
    for (const int value : large.values)
        sum += value;
    return sum;
}

NOINLINE int variadic(const char* kinds, ...) {
    volatile char frame[500];
    frame[0] = 1;
    std::va_list list;
    va_start(list, kinds);
    int sum = 0;
    for (const char* kind = kinds; *kind != '\0'; ++kind)
        sum += *kind == 'i' ? va_arg(list, int) : static_cast<int>(va_arg(list, double));
    va_end(list);
    return sum * frame[0];
}
int variadic_arguments() {
    return variadic("iiiiiiiiiddddddddddi", 1, 2, 3, 4, 5, 6, 7, 8, 9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0,
                    9.0, 10.0, 100);
}

NOINLINE int variable_array(int size) {
    volatile char array[size];
    for (int i = 0; i < size; ++i)
        array[i] = 1;
    static_cast<void>(yield());
    char text[64];
    std::snprintf(text, sizeof text, "%d %f", size, 0.5);  // below the array
    int sum = 0;
    for (int i = 0; i < size; ++i)
        sum += array[i];
    return sum;
}
int arrays_of_variable_length() {
    int sum = 0;
    for (const int size : {10, 1000, 50'000, 300, 200'000, 7})
        sum += variable_array(size);
    return sum;
}

int formatted_output() {
    char text[64];
    return std::snprintf(text, sizeof text, "%s %.3f %lld", "text", 3.14159, 1LL << 40);
}

int strings() {
    std::string text;
    for (int i = 0; i < 100; ++i)
        text += std::to_string(i) + ",";
    return static_cast<int>(text.size());
}

struct Counter {
    int& count;
    explicit Counter(int& counted) : count(counted) {}
    ~Counter() { ++count; }
};
NOINLINE void throw_from(int depth, int& unwound) {
    volatile char frame[80];
    frame[0] = 1;
    const Counter counter(unwound);
    if (depth == 0) throw std::runtime_error("from below");
    throw_from(depth - 1, unwound);
    frame[1] = frame[0];
}
int exceptions_across_segments() {
    int unwound = 0;
    for (int i = 0; i < 3; ++i) {
        try {
            throw_from(200, unwound);
        } catch (const std::runtime_error& error) {
            unwound += static_cast<int>(std::strlen(error.what()));
        }
    }
    return unwound;
}
NOINLINE void rethrow_from(int depth, int& passed) {
    if (depth == 0) throw 1;
    try {
        rethrow_from(depth - 1, passed);
    } catch (const int&) {
        ++passed;
        throw;
    }
}
int rethrown_on_each_segment() {
    int passed = 0;
    try {
        rethrow_from(40, passed);
    } catch (int) {
        ++passed;
    }
    return passed;
}

int ordinary_by_name() {
    return ordinary_with_large_frame(4);
}
NOINLINE int through(int (*function)(int), int value) {
    return function(value) + 1;
}
int ordinary_through_a_pointer() {
    return through(ordinary_by_pointer(), 4);
}
NOINLINE int through(OrdinaryInterface& object, int value) {
    return object.call(value) + 1;
}
int ordinary_through_a_virtual() {
    return through(ordinary_object(), 4);
}

int bigger_stack() {
    return call_on_bigger_stack([] {
        volatile char frame[9000];
        frame[0] = 1;
        static_cast<void>(yield());
        return frame[0] + 1;
    });
}
int exception_from_bigger_stack() {
    try {
        call_on_bigger_stack(100 << 10, [] { throw 7; });
    } catch (int value) {
        return value;
    }
    return 0;
}

// The same growth again and again: on a segment that is there.
int ten_thousand_growths() {
    int sum = 0;
    for (int i = 0; i < 10'000; ++i)
        sum += stacked(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0);
    return sum;
}

NOINLINE int walk(int depth) {
    volatile char frame[200];
    frame[0] = 0;
    if (depth == 0) return frames_by_libgcc() - frames_by_libunwind();
    return walk(depth - 1) + frame[0];
}
int unwinders_agree() {
    return walk(100);
}
NOINLINE int count(int depth) {
    volatile char frame[200];
    frame[0] = 0;
    if (depth == 0) return frames_by_libgcc();
    return count(depth - 1) + frame[0];
}
int unwinders_reach_the_end() {
    return count(100) > 101 ? 1 : 0;
}

// A coroutine by hand has a stack of its own that does not grow by segment: its frames go deep there, and its resumer grows before,
// between and after.
NOINLINE int by_hand(int depth) {
    volatile char frame[200];
    frame[0] = 0;
    if (depth > 0) return by_hand(depth - 1) + frame[0];
    Coroutine<int, int> adder([](auto& self, int value) {
        int sum = 0;
        while (value != 0)
            value = self.yield(sum += value + recurse(100) - 100);
        return sum;
    });
    int last = 0;
    for (int i = 1; i <= 10; ++i)
        last = *adder.resume(i) + recurse(50) - 50;
    static_cast<void>(yield());
    return last + *adder.resume(0) + large_frame(0);
}
int a_coroutine_by_hand() {
    return by_hand(20);
}

constexpr Body kBodies[] = {
    {"recursion", 100'000, recursion_to_100000_frames},
    {"large_frames", 3000, frames_of_3_kilobytes},
    {"arguments", 21 + 70 + 800 + 13, arguments_on_the_stack_and_in_vectors},
    {"structures", 120, structures_by_value},
    {"variadic", 45 + 55 + 100, variadic_arguments},
    {"arrays", 10 + 1000 + 50'000 + 300 + 200'000 + 7, arrays_of_variable_length},
    {"snprintf", 24, formatted_output},
    {"strings", 290, strings},
    {"exceptions", 3 * (201 + 10), exceptions_across_segments},
    {"rethrown", 41, rethrown_on_each_segment},
    {"ordinary", 4 * 5000, ordinary_by_name},
    {"pointer", 4 * 5000 + 1, ordinary_through_a_pointer},
    {"virtual", 4 * 5000 + 1, ordinary_through_a_virtual},
    {"bigger", 2, bigger_stack},
    {"bigger_throws", 7, exception_from_bigger_stack},
    {"cached", 10'000, ten_thousand_growths},
    {"by_hand", 2 * 55, a_coroutine_by_hand},
    {"unwinders", 0, unwinders_agree},
    {"unwound", 1, unwinders_reach_the_end},
};

JoinHandle<int> spawn_micro(const Body& body, unsigned serial) {
    return spawn(
        {.name = body.name, .size_class = size_class::micro}, [run = body.run] { return run(); },
        place_of(serial));
}

NOINLINE int grow_and_read(const std::atomic<int>& local, const Receiver<int>& written, int depth) {
    volatile char frame[150];
    frame[0] = 0;
    if (depth > 0) return grow_and_read(local, written, depth - 1) + frame[0];
    int rounds = 0;
    while (auto value = written.receive()) {
        if (local.load(std::memory_order_relaxed) < *value) return -1;  // the writer may be one ahead
        ++rounds;
    }
    return rounds;
}
JoinHandle<int> spawn_shared_local(const Sender<std::atomic<int>*>& out, const Receiver<int>& written,
                                   unsigned serial) {
    return spawn(
        {.name = "shared local", .size_class = size_class::micro},
        [out, written] {
            std::atomic<int> local{0};
            if (!out.send(&local)) return -2;
            return grow_and_read(local, written, 30);
        },
        place_of(serial));
}

JoinHandle<int> spawn_quiet(const Receiver<int>& numbers, unsigned serial) {
    return spawn(
        {.name = "quiet", .size_class = size_class::micro},
        [numbers] {
            int sum = 0;
            while (auto number = numbers.receive())
                sum += *number;
            return sum;
        },
        place_of(serial));
}

NOINLINE int park_deep(const Receiver<int>& gate, int depth) {
    volatile char frame[150];
    frame[0] = 1;
    if (depth > 0) return park_deep(gate, depth - 1) + frame[0];
    while (gate.receive()) {
    }
    return frame[0];
}
JoinHandle<int> spawn_parked(const Receiver<int>& gate, int depth, unsigned serial) {
    return spawn(
        {.name = "parked deep", .size_class = size_class::micro},
        [gate, depth] { return park_deep(gate, depth); }, place_of(serial));
}

}  // namespace

Torture CONCATENATE(torture_, TORTURE_LEVEL)() {
    return {TEXT(TORTURE_LEVEL), kBodies, spawn_micro, spawn_shared_local, spawn_quiet, spawn_parked};
}

}  // namespace cprime::test
