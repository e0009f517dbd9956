// The growable runner: its table of workloads (hops.h), served to the driver from the first coroutine of a runtime with one worker.
#include <cprime/cprime.h>

#include "growable/hops.h"

using namespace coroscope::bench;
using namespace coroscope::bench::growable;

namespace {
constexpr Workload kWorkloads[] = {
    {"call_with_room", call_with_room},           {"call_over_a_hop", call_over_a_hop},
    {"call_over_first_hop", call_over_first_hop}, {"bigger_stack_with_room", bigger_stack_with_room},
    {"bigger_stack_cached", bigger_stack_cached},
};
}  // namespace

int main() {
    return cprime::run({.workers = 1}, [] { return serve("CPrime", kWorkloads); });
}
