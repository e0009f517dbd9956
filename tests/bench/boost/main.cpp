// The Boost runner: its table of workloads (workloads.h), served to the driver.
#include <boost/version.hpp>

#include "boost/workloads.h"

using namespace coroscope::bench;
using namespace coroscope::bench::boost_peer;

namespace {
constexpr Workload kWorkloads[] = {
    {"switch", switch_pair},
    {"by_hand_fiber", by_hand_fiber},
    {"by_hand_callcc", by_hand_callcc},
    {"by_hand_coroutine2", by_hand_coroutine2},
    {"yield_2", yield_2},
    {"yield_1000", yield_1000},
    {"spawn_join", spawn_join},
    {"spawn_join_1000", spawn_join_1000},
    {"channel_unbuffered", channel_unbuffered},
    {"channel_buffered_128", channel_buffered_128},
    {"fan_in_10k", fan_in_10k},
    {"timers_fire", timers_fire},
    {"skynet_1_worker", skynet_1_worker},
    {"skynet_2_workers", skynet_2_workers},
    {"parked_micro", parked_micro},
    {"parked_medium", parked_medium},
    {"ring_micro_2", [](std::uint64_t count) { return ring(kMicroBytes, 2, count); }},
    {"ring_micro_1k", [](std::uint64_t count) { return ring(kMicroBytes, 1000, count); }},
    {"ring_micro_10k", [](std::uint64_t count) { return ring(kMicroBytes, 10000, count); }},
    {"ring_micro_100k", [](std::uint64_t count) { return ring(kMicroBytes, 100000, count); }},
    {"ring_small_2", [](std::uint64_t count) { return ring(kSmallBytes, 2, count); }},
    {"ring_small_1k", [](std::uint64_t count) { return ring(kSmallBytes, 1000, count); }},
    {"ring_small_10k", [](std::uint64_t count) { return ring(kSmallBytes, 10000, count); }},
    {"ring_small_100k", [](std::uint64_t count) { return ring(kSmallBytes, 100000, count); }},
    {"ring_medium_2", [](std::uint64_t count) { return ring(kMediumBytes, 2, count); }},
    {"ring_medium_1k", [](std::uint64_t count) { return ring(kMediumBytes, 1000, count); }},
    {"ring_medium_10k", [](std::uint64_t count) { return ring(kMediumBytes, 10000, count); }},
    {"ring_medium_100k", [](std::uint64_t count) { return ring(kMediumBytes, 100000, count); }},
    {"ring_large_2", [](std::uint64_t count) { return ring(kLargeBytes, 2, count); }},
    {"ring_large_1k", [](std::uint64_t count) { return ring(kLargeBytes, 1000, count); }},
    {"ring_large_10k", [](std::uint64_t count) { return ring(kLargeBytes, 10000, count); }},
};
}  // namespace

int main() {
    return serve("Boost " BOOST_LIB_VERSION, kWorkloads);
}
