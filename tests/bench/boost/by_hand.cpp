// The same round trip with what Boost offers for it: context::fiber and context::callcc, which bring no values (both sides share a
// variable), and Coroutine2's pull_type, which brings one out.
#include <boost/context/continuation.hpp>
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/coroutine2/all.hpp>
#include <memory>
#include <utility>

#include "boost/workloads.h"

namespace coroscope::bench::boost_peer {

namespace context = boost::context;

Measured by_hand_fiber(std::uint64_t count) {
    std::uint64_t value = 1;
    context::fiber adder(std::allocator_arg, context::pooled_fixedsize_stack(kStackBytes),
                         [&value](context::fiber&& back) {
                             for (std::uint64_t sum = 0; value != 0;) {
                                 value = sum += value;
                                 back = std::move(back).resume();
                             }
                             return std::move(back);
                         });
    std::uint64_t last = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        value = 1;
        adder = std::move(adder).resume();
        last = value;
    }
    const std::uint64_t end_ns = now_ns();
    keep(last);
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

Measured by_hand_callcc(std::uint64_t count) {
    std::uint64_t value = 1;
    context::continuation adder = context::callcc(std::allocator_arg,
                                                  context::pooled_fixedsize_stack(kStackBytes),
                                                  [&value](context::continuation&& back) {
                                                      for (std::uint64_t sum = 0; value != 0;) {
                                                          value = sum += value;
                                                          back = back.resume();
                                                      }
                                                      return std::move(back);
                                                  });
    std::uint64_t last = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        value = 1;
        adder = adder.resume();
        last = value;
    }
    const std::uint64_t end_ns = now_ns();
    keep(last);
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

Measured by_hand_coroutine2(std::uint64_t count) {
    using Source = boost::coroutines2::coroutine<std::uint64_t>;
    Source::pull_type adder(boost::coroutines2::pooled_fixedsize_stack(kStackBytes),
                            [](Source::push_type& out) {
                                for (std::uint64_t sum = 1;; ++sum)
                                    out(sum);
                            });
    std::uint64_t last = 0;
    const std::uint64_t begin_ns = now_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
        adder();
        last = adder.get();
    }
    const std::uint64_t end_ns = now_ns();
    keep(last);
    return {.elapsed_ns = end_ns - begin_ns, .operations = count, .extra = {}};
}

}  // namespace coroscope::bench::boost_peer
