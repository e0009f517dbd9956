// Our runner: its table of workloads (workloads.h), served to the driver from the first coroutine of a runtime with one worker.
#include <cprime/cprime.h>

#include "cprime/workloads.h"

using namespace coroscope::bench;
using namespace coroscope::bench::cprime_side;

namespace {
constexpr Workload kWorkloads[] = {
    {"switch", switch_pair},
    {"switch_ring_1000", switch_ring_1000},
    {"by_hand", by_hand},
    {"yield_2", yield_2},
    {"yield_1000", yield_1000},
    {"yield_1000_micro", yield_1000_micro},
    {"stamped_yield_2", stamped_yield_2},
    {"spawn_join", spawn_join},
    {"spawn_join_1000", spawn_join_1000},
    {"channel_unbuffered", channel_unbuffered},
    {"channel_buffered_128", channel_buffered_128},
    {"slot_lifo_1k", slot_lifo_1k},
    {"slot_lifo_64k", slot_lifo_64k},
    {"slot_lifo_1m", slot_lifo_1m},
    {"slot_random_1m", slot_random_1m},
    {"slot_random_1m_100", slot_random_1m_100},
    {"parked_micro", parked_micro},
    {"parked_micro_own_handle", parked_micro_own_handle},
    {"parked_medium", parked_medium},
};
}  // namespace

int main() {
    return cprime::run({.workers = 1}, [] { return serve("CPrime", kWorkloads); });
}
