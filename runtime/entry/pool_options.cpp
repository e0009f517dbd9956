// One sentence a mistake.
#include "runtime/entry/pool_options.h"

#include <sys/resource.h>

#include <string>

namespace cprime::detail {

namespace {

using wire::kSlotsPerSlab;

// Of user addresses: 47 bits, some of which the program itself needs.
constexpr std::uint64_t kAddressBytes = 1ULL << 46;

struct Limit {
    std::uint64_t bytes;
    const char* name;
};

Limit address_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < kAddressBytes)
        return {limit.rlim_cur, "RLIMIT_AS (ulimit -v)"};
    return {kAddressBytes, "the address space of a process"};
}

std::string field_of(const char* size_class, const char* field) {
    return "PoolConfig::" + std::string(size_class) + (*field != '\0' ? "." : "") + field;
}

std::string plural_slots(std::uint64_t count) {
    return std::to_string(count) + (count == 1 ? " slot" : " slots");
}

void check_section(const Pools& pools, std::uint8_t pool, const std::string& field, std::uint64_t slots) {
    if (slots <= pools.slots_max(pool)) return;
    fatal(field + " wants " + plural_slots(slots) + ", and the state segment has room for " +
              std::to_string(pools.slots_max(pool)) + " of that class; use a smaller number",
          2);
}

// Whole slabs a worker, in bytes of address space.
std::uint64_t bytes_ahead(const RuntimeState& state, std::uint8_t pool, std::uint64_t slots) {
    const std::uint64_t each = (slots + state.workers_count - 1) / state.workers_count;
    const std::uint64_t slabs = (each + kSlotsPerSlab - 1) / kSlotsPerSlab * state.workers_count;
    return slabs * kSlotsPerSlab * state.pools.geometry(pool).stride_bytes;
}

void check_class(const RuntimeState& state, std::uint8_t pool, const ClassPool& wanted) {
    const char* name = kPoolPlans[pool].name;
    const std::string ahead = field_of(name, "slots_ahead");
    if (wanted.slots_max != 0 && wanted.slots_ahead > wanted.slots_max) {
        fatal(
            ahead + " is " + std::to_string(wanted.slots_ahead) + " and slots_max " +
                std::to_string(wanted.slots_max) +
                ": more stacks would stand ready than may ever be used; raise slots_max or lower slots_ahead",
            2);
    }
    check_section(state.pools, pool, field_of(name, "slots_max"), wanted.slots_max);
    check_section(state.pools, pool, ahead, wanted.slots_ahead);
    if (wanted.when_full > WhenFull::error) {
        fatal(field_of(name, "when_full") +
                  " is no policy; use WhenFull::next_class, WhenFull::wait or WhenFull::error",
              2);
    }
    const Limit limit = address_limit();
    if (const std::uint64_t bytes = bytes_ahead(state, pool, wanted.slots_ahead); bytes > limit.bytes) {
        fatal(ahead + " wants " + std::to_string(bytes >> 20) + " MiB of address space, and " + limit.name +
                  " allows " + std::to_string(limit.bytes >> 20) +
                  " MiB; lower slots_ahead, or raise that limit",
              2);
    }
}

}  // namespace

void start_pools(RuntimeState& state, const PoolConfig& config) {
    const ClassPool* classes[] = {&config.micro, &config.small, &config.medium, &config.large};
    for (std::uint8_t pool = kPoolMicro; pool <= kPoolLarge; ++pool)
        check_class(state, pool, *classes[pool]);
    check_section(state.pools, kPoolSignal, field_of("signal_slots_max", ""), config.signal_slots_max);
    if (config.emergency_slots > kSlotsPerSlab) {
        fatal(field_of("emergency_slots", "") + " is " + std::to_string(config.emergency_slots) +
                  "; use 0 to " + std::to_string(kSlotsPerSlab),
              2);
    }
    state.gates.start(state.pools, config);
    for (std::uint8_t pool = kPoolMicro; pool <= kPoolLarge; ++pool) {
        const std::uint64_t slots = classes[pool]->slots_ahead;
        if (slots == 0 || state.pools.map_ahead(pool, slots)) continue;
        fatal("there is no memory for the " + plural_slots(slots) + " of " +
                  field_of(kPoolPlans[pool].name, "slots_ahead") + "; lower it",
              1);
    }
    if (config.emergency_slots != 0 && !state.pools.map_emergency(config.emergency_slots)) {
        fatal("there is no memory for the " + plural_slots(config.emergency_slots) +
                  " of PoolConfig::emergency_slots; lower it",
              1);
    }
    const std::int64_t period_ns = std::int64_t{config.trim_after_ms} * 1'000'000;
    state.trimmer.start(state.pools,
                        static_cast<std::uint64_t>(state.segment->header().clock.duration_ticks(period_ns)));
}

}  // namespace cprime::detail
