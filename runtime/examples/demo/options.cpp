#include "options.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace demo {
namespace {

constexpr char kUsage
    [] = "usage: demo [--seconds N] [--seed N] [--swarm N] [--workers N] [--hints] [--deadlock | "
         "--near-miss] [--edges FILE] [--kill-self]\n";

[[noreturn]] void refuse(const std::string& why) {
    std::fprintf(stderr, "demo: %s; %s", why.c_str(), kUsage);
    std::exit(2);
}

std::uint64_t number(const char* option, const char* text, std::uint64_t most) {
    char* end = nullptr;
    errno = 0;
    const std::uint64_t value = std::strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > most) {
        refuse(std::string(option) + " wants a number of at most " + std::to_string(most) + ", not '" + text +
               "'");
    }
    return value;
}

}  // namespace

Options parse_options(int count, char** arguments) {
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string option = arguments[i];
        const auto value = [&]() -> const char* {
            if (i + 1 == count) refuse(option + " wants a value");
            return arguments[++i];
        };
        const auto small_number = [&](unsigned most) {
            return static_cast<unsigned>(number(option.c_str(), value(), most));
        };
        if (option == "--seconds") {
            options.seconds = small_number(86'400);
        } else if (option == "--seed") {
            options.seed = number("--seed", value(), std::numeric_limits<std::uint64_t>::max());
        } else if (option == "--swarm") {
            options.swarm = small_number(10'000'000);
        } else if (option == "--workers") {
            options.workers = small_number(256);
        } else if (option == "--hints") {
            options.hints = true;
        } else if (option == "--deadlock") {
            options.deadlock = true;
        } else if (option == "--near-miss") {
            options.near_miss = true;
        } else if (option == "--edges") {
            options.edges_path = value();
        } else if (option == "--kill-self") {
            options.kill_self = true;
        } else if (option == "--help" || option == "-h") {
            std::fputs(kUsage, stdout);
            std::exit(0);
        } else {
            refuse("'" + option + "' is no option of this program");
        }
    }
    if (options.seconds == 0) refuse("--seconds must be at least 1");
    return options;
}

}  // namespace demo
