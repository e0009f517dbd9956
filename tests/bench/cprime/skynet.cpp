// The skynet program: each coroutine makes ten others, down to `count` leaves; each leaf sends its number to its parent, each
// parent the sum of what its ten sent. A leaf has nothing but one send to do and lives on a Micro stack.
#include <cprime/cprime.h>

#include "cprime/workloads.h"
#include "runner/skynet.h"

namespace coroscope::bench::cprime_side {
namespace {

using Out = cprime::Sender<std::uint64_t>;

void leaf(const Out& out, std::uint64_t number) {
    cprime::spawn_detached({.name = "leaf", .size_class = cprime::size_class::micro},
                           [out, number] { out.send(number); });
}

std::uint64_t children(std::uint64_t first, std::uint64_t leaves) {
    const auto [out, in] = cprime::make_channel<std::uint64_t>("skynet");
    const std::uint64_t each = leaves / kSkynetChildren;
    for (std::uint64_t i = 0; i < kSkynetChildren; ++i) {
        const std::uint64_t number = first + i * each;
        if (each == 1) {
            leaf(out, number);
        } else {
            cprime::spawn_detached({.name = "node", .size_class = cprime::size_class::small},
                                   [out = Out(out), number, each] { out.send(children(number, each)); });
        }
    }
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < kSkynetChildren; ++i) {
        if (const auto value = in.receive()) sum += *value;
    }
    return sum;
}

}  // namespace

Measured skynet(std::uint64_t count) {
    const std::uint64_t leaves = skynet_leaves(count);
    const std::uint64_t begin_ns = now_ns();
    const std::uint64_t sum = children(0, leaves);
    const std::uint64_t end_ns = now_ns();
    if (sum != skynet_sum(leaves)) return {};  // no operations: the driver reports it
    return {.elapsed_ns = end_ns - begin_ns, .operations = leaves, .extra = {}};
}

}  // namespace coroscope::bench::cprime_side
