// The runner of the C++20 coroutines: its table of workloads (workloads.h), served to the driver.
#include "cpp20/workloads.h"

using namespace coroscope::bench;
using namespace coroscope::bench::cpp20_peer;

namespace {
constexpr Workload kWorkloads[] = {
    {"yield_2", yield_2},
    {"yield_1000", yield_1000},
    {"spawn_join", spawn_join},
    {"spawn_join_1000", spawn_join_1000},
    {"signal", plain_signal_latency},
};
}  // namespace

int main() {
    return serve("g++ " __VERSION__, kWorkloads);
}
