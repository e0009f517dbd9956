// Our runner: its table of workloads (workloads.h), served to the driver from the first coroutine of a runtime. One worker, unless
// CPRIME_WORKERS says otherwise: most workloads count without atomics, and are asked of one worker only.
#include <cprime/cprime.h>

#include <cstdlib>

#include "cprime/workloads.h"

using namespace coroscope::bench;
using namespace coroscope::bench::cprime_side;

namespace {
constexpr Workload kWorkloads[] = {
    {"switch", switch_pair},
    {"by_hand", by_hand},
    {"yield_2", yield_2},
    {"yield_1000", yield_1000},
    {"yield_1000_micro", yield_1000_micro},
    {"stamped_yield_2", stamped_yield_2},
    {"spawn_join", spawn_join},
    {"spawn_join_1000", spawn_join_1000},
    {"channel_unbuffered", channel_unbuffered},
    {"channel_buffered_128", channel_buffered_128},
    {"select_2", select_2},
    {"fan_in_10k", fan_in_10k},
    {"timers_fire", timers_fire},
    {"timers_cancelled", timers_cancelled},
    {"skynet", skynet},
    {"signal", signal_latency},
    {"slot_lifo_1k", slot_lifo_1k},
    {"slot_lifo_small", slot_lifo_small},
    {"slot_lifo_medium", slot_lifo_medium},
    {"slot_lifo_large", slot_lifo_large},
    {"slot_lifo_64k", slot_lifo_64k},
    {"slot_lifo_1m", slot_lifo_1m},
    {"slot_random_1m", slot_random_1m},
    {"slot_random_1m_100", slot_random_1m_100},
    {"parked_micro", parked_micro},
    {"parked_micro_own_handle", parked_micro_own_handle},
    {"parked_medium", parked_medium},
    {"cold_micro", cold_micro},
    {"cold_medium", cold_medium},
    {"hold_chains", hold_chains},
    {"busy_among_held", busy_among_held},
    {"zones", zones},
    {"slices_1us", slices_1us},
    {"local_signal", local_signal},
    {"local_throw", local_throw},
    {"local_scope", local_scope},
    {"local_try", local_try},
    {"ring_micro_2", [](std::uint64_t count) { return ring(SizeClass::kMicro, 2, count); }},
    {"ring_micro_1k", [](std::uint64_t count) { return ring(SizeClass::kMicro, 1000, count); }},
    {"ring_micro_10k", [](std::uint64_t count) { return ring(SizeClass::kMicro, 10000, count); }},
    {"ring_micro_100k", [](std::uint64_t count) { return ring(SizeClass::kMicro, 100000, count); }},
    {"ring_small_2", [](std::uint64_t count) { return ring(SizeClass::kSmall, 2, count); }},
    {"ring_small_1k", [](std::uint64_t count) { return ring(SizeClass::kSmall, 1000, count); }},
    {"ring_small_10k", [](std::uint64_t count) { return ring(SizeClass::kSmall, 10000, count); }},
    {"ring_small_100k", [](std::uint64_t count) { return ring(SizeClass::kSmall, 100000, count); }},
    {"ring_medium_2", [](std::uint64_t count) { return ring(SizeClass::kMedium, 2, count); }},
    {"ring_medium_1k", [](std::uint64_t count) { return ring(SizeClass::kMedium, 1000, count); }},
    {"ring_medium_10k", [](std::uint64_t count) { return ring(SizeClass::kMedium, 10000, count); }},
    {"ring_medium_100k", [](std::uint64_t count) { return ring(SizeClass::kMedium, 100000, count); }},
    {"ring_large_2", [](std::uint64_t count) { return ring(SizeClass::kLarge, 2, count); }},
    {"ring_large_1k", [](std::uint64_t count) { return ring(SizeClass::kLarge, 1000, count); }},
    {"ring_large_10k", [](std::uint64_t count) { return ring(SizeClass::kLarge, 10000, count); }},
};
}  // namespace

// BENCH_MICRO_AHEAD, BENCH_MEDIUM_AHEAD: so many slots stand ready before the first coroutine runs. BENCH_NEWEST_FIRST: see RuntimeOptions.
int main() {
    const auto from_environment = [](const char* name) -> std::uint64_t {
        const char* value = std::getenv(name);
        return value == nullptr ? 0 : std::strtoull(value, nullptr, 10);
    };
    return cprime::run({.workers = std::getenv("CPRIME_WORKERS") == nullptr ? 1U : 0U,
                        .newest_first = from_environment("BENCH_NEWEST_FIRST") != 0,
                        .pools = {.micro = {.slots_ahead = from_environment("BENCH_MICRO_AHEAD")},
                                  .medium = {.slots_ahead = from_environment("BENCH_MEDIUM_AHEAD")}}},
                       [] {
                           const int status = serve("CPrime", kWorkloads);
                           release_held();
                           return status;
                       });
}
