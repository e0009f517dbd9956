// See crowd.h.
#include "crowd.h"

#include <random>

namespace coroscope::views {
namespace {

constexpr std::uint64_t kTicksPerNs = 2;

void give_state(inspect::CoroutineImage& coroutine, std::uint32_t dice) {
    coroutine.state = wire::CoroutineState::kParked;
    switch (dice % 8) {
        case 0:
            coroutine.reason = wire::WaitReason::kSleep;
            break;
        case 1:
            coroutine.reason = wire::WaitReason::kSelect;
            break;
        case 2:
            coroutine.reason = wire::WaitReason::kMutex;
            break;
        case 3:
            coroutine.state = wire::CoroutineState::kReady;
            coroutine.reason = wire::WaitReason::kYield;
            break;
        case 4:
            coroutine.state = wire::CoroutineState::kRunning;
            coroutine.reason = wire::WaitReason::kNothing;
            break;
        default:
            coroutine.reason = wire::WaitReason::kChannelReceive;
    }
}

void add_pool(inspect::StateImage& state, wire::SizeClass size_class, std::uint32_t bytes,
              std::uint32_t slots) {
    inspect::PoolImage pool;
    pool.size_class = size_class;
    pool.slot_bytes = bytes;
    pool.stride_bytes = bytes;
    pool.slabs.resize(slots / wire::kSlotsPerSlab);
    state.pools.push_back(std::move(pool));
}

}  // namespace

std::shared_ptr<const traces::Moment> make_crowd(const CrowdOptions& options) {
    auto moment = std::make_shared<traces::Moment>();
    inspect::StateImage& state = moment->state;
    state.pid = 4711;
    state.program = "/usr/local/bin/crowd";
    state.clock.shift = 32;
    state.clock.multiplier = (1ULL << 32) / kTicksPerNs;
    state.lifecycle = wire::Lifecycle::kRunning;
    add_pool(state, wire::SizeClass::kMicro, 256, options.slots);
    add_pool(state, wire::SizeClass::kSmall, 2048, wire::kSlotsPerSlab);
    add_pool(state, wire::SizeClass::kMedium, 16384, wire::kSlotsPerSlab);
    add_pool(state, wire::SizeClass::kLarge, 8U << 20, wire::kSlotsPerSlab);
    std::mt19937 random(options.seed);
    for (std::uint8_t p = 0; p < state.pools.size(); ++p) {
        inspect::PoolImage& pool = state.pools[p];
        const double share = p == 0 ? options.used_share : 0.05;
        const auto below = static_cast<std::uint32_t>(share * 4294967295.0);
        for (std::uint32_t slot = 0; slot < pool.slots(); ++slot) {
            if (random() >= below) continue;
            pool.slabs[slot / wire::kSlotsPerSlab].used[slot % wire::kSlotsPerSlab / 64] |= 1ULL
                                                                                            << (slot % 64);
            inspect::CoroutineImage coroutine;
            coroutine.index = static_cast<std::uint32_t>(state.coroutines.size());
            coroutine.identity = coroutine.index + 1;
            coroutine.pool = p;
            coroutine.slot = slot;
            coroutine.sequence = 2;
            give_state(coroutine, static_cast<std::uint32_t>(random()));
            state.coroutines.push_back(coroutine);
        }
        pool.high_water_slots = pool.used();
    }
    state.index();
    moment->t = 1'000'000'000;
    return moment;
}

std::shared_ptr<const traces::Moment> next_crowd(const traces::Moment& before, double share,
                                                 std::uint32_t seed) {
    auto moment = std::make_shared<traces::Moment>(before);
    std::mt19937 random(seed);
    const auto below = static_cast<std::uint32_t>(share * 4294967295.0);
    for (inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        if (random() >= below) continue;
        give_state(coroutine, static_cast<std::uint32_t>(random()));
        coroutine.sequence += 2;
    }
    moment->t += 100'000'000;
    return moment;
}

}  // namespace coroscope::views
