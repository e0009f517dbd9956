// A coroutine resumed by hand: a value in, a value out, there and back. Inside a scheduled coroutine, as all workloads here.
#include <cprime/coroutine.h>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {

Measured by_hand(std::uint64_t count) {
    cprime::Coroutine<std::uint64_t, std::uint64_t> adder([](auto& self, std::uint64_t value) {
        for (std::uint64_t sum = value; value != 0; sum += value)
            value = self.yield(sum);
        return value;
    });
    std::uint64_t last = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i)
        last = *adder.resume(1);
    const std::uint64_t end_ns = now_ns();
    keep(last);
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
