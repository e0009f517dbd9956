// Coroutines that do nothing but let the next one run.
#include <cprime/cprime.h>

#include <vector>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {
namespace {

struct Round {
    std::uint64_t each = 0;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
};

void yielder(Round& round) {
    cprime::yield();  // everybody has started when the clock does
    if (round.begin_ns == 0) round.begin_ns = now_ns();
    for (std::uint64_t n = 0; n < round.each; ++n)
        cprime::yield();
    if (round.end_ns == 0) round.end_ns = now_ns();
}

Measured yield_among(std::size_t coroutines_count, std::uint64_t count, cprime::size_class size_class) {
    Round round;
    round.each = count / coroutines_count + 1;
    std::vector<cprime::JoinHandle<void>> handles;
    handles.reserve(coroutines_count);
    for (std::size_t i = 0; i < coroutines_count; ++i) {
        handles.push_back(
            cprime::spawn({.name = "yielder", .size_class = size_class}, [&round] { yielder(round); }));
    }
    for (auto& handle : handles)
        handle.join();
    return {
        .elapsed_ns = round.end_ns - round.begin_ns, .operations = round.each * coroutines_count, .extra = {}};
}

}  // namespace

Measured yield_2(std::uint64_t count) {
    return yield_among(2, count, cprime::size_class::medium);
}
Measured yield_1000(std::uint64_t count) {
    return yield_among(1000, count, cprime::size_class::medium);
}
Measured yield_1000_micro(std::uint64_t count) {
    return yield_among(1000, count, cprime::size_class::micro);
}

}  // namespace coroscope::bench::cprime_side
