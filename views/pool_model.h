// Row model of the pool heatmap: what every slot of every pool looks like, one byte a slot.
//
//   Moment ─▶ PoolModel (a byte a slot) ─▶ CellGrid (a cell a slot, or a cell for several) ─▶ texture (pool_view.cpp)
//
// A slot that the bitmap calls used but no coroutine calls its own is shown as such (kUnowned), never guessed. Where a cell stands for
// several slots it takes the most severe look among them, so that one leaked slot in a million stays visible.
//
// Pure functions; any thread. 1M slots: some ms. Tested in tests/unit/views/pool_model_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/state_image.h"
#include "views/look.h"

namespace coroscope::views {

struct PoolRow {
    std::uint8_t pool = 0;  // index in the target
    std::string size_class;
    std::string purpose;  // "" for ordinary pools, "signal" ...
    std::uint32_t slot_bytes = 0;
    std::uint64_t used = 0;
    std::uint64_t high_water_slots = 0;
    std::vector<Look> looks;  // one a slot
    std::array<std::uint64_t, kLooksCount> counts{};

    std::uint64_t slots() const { return looks.size(); }
};

struct PoolModel {
    std::vector<PoolRow> pools;
    std::array<std::uint64_t, kLooksCount> counts{};  // over all pools
    std::uint64_t used_bytes = 0, slots_bytes = 0;
};

PoolModel compute_pools(const inspect::StateImage& state);
nlohmann::json to_json(const PoolModel& model);

// How the slots of a pool are laid out as cells, row by row.
struct CellGrid {
    std::uint32_t columns = 1;
    std::uint32_t rows = 0;
    std::uint32_t slots_per_cell = 1;

    // First slot of a cell; may lie beyond the last slot in the last row.
    std::uint64_t first_slot(std::uint32_t column, std::uint32_t row) const {
        return (std::uint64_t{row} * columns + column) * slots_per_cell;
    }
    std::uint32_t column_of(std::uint64_t slot) const {
        return static_cast<std::uint32_t>(slot / slots_per_cell % columns);
    }
    std::uint32_t row_of(std::uint64_t slot) const {
        return static_cast<std::uint32_t>(slot / slots_per_cell / columns);
    }
    bool operator==(const CellGrid&) const = default;
};

// As many columns as given; slots share cells (2, 4, 8 ...) when there would be more than rows_max rows.
CellGrid make_grid(std::uint64_t slots, std::uint32_t columns, std::uint32_t rows_max);

// Largest cell (device pixels, one of the sizes offered) at which all pools fit into width x height, `header` pixels above each. Where
// headers would leave only specks, they do not count: the view scrolls a little instead. At least 1.
struct FitInput {
    std::vector<std::uint64_t> slots;
    float width = 0, height = 0, header = 0;
};
int fit_cell(const FitInput& input);
// Cells of that size beside each other in `width`: a multiple of 16.
std::uint32_t columns_for(float width, int cell);

// Colours of all cells, columns x rows, by look; cells behind the last slot get `beyond`.
void fill_cells(const PoolRow& pool, const CellGrid& grid,
                const std::array<std::uint32_t, kLooksCount>& palette, std::uint32_t beyond,
                std::vector<std::uint32_t>& cells);

// Ranges [first, last) of rows in which two cell arrays of the same shape differ.
struct RowRange {
    std::uint32_t first = 0, last = 0;
    bool operator==(const RowRange&) const = default;
};
std::vector<RowRange> changed_rows(const std::vector<std::uint32_t>& before,
                                   const std::vector<std::uint32_t>& after, std::uint32_t columns);

}  // namespace coroscope::views
