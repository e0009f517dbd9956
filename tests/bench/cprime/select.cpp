// Two coroutines send numbers, each on a channel of its own; one receives from whichever has some.
#include <cprime/cprime.h>

#include <utility>

#include "cprime/workloads.h"

namespace coroscope::bench::cprime_side {

Measured select_2(std::uint64_t count) {
    const std::uint64_t each = count / 2 + 1;
    auto [one, from_one] = cprime::make_channel<std::uint64_t>("one");
    auto [other, from_other] = cprime::make_channel<std::uint64_t>("other");
    std::uint64_t sum = 0;
    const std::uint64_t begin_ns = now_ns();
    const auto send = [each](const cprime::Sender<std::uint64_t>& to, std::uint64_t first) {
        for (std::uint64_t i = first; i < first + each; ++i)
            to.send(i);
    };
    cprime::spawn_detached("one", [&send, one = std::move(one)] { send(one, 0); });
    cprime::spawn_detached("other", [&send, each, other = std::move(other)] { send(other, each); });
    auto receiving = cprime::spawn("receiver", [&] {
        for (std::uint64_t i = 0; i < 2 * each;) {
            std::uint64_t number = 0;
            const auto fired = cprime::select(cprime::on_receive(from_one, number),
                                              cprime::on_receive(from_other, number));
            if (fired) {
                sum += number;
                ++i;
            } else if (fired.arm == 0) {
                from_one.reset();
            } else {
                from_other.reset();
            }
        }
    });
    receiving.join();
    const std::uint64_t end_ns = now_ns();
    if (sum != each * (2 * each - 1)) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = 2 * each, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
