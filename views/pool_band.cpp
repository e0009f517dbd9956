// See pool_band.h.
#include "views/pool_band.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

namespace coroscope::views {

PoolBand band_between(std::uint8_t pool, const CellGrid& grid, std::uint32_t column, std::uint32_t row, std::uint32_t other_column,
                      std::uint32_t other_row) {
    PoolBand band;
    band.pool = pool;
    band.grid = grid;
    band.column = std::min(column, other_column);
    band.column_end = std::min(std::max(column, other_column) + 1, grid.columns);
    band.row = std::min(row, other_row);
    band.row_end = std::min(std::max(row, other_row) + 1, grid.rows);
    return band;
}

PoolBand band_of_all(const PoolRow& pool, const CellGrid& grid) {
    return band_between(pool.pool, grid, 0, 0, grid.columns, grid.rows);
}

BandModel compute_band(const PoolModel& model, const traces::Moment& moment, const PoolBand& band) {
    BandModel found;
    if (band.pool >= model.pools.size()) return found;
    const PoolRow& pool = model.pools[band.pool];
    for (std::uint32_t row = band.row; row < band.row_end; ++row) {
        const std::uint64_t first = band.grid.first_position(band.column, row);
        const std::uint64_t slots = std::uint64_t{band.column_end - band.column} * band.grid.slots_per_cell;
        const std::uint64_t last = std::min<std::uint64_t>(first + slots, pool.slots());
        for (std::uint64_t position = first; position < last; ++position) {
            ++found.slots;
            found.used += pool.looks[position] != Look::kFree;
            ++found.counts[static_cast<std::size_t>(pool.looks[position])];
        }
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> owners;  // position, identity
    const auto own = [&](std::uint8_t of_pool, std::uint32_t slot, std::uint64_t identity) {
        if (of_pool != band.pool) return;
        const auto position = pool.position_of(slot);
        if (position.has_value() && band.holds(*position)) owners.emplace_back(*position, identity);
    };
    for (const inspect::CoroutineImage& coroutine : moment.state.coroutines)
        own(coroutine.pool, coroutine.slot, coroutine.identity);
    for (const inspect::StackSegmentImage& segment : moment.state.stack_segments) {
        const inspect::CoroutineImage* owner = moment.state.coroutine_at(segment.coroutine);
        if (owner != nullptr) own(segment.pool, segment.slot, owner->identity);
    }
    std::sort(owners.begin(), owners.end());
    std::unordered_set<std::uint64_t> seen;
    for (const auto& [position, identity] : owners) {
        if (seen.insert(identity).second) found.owners.push_back(identity);
    }
    return found;
}

nlohmann::json to_json(const BandModel& model) {
    nlohmann::json looks = nlohmann::json::object();
    for (std::size_t i = 0; i < kLooksCount; ++i) {
        if (model.counts[i] != 0) looks[look_name(static_cast<Look>(i))] = model.counts[i];
    }
    return {{"slots", model.slots}, {"used", model.used}, {"looks", looks}, {"owners", model.owners}};
}

}  // namespace coroscope::views
