// The Boost runner: its table of workloads (workloads.h), served to the driver.
#include <boost/version.hpp>

#include "boost/workloads.h"

using namespace coroscope::bench;
using namespace coroscope::bench::boost_peer;

namespace {
constexpr Workload kWorkloads[] = {
    {"switch", switch_pair},
    {"switch_ring_1000", switch_ring_1000},
    {"by_hand_fiber", by_hand_fiber},
    {"by_hand_callcc", by_hand_callcc},
    {"by_hand_coroutine2", by_hand_coroutine2},
    {"yield_2", yield_2},
    {"yield_1000", yield_1000},
    {"spawn_join", spawn_join},
    {"spawn_join_1000", spawn_join_1000},
    {"channel_unbuffered", channel_unbuffered},
    {"channel_buffered_128", channel_buffered_128},
    {"parked_micro", parked_micro},
    {"parked_medium", parked_medium},
};
}  // namespace

int main() {
    return serve("Boost " BOOST_LIB_VERSION, kWorkloads);
}
