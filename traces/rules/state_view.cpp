// See state_view.h.
#include "traces/rules/state_view.h"

#include <algorithm>

namespace coroscope::rules {
namespace {

template <typename Image>
const Image* newest_meant(const Reference& reference, const std::vector<Image>& images,
                          const inspect::StateImage& state) {
    const Image* found = nullptr;
    for (const Image& image : images) {
        if (!is_meant(reference, image.identity, state.text(image.name))) continue;
        if (found == nullptr || image.identity > found->identity) found = &image;
    }
    return found;
}

}  // namespace

Scope moment_scope(const inspect::StateImage& state, const Names& names) {
    Scope scope;
    scope.names = &names;
    scope.now_ticks = std::max(state.read_end_ticks, state.start_ticks);
    const double ticks_per_ns = state.clock.ticks_per_ns();
    scope.ns_per_tick = ticks_per_ns > 0 ? 1 / ticks_per_ns : 0;
    return scope;
}

std::vector<PoolFacts> pool_facts(const inspect::StateImage& state) {
    std::vector<PoolFacts> facts;
    for (const inspect::PoolImage& pool : state.pools) {
        facts.push_back({static_cast<std::uint32_t>(facts.size()), pool.size_class, pool.purpose,
                         pool.slots(), pool.used(), pool.slot_bytes});
    }
    return facts;
}

std::size_t find_pool(const std::vector<PoolFacts>& pools, const Reference& reference) {
    for (std::size_t i = 0; i < pools.size(); ++i) {
        const bool of_class = static_cast<std::uint64_t>(pools[i].size_class) == reference.number &&
                              pools[i].purpose == wire::PoolPurpose::kOrdinary;
        if (reference.by_class ? of_class : i == reference.number) return i;
    }
    return pools.size();
}

bool is_meant(const Reference& reference, std::uint64_t identity, std::string_view name) {
    return reference.by_name ? name == reference.name : identity == reference.number;
}

std::vector<Objects> find_references(const Rule& rule, const inspect::StateImage& state,
                                     const std::vector<PoolFacts>& pools) {
    std::vector<Objects> all;
    for (const Reference& reference : rule.references()) {
        Objects objects;
        switch (reference.kind) {
            case Kind::kCoroutine:
                if (!reference.by_name)
                    objects.coroutine = state.coroutine_of(reference.number);
                else
                    objects.coroutine = newest_meant(reference, state.coroutines, state);
                break;
            case Kind::kChannel:
                objects.channel = newest_meant(reference, state.channels, state);
                break;
            case Kind::kLock:
                objects.lock = newest_meant(reference, state.waitables, state);
                break;
            case Kind::kWorker:
                if (reference.number < state.workers.size())
                    objects.worker = &state.workers[reference.number];
                break;
            case Kind::kPool:
                if (const std::size_t at = find_pool(pools, reference); at < pools.size())
                    objects.pool = &pools[at];
                break;
            case Kind::kEvent:
                break;
        }
        all.push_back(objects);
    }
    return all;
}

}  // namespace coroscope::rules
