// What the examples that measure themselves are asked to do: `--name N`, nothing else.
//
// Thread: main, before the Runtime.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string_view>

namespace measured {

struct Number {
    const char* name;  // "--seed"
    std::uint64_t& value;
    std::uint64_t least, most;
};

// Reads the command line into the numbers; a mistake is one sentence on stderr and the end with exit code 2.
inline void read_numbers(int count, char** arguments, std::initializer_list<Number> numbers) {
    for (int i = 1; i < count; i += 2) {
        bool known = false;
        for (const Number& number : numbers) {
            if (std::string_view(arguments[i]) != number.name) continue;
            char* end = nullptr;
            number.value = i + 1 < count ? std::strtoull(arguments[i + 1], &end, 10) : 0;
            if (end == nullptr || end == arguments[i + 1] || *end != '\0' || number.value < number.least ||
                number.value > number.most) {
                std::fprintf(stderr, "%s: %s wants a number from %llu to %llu\n", arguments[0], number.name,
                             static_cast<unsigned long long>(number.least),
                             static_cast<unsigned long long>(number.most));
                std::exit(2);
            }
            known = true;
        }
        if (known) continue;
        std::fprintf(stderr, "%s: unknown option '%s'; there are", arguments[0], arguments[i]);
        for (const Number& number : numbers)
            std::fprintf(stderr, " %s", number.name);
        std::fprintf(stderr, "\n");
        std::exit(2);
    }
}

}  // namespace measured
