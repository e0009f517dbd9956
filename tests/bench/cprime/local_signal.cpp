// What a local signal costs beside the exception that it is, and a scope in which nothing is raised beside a try block.
#include <cprime/cprime.h>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

struct Alarm {
    std::uint64_t number;
};

// Not inlined: raise() is not, and neither is what a scope calls as a rule.
[[gnu::noinline]] void throw_number(std::uint64_t number) {
    throw Alarm{number};
}
[[gnu::noinline]] void raise_number(std::uint64_t number) {
    cprime::raise(Alarm{number});
}
[[gnu::noinline]] void fine(std::uint64_t number) {
    keep(number);
}

template <typename Once>
Measured measure(std::uint64_t count, Once once) {
    const std::uint64_t begin = now_ns();
    for (std::uint64_t n = 0; n < count; ++n)
        once(n);
    return {.elapsed_ns = now_ns() - begin, .operations = count, .extra = {}};
}

}  // namespace

Measured local_signal(std::uint64_t count) {
    return measure(count, [](std::uint64_t n) {
        cprime::catch_signals<Alarm>([n] { raise_number(n); }).recover([](const Alarm& alarm) {
            keep(alarm.number);
        });
    });
}

Measured local_throw(std::uint64_t count) {
    return measure(count, [](std::uint64_t n) {
        try {
            throw_number(n);
        } catch (const Alarm& alarm) {
            keep(alarm.number);
        }
    });
}

Measured local_scope(std::uint64_t count) {
    return measure(count, [](std::uint64_t n) {
        cprime::catch_signals<Alarm>([n] { fine(n); }).recover([](const Alarm& alarm) { keep(alarm.number); });
    });
}

Measured local_try(std::uint64_t count) {
    return measure(count, [](std::uint64_t n) {
        try {
            fine(n);
        } catch (const Alarm& alarm) {
            keep(alarm.number);
        }
    });
}

}  // namespace coroscope::bench::cprime_side
