// Hand-written bodies that use the libraries as programs do: they allocate, grow strings and vectors, search text, look at the clock, and have
// ways out on which they throw, print or end the program.
//
// What is drawn by `n` is the worst for the stack: sizes at which malloc asks the kernel, merges what was freed, or makes room for a thread.
#include <alloca.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bodies.h"
#include "body_names.h"

namespace coroscope::bounds::test {
namespace {

template <typename T>
[[gnu::always_inline]] inline void keep(T& value) {
    asm volatile("" : : "r"(&value) : "memory");
}
std::size_t size_of(long n) {
    constexpr std::size_t kSizes[] = {1, 24, 200, 1000, 1040, 5000, 70000, 200000, 40'000'000};
    return kSizes[static_cast<unsigned long>(n) % std::size(kSizes)];
}
struct Account {
    std::string name;
    long balance = 0;
};
[[gnu::noinline]] void check(const Account& account) {
    if (account.balance < -1'000'000'000) {
        std::fprintf(stderr, "%s owes %ld\n", account.name.c_str(), account.balance);
        std::abort();
    }
}
[[gnu::noinline]] long at_most(long value, long most) {
    if (most < 0) throw std::invalid_argument("below zero: " + std::to_string(most));
    return value < most ? value : most;
}
[[gnu::noinline]] int by_value(const void* a, const void* b) {
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
[[gnu::noinline]] long far_below(long n) {
    volatile long words[90];
    for (long i = 0; i < 90; ++i)
        words[i] = n + i;
    return words[89];
}
struct Vehicle {
    virtual ~Vehicle() = default;
    virtual long wheels(long n) const { return n + 4; }
};
struct Truck : Vehicle {
    std::string load = "gravel of the river, more than a short string holds";
    long wheels(long n) const override { return far_below(n) + 6; }
};

}  // namespace

BODY(malloc_and_free) {
    void* const one = std::malloc(size_of(n));
    void* const other = std::malloc(size_of(n + 1));
    keep(one);
    std::free(one);
    void* const grown = std::realloc(other, size_of(n + 3));
    keep(grown);
    std::free(grown);
    return 1;
}
BODY(grown_vector) {
    std::vector<long> values;
    for (long i = 0; i < 40 + n % 1000; ++i)
        values.push_back(i * n);
    return values.empty() ? 0 : values.back();
}
BODY(made_string) {
    std::string text(static_cast<std::size_t>(n % 3000 + 3000) % 3000, 'a');
    text += "and more";
    text.insert(0, "before ");
    return static_cast<long>(text.size() + text.find('m'));
}
BODY(table) {
    std::map<long, std::string> names;
    for (long i = 0; i < 50; ++i)
        names[i * n % 37] = "one of them, with a name beyond what fits in place";
    return static_cast<long>(names.size());
}
BODY(owned) {
    const auto account = std::make_unique<Account>(Account{"a name that is not so short any more", n});
    check(*account);
    return account->balance;
}
BODY(searched) {
    std::array<char, 300> text{};
    text.fill('x');
    text[static_cast<std::size_t>(n % 290 + 290) % 290] = 'y';
    text.back() = '\0';
    keep(text);
    const char* const found = std::strchr(text.data(), 'y');
    const void* const again = std::memchr(text.data(), 'y', text.size());
    return (found != nullptr ? found - text.data() : -1) + (again != nullptr ? 1 : 0) +
           std::strcmp(text.data(), "xxxz") + static_cast<long>(std::strcspn(text.data(), "yz"));
}
BODY(clock) {
    std::timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_nsec % 2 + n;
}
BODY(parsed_number) {
    const char* const texts[] = {"12", "-7777777", "99999999999999999999", "x", " 0x12"};
    return std::strtol(texts[static_cast<unsigned long>(n) % 5], nullptr, 10);
}
BODY(throws_aside) {
    return at_most(n, n + 100) + at_most(n + 1, n + 200);
}
BODY(dies_aside) {  // what is printed before the end is not counted
    const Account account{"short", n};
    check(account);
    return account.balance;
}
BODY(constant_alloca) {
    auto* const bytes = static_cast<char*>(alloca(320));
    std::memset(bytes, static_cast<int>(n), 320);
    keep(*bytes);
    return bytes[static_cast<unsigned long>(n) % 320];
}

BODY(standard_function) {
    std::function<long(short)> function = [n](short by) { return n + by; };
    if (n % 2 == 0) function = [](short by) { return far_below(by); };
    keep(function);
    return function(3);
}
BODY(owned_by_base) {  // deleted by its virtual destructor
    std::unique_ptr<Vehicle> vehicle;
    if (n % 2 == 0) {
        vehicle = std::make_unique<Truck>();
    } else {
        vehicle = std::make_unique<Vehicle>();
    }
    keep(*vehicle);
    return vehicle->wheels(n);
}
BODY(printed) {
    char text[64];
    return std::snprintf(text, sizeof text, "%ld and %.3f", n, static_cast<double>(n));
}
BODY(sorted_by_function) {
    int values[50];
    for (int i = 0; i < 50; ++i)
        values[i] = static_cast<int>((i * 7919 + n) % 50);
    std::qsort(values, 50, sizeof values[0], &by_value);
    return values[0];
}

Bodies CONCATENATE(library_bodies, BODY_LEVEL)() {
    return {
        LISTED(malloc_and_free, kProven),
        LISTED(grown_vector, kThrows),
        LISTED(made_string, kThrows),
        LISTED(table, kRecursion),
        LISTED(owned, kThrows),
        LISTED(searched, kProven),
        LISTED(clock, kProven),
        LISTED(parsed_number, kOther),
        LISTED(throws_aside, kThrows),
        LISTED(dies_aside, kOther),
        LISTED(constant_alloca, kProven),
        LISTED(standard_function, kOther),
        LISTED(owned_by_base, kOther),
        LISTED(printed, kIndirect),
        LISTED(sorted_by_function, kIndirect),
    };
}

}  // namespace coroscope::bounds::test
