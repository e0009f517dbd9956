// Allocating a stack's slot and giving it back, in cycles of the time stamp counter: what the bitmaps cost, without a coroutine around them.
//
// LIFO with N used: N - 1 slots are taken, and the last one comes and goes. Random: of a million used slots one is given back, and a free
// one taken. Slots of the runner's own worker's pools, Micro where nothing else is said: nothing is mapped while the clock runs, and no
// slot is touched.
#include <vector>

#include "cprime/workloads.h"
#include "instrumentation/base/tsc.h"
#include "runtime/entry/runtime_state.h"
#include "runtime/switch/switch.h"

namespace coroscope::bench::cprime_side {
namespace {

using cprime::detail::g_runtime;
using cprime::detail::kPoolMicro;
using cprime::detail::Worker;

constexpr std::uint32_t kMillion = 1'000'000;

std::vector<std::uint32_t> take(Worker& worker, std::uint8_t pool, std::uint32_t count) {
    std::vector<std::uint32_t> slots(count);
    for (std::uint32_t& slot : slots)
        slot = g_runtime->pools.allocate(&worker, pool);
    return slots;
}

void give_back(Worker& worker, std::uint8_t pool, const std::vector<std::uint32_t>& slots) {
    for (const std::uint32_t slot : slots)
        g_runtime->pools.free(&worker, pool, slot);
}

Measured result(std::uint64_t ns, std::uint64_t ticks, std::uint64_t count) {
    return {.elapsed_ns = ns,
            .operations = count,
            .extra = {{"cycles", static_cast<double>(ticks) / static_cast<double>(count)}}};
}

Measured lifo(std::uint64_t count, std::uint32_t used, std::uint8_t pool = kPoolMicro) {
    Worker& worker = *cprime::detail::cprime_current_worker;
    const std::vector<std::uint32_t> others = take(worker, pool, used - 1);
    const std::uint64_t begin_ns = now_ns(), begin = base::read_tsc_ordered();
    for (std::uint64_t n = 0; n < count; ++n) {
        const std::uint32_t slot = g_runtime->pools.allocate(&worker, pool);
        keep(slot);
        g_runtime->pools.free(&worker, pool, slot);
    }
    const std::uint64_t ticks = base::read_tsc_ordered() - begin, ns = now_ns() - begin_ns;
    give_back(worker, pool, others);
    return result(ns, ticks, count);
}

}  // namespace

Measured slot_lifo_1k(std::uint64_t count) {
    return lifo(count, 1'000);
}
Measured slot_lifo_small(std::uint64_t count) {
    return lifo(count, 1'000, cprime::detail::kPoolSmall);
}
Measured slot_lifo_medium(std::uint64_t count) {
    return lifo(count, 1'000, cprime::detail::kPoolMedium);
}
Measured slot_lifo_large(std::uint64_t count) {
    return lifo(count, 1'000, cprime::detail::kPoolLarge);
}
Measured slot_lifo_64k(std::uint64_t count) {
    return lifo(count, 64'000);
}
Measured slot_lifo_1m(std::uint64_t count) {
    return lifo(count, kMillion);
}

Measured slot_random_1m(std::uint64_t count) {
    Worker& worker = *cprime::detail::cprime_current_worker;
    std::vector<std::uint32_t> slots = take(worker, kPoolMicro, kMillion);
    std::uint64_t random = 88172645463325252ULL;
    const std::uint64_t begin_ns = now_ns(), begin = base::read_tsc_ordered();
    for (std::uint64_t n = 0; n < count; ++n) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        std::uint32_t& slot = slots[(random >> 32) * kMillion >> 32];
        g_runtime->pools.free(&worker, kPoolMicro, slot);
        slot = g_runtime->pools.allocate(&worker, kPoolMicro);
    }
    const std::uint64_t ticks = base::read_tsc_ordered() - begin, ns = now_ns() - begin_ns;
    give_back(worker, kPoolMicro, slots);
    return result(ns, ticks, count);
}

// As before, but a hundred given back before a hundred are taken: so the word that had one back is not the one that gives one.
Measured slot_random_1m_100(std::uint64_t count) {
    constexpr std::uint32_t kBatch = 100;
    Worker& worker = *cprime::detail::cprime_current_worker;
    std::vector<std::uint32_t> slots = take(worker, kPoolMicro, kMillion);
    std::vector<std::uint32_t> places(kBatch);
    std::uint64_t random = 88172645463325252ULL;
    const std::uint64_t rounds = count / kBatch + 1;
    const std::uint64_t begin_ns = now_ns(), begin = base::read_tsc_ordered();
    for (std::uint64_t n = 0; n < rounds; ++n) {
        // One of each hundredth of the slots, so that none is given back twice.
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            places[i] = i * (kMillion / kBatch) +
                        static_cast<std::uint32_t>((random >> 32) * (kMillion / kBatch) >> 32);
            g_runtime->pools.free(&worker, kPoolMicro, slots[places[i]]);
        }
        for (const std::uint32_t place : places)
            slots[place] = g_runtime->pools.allocate(&worker, kPoolMicro);
    }
    const std::uint64_t ticks = base::read_tsc_ordered() - begin, ns = now_ns() - begin_ns;
    give_back(worker, kPoolMicro, slots);
    return result(ns, ticks, rounds * kBatch);
}

}  // namespace coroscope::bench::cprime_side
