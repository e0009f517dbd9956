// The runner of C++20 coroutines over Boost.Asio: its table of workloads (workloads.h), served to the driver.
#include "asio/workloads.h"

#include <boost/version.hpp>

using namespace coroscope::bench;
using namespace coroscope::bench::asio_peer;

namespace {
constexpr Workload kWorkloads[] = {
    {"yield_2", yield_2},
    {"yield_1000", yield_1000},
    {"spawn_join", spawn_join},
    {"spawn_join_1000", spawn_join_1000},
    {"channel_unbuffered", channel_unbuffered},
    {"channel_buffered_128", channel_buffered_128},
    {"select_2", select_2},
    {"fan_in_10k", fan_in_10k},
    {"timers_fire", timers_fire},
    {"timers_cancelled", timers_cancelled},
    {"skynet_1_worker", skynet_1_worker},
    {"skynet_2_workers", skynet_2_workers},
};
}  // namespace

int main() {
    return serve("Boost " BOOST_LIB_VERSION ", g++ " __VERSION__, kWorkloads);
}
