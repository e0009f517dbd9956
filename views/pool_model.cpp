// See pool_model.h.
#include "views/pool_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "traces/analysis.h"

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

// Where each slab begins; nothing when all have 512 slots.
std::vector<std::uint32_t> slab_positions(const inspect::PoolImage& pool) {
    const bool all_whole = std::all_of(
        pool.slabs.begin(), pool.slabs.end(),
        [](const inspect::SlabImage& slab) { return slab.slots == wire::kSlotsPerSlab; });
    if (all_whole) return {};
    std::vector<std::uint32_t> positions = {0};
    for (const inspect::SlabImage& slab : pool.slabs)
        positions.push_back(positions.back() + slab.slots);
    return positions;
}

PoolRow empty_row(std::uint8_t number, const inspect::PoolImage& pool) {
    PoolRow row;
    row.pool = number;
    row.size_class = inspect::size_class_name(pool.size_class);
    row.purpose = purpose_name(pool.purpose);
    row.slot_bytes = pool.slot_bytes;
    row.high_water_slots = std::max<std::uint64_t>(pool.high_water_slots, pool.used());  // the former may be that of a keyframe before
    row.guarded_slots = pool.guarded_slots();
    row.guards = traces::guards_text(pool);
    row.trimmed_bytes = pool.trimmed_bytes;
    row.slab_positions = slab_positions(pool);
    row.looks.assign(pool.slots(), Look::kFree);
    for (std::size_t s = 0; s < pool.slabs.size(); ++s) {
        const std::size_t begin = row.slab_positions.empty() ? s * wire::kSlotsPerSlab : row.slab_positions[s];
        for (std::size_t w = 0; w < wire::kSlabWords; ++w) {
            std::uint64_t bits = pool.slabs[s].used[w];
            row.used += static_cast<std::uint64_t>(std::popcount(bits));
            for (; bits != 0; bits &= bits - 1) {
                const std::size_t at = begin + w * 64 + static_cast<std::size_t>(std::countr_zero(bits));
                if (at < row.looks.size()) row.looks[at] = Look::kUnowned;
            }
        }
    }
    return row;
}

// Four counters a look, taken in turn: one alone would wait for itself with every slot that looks as the one before.
void count_looks(PoolRow& row) {
    std::array<std::array<std::uint64_t, 4>, kLooksCount> counts{};
    for (std::size_t i = 0; i < row.looks.size(); ++i)
        ++counts[static_cast<std::size_t>(row.looks[i])][i & 3];
    for (std::size_t look = 0; look < kLooksCount; ++look) {
        for (const std::uint64_t part : counts[look])
            row.counts[look] += part;
    }
}

}  // namespace

std::uint32_t PoolRow::slot_at(std::uint64_t position) const {
    if (slab_positions.empty()) return static_cast<std::uint32_t>(position);
    const auto after = std::upper_bound(slab_positions.begin(), slab_positions.end(), position);
    const auto slab = static_cast<std::uint32_t>(after - slab_positions.begin()) - 1;
    return slab * wire::kSlotsPerSlab + static_cast<std::uint32_t>(position) - slab_positions[slab];
}

std::optional<std::uint64_t> PoolRow::position_of(std::uint32_t slot) const {
    if (slab_positions.empty())
        return slot < looks.size() ? std::optional<std::uint64_t>(slot) : std::nullopt;
    const std::size_t slab = slot / wire::kSlotsPerSlab;
    if (slab + 1 >= slab_positions.size()) return std::nullopt;
    const std::uint64_t position = std::uint64_t{slab_positions[slab]} + slot % wire::kSlotsPerSlab;
    return position < slab_positions[slab + 1] ? std::optional<std::uint64_t>(position) : std::nullopt;
}

PoolModel compute_pools(const inspect::StateImage& state, const FilterMatch* match) {
    PoolModel model;
    model.pools.reserve(state.pools.size());
    for (std::size_t p = 0; p < state.pools.size(); ++p)
        model.pools.push_back(empty_row(static_cast<std::uint8_t>(p), state.pools[p]));
    if (match != nullptr) {
        for (PoolRow& row : model.pools)
            row.passes.assign(row.looks.size(), false);
    }
    const auto show = [&](std::uint8_t pool, std::uint32_t slot, const inspect::CoroutineImage& owner) {
        if (pool >= model.pools.size()) return false;
        PoolRow& row = model.pools[pool];
        const auto position = row.position_of(slot);
        if (position.has_value()) row.looks[*position] = look_of(owner);
        if (position.has_value() && match != nullptr)
            row.passes[*position] = match->by_position[static_cast<std::size_t>(&owner - state.coroutines.data())];
        return position.has_value();
    };
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (show(coroutine.pool, coroutine.slot, coroutine))
            model.pools[coroutine.pool].grown_in_place += (coroutine.flags & wire::kCoroutineGrown) != 0;
    }
    for (const inspect::StackSegmentImage& segment : state.stack_segments) {
        const inspect::CoroutineImage* owner = state.coroutine_at(segment.coroutine);
        if (owner != nullptr && show(segment.pool, segment.slot, *owner))
            ++model.pools[segment.pool].segments;
    }
    for (PoolRow& row : model.pools) {
        count_looks(row);
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
        const auto passing = std::count(row.passes.begin(), row.passes.end(), true);
        pools.push_back({{"pool", row.pool},
                         {"passing", row.passes.empty() ? static_cast<std::int64_t>(row.used) : passing},
                         {"class", row.size_class},
                         {"purpose", row.purpose},
                         {"slot_bytes", row.slot_bytes},
                         {"slots", row.slots()},
                         {"used", row.used},
                         {"high_water_slots", row.high_water_slots},
                         {"guarded_slots", row.guarded_slots},
                         {"guards", row.guards},
                         {"trimmed_bytes", row.trimmed_bytes},
                         {"grown_in_place", row.grown_in_place},
                         {"segments", row.segments},
                         {"looks", std::move(looks)},
                         {"runs", std::move(runs)}});
    }
    return {{"pools", std::move(pools)}, {"used_bytes", model.used_bytes}, {"slots_bytes", model.slots_bytes}};
}

int cell_of_level(int level) {
    return std::max(1, level);
}

std::uint32_t slots_per_cell_of_level(int level) {
    return level >= 1 ? 1U : 1U << (1 - std::max(level, kLevelMin));
}

CellGrid make_grid(std::uint64_t slots, std::uint32_t columns, std::uint32_t rows_max,
                   std::uint32_t slots_per_cell) {
    CellGrid grid;
    grid.columns = std::max(1U, columns);
    grid.slots_per_cell = std::max(1U, slots_per_cell);
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

namespace {

bool fits(const FitInput& input, float header, int level) {
    const int cell = cell_of_level(level);
    const std::uint32_t columns = columns_for(input.width, cell);
    if (static_cast<float>(columns) * static_cast<float>(cell) > input.width && cell > 1) return false;
    const std::uint64_t per_row = std::uint64_t{columns} * slots_per_cell_of_level(level);
    float height = 0;
    for (const std::uint64_t slots : input.slots)
        height += header + static_cast<float>((slots + per_row - 1) / per_row) * static_cast<float>(cell);
    return height <= input.height;
}

}  // namespace

int fit_level(const FitInput& input) {
    constexpr int kSpeck = 5;  // below this a cell shows little
    const auto largest = [&](float header) {
        const auto* const cell = std::find_if(std::begin(kCellSizes), std::end(kCellSizes),
                                              [&](int size) { return fits(input, header, size); });
        return cell != std::end(kCellSizes) ? *cell : 0;
    };
    if (const int cell = largest(input.header); cell >= kSpeck) return cell;
    if (const int cell = largest(0); cell != 0) return cell;
    int level = 0;
    while (level > kLevelMin && !fits(input, 0, level))
        --level;
    return level;
}

// What slots show, a byte each: looks or shades. Both rise with severity and are 0 for what is free.
static const std::uint8_t* shown_bytes(const PoolRow& pool) {
    static_assert(sizeof(Look) == 1 && static_cast<int>(Look::kFree) == 0);
    return pool.shades.empty() ? reinterpret_cast<const std::uint8_t*>(pool.looks.data()) : pool.shades.data();
}

// The worst of those in a cell that pass; where none does, the worst, dimmed. Returns how many cells there are slots for.
static std::size_t fill_filtered(const PoolRow& pool, std::size_t begin, std::size_t each, std::vector<std::uint8_t>& cells) {
    const std::uint8_t* shown = shown_bytes(pool);
    std::size_t filled = 0;
    for (std::size_t first = begin; filled < cells.size() && first < pool.looks.size(); ++filled, first += each) {
        std::uint8_t passing = 0, other = 0;
        for (std::size_t i = first; i < std::min(first + each, pool.looks.size()); ++i) {
            std::uint8_t& worst = pool.passes[i] ? passing : other;
            worst = std::max(worst, shown[i]);
        }
        cells[filled] = passing == 0 && other != 0 ? static_cast<std::uint8_t>(other | kDimmed) : passing;
    }
    return filled;
}

void fill_cells(const PoolRow& pool, const CellGrid& grid, RowRange rows, std::vector<std::uint8_t>& cells) {
    const std::size_t count = std::size_t{grid.columns} * (rows.last - rows.first);
    cells.resize(count);
    const std::uint64_t begin = std::min<std::uint64_t>(grid.first_position(0, rows.first), pool.looks.size());
    const std::size_t slots = pool.looks.size() - static_cast<std::size_t>(begin);
    const std::uint8_t* shown = shown_bytes(pool) + begin;
    std::size_t filled = 0;
    if (!pool.passes.empty()) {
        filled = fill_filtered(pool, static_cast<std::size_t>(begin), grid.slots_per_cell, cells);
    } else if (grid.slots_per_cell == 1) {
        filled = std::min(count, slots);
        if (filled != 0) std::memcpy(cells.data(), shown, filled);
    } else {
        const std::size_t each = grid.slots_per_cell;
        for (std::size_t first = 0; filled < count && first < slots; ++filled, first += each) {
            std::uint8_t worst = 0;
            for (std::size_t i = first; i < std::min(first + each, slots); ++i)
                worst = std::max(worst, shown[i]);
            cells[filled] = worst;
        }
    }
    std::fill(cells.begin() + static_cast<std::ptrdiff_t>(filled), cells.end(), kBeyond);
}

std::vector<RowRange> changed_rows(const std::vector<std::uint8_t>& before,
                                   const std::vector<std::uint8_t>& after, std::uint32_t columns) {
    std::vector<RowRange> ranges;
    const auto rows = static_cast<std::uint32_t>(after.size() / std::max(1U, columns));
    if (before.size() != after.size()) {
        if (rows != 0) ranges.push_back({0, rows});
        return ranges;
    }
    for (std::uint32_t row = 0; row < rows; ++row) {
        const std::size_t at = std::size_t{row} * columns;
        if (std::memcmp(&before[at], &after[at], columns) == 0) continue;
        if (!ranges.empty() && ranges.back().last == row) {
            ++ranges.back().last;
        } else {
            ranges.push_back({row, row + 1});
        }
    }
    return ranges;
}

void paint_cells(const std::vector<std::uint8_t>& cells, std::uint32_t columns, RowRange rows,
                 const CellPalette& palette, std::vector<std::uint32_t>& colours) {
    const std::size_t begin = std::size_t{rows.first} * columns,
                      count = std::size_t{rows.last - rows.first} * columns;
    colours.resize(count);
    for (std::size_t i = 0; i < count; ++i)
        colours[i] = palette[cells[begin + i]];
}

}  // namespace coroscope::views
