// See pool_model.h.
#include "views/pool_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

constexpr int kCellSizes[] = {14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1};

std::string purpose_name(wire::PoolPurpose purpose) {
    switch (purpose) {
        case wire::PoolPurpose::kOrdinary:
            return "";
        case wire::PoolPurpose::kSignal:
            return "signal";
        case wire::PoolPurpose::kEmergency:
            return "emergency";
        case wire::PoolPurpose::kLocal:
            return "local";
        case wire::PoolPurpose::kWide:
            return "wide";
    }
    return "?";
}

}  // namespace

PoolModel compute_pools(const inspect::StateImage& state) {
    PoolModel model;
    model.pools.reserve(state.pools.size());
    for (std::size_t p = 0; p < state.pools.size(); ++p) {
        const inspect::PoolImage& pool = state.pools[p];
        PoolRow row;
        row.pool = static_cast<std::uint8_t>(p);
        row.size_class = inspect::size_class_name(pool.size_class);
        row.purpose = purpose_name(pool.purpose);
        row.slot_bytes = pool.slot_bytes;
        row.high_water_slots = pool.high_water_slots;
        row.looks.assign(pool.slots(), Look::kFree);
        for (std::size_t s = 0; s < pool.slabs.size(); ++s) {
            for (std::size_t w = 0; w < wire::kSlabWords; ++w) {
                std::uint64_t bits = pool.slabs[s].used[w];
                row.used += static_cast<std::uint64_t>(std::popcount(bits));
                while (bits != 0) {
                    const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
                    bits &= bits - 1;
                    row.looks[s * wire::kSlotsPerSlab + w * 64 + bit] = Look::kUnowned;
                }
            }
        }
        model.pools.push_back(std::move(row));
    }
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.pool >= model.pools.size()) continue;
        PoolRow& row = model.pools[coroutine.pool];
        if (coroutine.slot >= row.looks.size()) continue;
        row.looks[coroutine.slot] = look_of(coroutine);
    }
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        const inspect::CoroutineImage* owner = state.coroutine_at(segment.coroutine);
        if (owner == nullptr || segment.pool >= model.pools.size()) continue;
        PoolRow& row = model.pools[segment.pool];
        if (segment.slot < row.looks.size()) row.looks[segment.slot] = look_of(*owner);
    }
    for (PoolRow& row : model.pools) {
        for (const Look look : row.looks)
            ++row.counts[static_cast<std::size_t>(look)];
        for (std::size_t i = 0; i < kLooksCount; ++i)
            model.counts[i] += row.counts[i];
        model.used_bytes += row.used * row.slot_bytes;
        model.slots_bytes += row.slots() * row.slot_bytes;
    }
    return model;
}

nlohmann::json to_json(const PoolModel& model) {
    nlohmann::json pools = nlohmann::json::array();
    for (const PoolRow& row : model.pools) {
        nlohmann::json looks = nlohmann::json::object();
        for (std::size_t i = 0; i < kLooksCount; ++i) {
            if (row.counts[i] != 0) looks[look_name(static_cast<Look>(i))] = row.counts[i];
        }
        // Slots as runs of one look: what the heatmap shows, short enough to read.
        nlohmann::json runs = nlohmann::json::array();
        for (std::size_t i = 0; i < row.looks.size();) {
            std::size_t end = i;
            while (end < row.looks.size() && row.looks[end] == row.looks[i])
                ++end;
            runs.push_back({look_name(row.looks[i]), end - i});
            i = end;
        }
        pools.push_back({{"pool", row.pool},
                         {"class", row.size_class},
                         {"purpose", row.purpose},
                         {"slot_bytes", row.slot_bytes},
                         {"slots", row.slots()},
                         {"used", row.used},
                         {"high_water_slots", row.high_water_slots},
                         {"looks", std::move(looks)},
                         {"runs", std::move(runs)}});
    }
    return {{"pools", std::move(pools)}, {"used_bytes", model.used_bytes}, {"slots_bytes", model.slots_bytes}};
}

CellGrid make_grid(std::uint64_t slots, std::uint32_t columns, std::uint32_t rows_max) {
    CellGrid grid;
    grid.columns = std::max(1U, columns);
    while (slots > std::uint64_t{grid.columns} * grid.slots_per_cell * std::max(1U, rows_max))
        grid.slots_per_cell *= 2;
    const std::uint64_t per_row = std::uint64_t{grid.columns} * grid.slots_per_cell;
    grid.rows = static_cast<std::uint32_t>((slots + per_row - 1) / per_row);
    return grid;
}

std::uint32_t columns_for(float width, int cell) {
    const auto fitting = static_cast<std::uint32_t>(
        std::max(1.0F, width / static_cast<float>(std::max(1, cell))));
    return std::max(16U, fitting / 16 * 16);
}

int fit_cell(const FitInput& input) {
    constexpr int kSpeck = 5;  // below this a cell shows little
    int best = 1;
    for (const float header : {input.header, 0.0F}) {
        for (const int cell : kCellSizes) {
            const std::uint32_t columns = columns_for(input.width, cell);
            if (static_cast<float>(columns) * static_cast<float>(cell) > input.width && cell > 1) continue;
            float height = 0;
            for (const std::uint64_t slots : input.slots) {
                height += header +
                          static_cast<float>((slots + columns - 1) / columns) * static_cast<float>(cell);
            }
            if (height > input.height) continue;
            best = cell;
            break;
        }
        if (best >= kSpeck) break;
    }
    return best;
}

void fill_cells(const PoolRow& pool, const CellGrid& grid,
                const std::array<std::uint32_t, kLooksCount>& palette, std::uint32_t beyond,
                std::vector<std::uint32_t>& cells) {
    const std::size_t count = std::size_t{grid.columns} * grid.rows;
    cells.assign(count, beyond);
    if (grid.slots_per_cell == 1) {
        const std::size_t slots = std::min(count, pool.looks.size());
        for (std::size_t i = 0; i < slots; ++i)
            cells[i] = palette[static_cast<std::size_t>(pool.looks[i])];
        return;
    }
    for (std::size_t cell = 0; cell < count; ++cell) {
        const std::size_t first = cell * grid.slots_per_cell;
        const std::size_t last = std::min(first + grid.slots_per_cell, pool.looks.size());
        if (first >= last) break;
        Look worst = Look::kFree;
        for (std::size_t i = first; i < last; ++i)
            worst = std::max(worst, pool.looks[i]);
        cells[cell] = palette[static_cast<std::size_t>(worst)];
    }
}

std::vector<RowRange> changed_rows(const std::vector<std::uint32_t>& before,
                                   const std::vector<std::uint32_t>& after, std::uint32_t columns) {
    std::vector<RowRange> ranges;
    const auto rows = static_cast<std::uint32_t>(after.size() / std::max(1U, columns));
    if (before.size() != after.size()) {
        if (rows != 0) ranges.push_back({0, rows});
        return ranges;
    }
    for (std::uint32_t row = 0; row < rows; ++row) {
        const std::size_t at = std::size_t{row} * columns;
        if (std::memcmp(&before[at], &after[at], std::size_t{columns} * sizeof(std::uint32_t)) == 0) continue;
        if (!ranges.empty() && ranges.back().last == row) {
            ++ranges.back().last;
        } else {
            ranges.push_back({row, row + 1});
        }
    }
    return ranges;
}

}  // namespace coroscope::views
