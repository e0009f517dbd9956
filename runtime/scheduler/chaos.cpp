// What is drawn, and how often. The numbers were chosen so that a small program meets each kind of trouble within some hundred seeds.
#include "runtime/scheduler/chaos.h"

#include <time.h>

#include "runtime/entry/runtime_state.h"
#include "runtime/scheduler/clock.h"
#include "runtime/scheduler/hold.h"
#include "runtime/scheduler/random.h"

namespace cprime::detail {

constinit Chaos g_chaos;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool one_in(Worker& worker, std::uint32_t times) {
    return draw_below(worker.random, times) == 0;
}

// Another state for each pair; never 0. The finaliser of splitmix64: neighbouring seeds have nothing in common.
std::uint64_t state_of(std::uint64_t seed, std::uint64_t number) {
    std::uint64_t z = seed * 0x9e3779b97f4a7c15ULL + (number + 1) * 0xd1342543de82ef95ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
    return (z ^ z >> 31) | 1;
}

void waste_time(std::uint64_t& random) {
    const std::uint32_t drawn = draw_below(random, 4096);
    if (drawn < 2) {  // as if it had been preempted: others get far
        const timespec long_enough{0, 50'000};
        nanosleep(&long_enough, nullptr);
    } else if (drawn < 10) {
        sync::yield_thread();
    } else if (drawn < 512) {
        for (std::uint32_t left = draw_below(random, 256); left > 0; --left)
            sync::pause();
    }
}

}  // namespace

void sync::shake() noexcept {
    if (!g_chaos.delays()) return;
    static std::atomic<std::uint64_t> threads{0};
    thread_local std::uint64_t outside = state_of(threads.fetch_add(1, kRelaxed), 0);
    Worker* const worker = cprime_current_worker;
    waste_time(worker != nullptr ? worker->random : outside);
}

void Chaos::begin(std::optional<std::uint64_t> seed, bool deterministic) {
    const bool delays = seed.has_value() && !deterministic;
    start_virtual_time(seed.has_value() && deterministic);
    seed_.store(seed.value_or(0), kRelaxed);
    round_.fetch_add(1, std::memory_order_release);  // [chaos.seed]
    on_.store(seed.has_value(), kRelaxed);
    delays_.store(delays, kRelaxed);
    sync::shake_light_fence(delays);
    g_worker_bias.shake(delays);
    g_runtime->scheduler.publish();
}

void Chaos::change(std::optional<std::uint64_t> seed, bool deterministic) {
    settle();
    begin(seed, deterministic);
}

void Chaos::settle() const {
    const Scheduler& scheduler = g_runtime->scheduler;
    while (g_runtime->workers_count == 1 && scheduler.alive() == 0 && !scheduler.everybody_sleeps() &&
           !g_hold.everything())
        sync::yield_thread();
}

void Chaos::take_seed(Worker& worker) const {
    const std::uint32_t round = round_.load(std::memory_order_acquire);  // [chaos.seed]
    if (worker.chaos_round == round) return;
    worker.chaos_round = round;
    worker.random = state_of(seed_.load(kRelaxed), worker.index);
    if (time_is_virtual()) start_virtual_time(true);
}

std::uint32_t Chaos::pick(Worker& worker) const {
    constexpr std::uint32_t kPickTicks = 1000;
    constexpr std::uint32_t kPicksPerLookMost = 32;
    if (time_is_virtual()) pass_virtual_time_until(now_ticks() + kPickTicks);
    sync::shake();
    if (one_in(worker, 16)) worker.picks_left = 1 + draw_below(worker.random, kPicksPerLookMost);
    if (!worker.several_workers) return worker.queue.pop_any<true>(worker.random);
    Scheduler& scheduler = g_runtime->scheduler;
    if (one_in(worker, 32)) {
        const std::uint32_t stolen = scheduler.steal(worker);
        scheduler.found_work(worker);
        if (stolen != wire::kNone) return stolen;
    }
    const std::uint32_t index = worker.queue.pop_any<false>(worker.random);
    // Whoever was put behind the others was nowhere to be seen for a moment, in which a searcher may have looked and gone to sleep.
    if (!worker.queue.empty()) scheduler.notify();
    return index;
}

bool Chaos::switches(Worker& worker) const {
    sync::shake();
    const bool urgent = (cprime_urgent.load(kRelaxed) & kUrgentLengths) != 0;
    return one_in(worker, urgent ? 2 : kCallsPerSwitch);
}

std::uint32_t Chaos::share(Worker& worker, std::uint32_t most) const {
    const std::uint32_t drawn = draw_below(worker.random, 8);
    return drawn == 0 ? 0 : drawn < 4 ? 1 + draw_below(worker.random, 3) : most;
}

std::uint32_t Chaos::fires(Worker& worker, std::uint32_t most) const {
    return one_in(worker, 2) ? most : 1 + draw_below(worker.random, most);
}

std::int64_t Chaos::shortened(Worker& worker, std::int64_t duration_ns) const {
    return one_in(worker, 4) ? duration_ns / (1 + draw_below(worker.random, 4)) : duration_ns;
}

}  // namespace cprime::detail
