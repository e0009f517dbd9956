// Row model of the pool heatmap: what every slot of every pool looks like, one byte a slot.
//
//   Moment ─▶ PoolModel (a byte a slot) ─▶ CellGrid (a cell a slot, or a cell for several) ─▶ texture (pool_view.cpp)
//
// Slots have numbers and positions. Numbers are the target's; where a pool has slabs with fewer than 512 slots (MicroPools) numbers have
// gaps, and the heatmap shows what is there, one after the other: by position.
//
// A slot that the bitmap calls used but no coroutine calls its own is shown as such (kUnowned), never guessed. Where a cell stands for
// several slots it takes the most severe look among them, so that one leaked slot in a million stays visible.
//
// Pure functions; any thread. 1M slots: some ms. Tested in tests/unit/views/pool_model_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/state_image.h"
#include "views/coroutine_filter.h"
#include "views/look.h"

namespace coroscope::views {

struct PoolRow {
    std::uint8_t pool = 0;  // index in the target
    std::string size_class;
    std::string purpose;  // "" for ordinary pools, "signal" ...
    std::uint32_t slot_bytes = 0;
    std::uint64_t used = 0;
    std::uint64_t high_water_slots = 0;
    std::uint64_t guarded_slots = 0;
    std::uint64_t trimmed_bytes = 0;   // given back to the kernel so far
    std::uint64_t grown_in_place = 0;  // coroutines whose own slot here has grown
    std::uint64_t segments = 0;        // slots on which the stack of a coroutine goes on
    std::string guards;                // "canaries", "all guarded", "12 of 512 guarded"; "" = not known
    std::vector<Look> looks;           // one a slot, by position
    std::vector<bool> passes;          // by position: its owner passes the filter; empty = nothing is filtered
    std::vector<std::uint8_t> shades;  // by position: what the heatmap shows instead of looks (pool_shade.h); empty = looks
    std::array<std::uint64_t, kLooksCount> counts{};
    std::vector<std::uint32_t> slab_positions;  // where each slab begins, and the end; empty = every slab has 512 slots

    std::uint64_t slots() const { return looks.size(); }
    std::uint32_t slot_at(std::uint64_t position) const;  // position < slots()
    std::optional<std::uint64_t> position_of(std::uint32_t slot) const;
};

struct ShadeLegend;
struct PoolModel {
    std::vector<PoolRow> pools;
    std::shared_ptr<const ShadeLegend> legend;  // what `shades` mean; nullptr: there are none
    std::array<std::uint64_t, kLooksCount> counts{};  // over all pools
    std::uint64_t used_bytes = 0, slots_bytes = 0;
};

// `match` is of the same state; nullptr where nothing is filtered.
PoolModel compute_pools(const inspect::StateImage& state, const FilterMatch* match = nullptr);
nlohmann::json to_json(const PoolModel& model);

// How the slots of a pool are laid out as cells, row by row.
struct CellGrid {
    std::uint32_t columns = 1;
    std::uint32_t rows = 0;
    std::uint32_t slots_per_cell = 1;

    // Position of a cell's first slot; may lie beyond the last slot in the last row.
    std::uint64_t first_position(std::uint32_t column, std::uint32_t row) const {
        return (std::uint64_t{row} * columns + column) * slots_per_cell;
    }
    std::uint32_t column_of(std::uint64_t position) const {
        return static_cast<std::uint32_t>(position / slots_per_cell % columns);
    }
    std::uint32_t row_of(std::uint64_t position) const {
        return static_cast<std::uint32_t>(position / slots_per_cell / columns);
    }
    bool operator==(const CellGrid&) const = default;
};

// How large slots are drawn: level 1, 2 ... = cells of that many device pixels, one a slot; level 0, -1 ... = cells of one pixel for 2, 4 ... slots.
inline constexpr int kLevelMin = -11, kLevelMax = 24;
int cell_of_level(int level);
std::uint32_t slots_per_cell_of_level(int level);

// As many columns as given; cells stand for `slots_per_cell` slots, or for 2, 4, 8 ... times as many when there would be more than rows_max rows.
CellGrid make_grid(std::uint64_t slots, std::uint32_t columns, std::uint32_t rows_max,
                   std::uint32_t slots_per_cell = 1);

// Largest level (of those offered) at which all pools fit into width x height device pixels, `header` pixels above each. Where headers would
// leave only specks, they do not count: the view scrolls a little instead. At least kLevelMin.
struct FitInput {
    std::vector<std::uint64_t> slots;
    float width = 0, height = 0, header = 0;
};
int fit_level(const FitInput& input);
// Cells of that size beside each other in `width`: a multiple of 16.
std::uint32_t columns_for(float width, int cell);

struct RowRange {  // [first, last)
    std::uint32_t first = 0, last = 0;
    bool operator==(const RowRange&) const = default;
};

// What the cells of these rows show, a byte each (a Look, or a shade), row by row; kBeyond behind the last slot. A cell none of whose slots passes
// the filter has kDimmed with it.
inline constexpr std::uint8_t kBeyond = 0xff, kDimmed = 0x40;
void fill_cells(const PoolRow& pool, const CellGrid& grid, RowRange rows, std::vector<std::uint8_t>& cells);

// Rows in which two arrays of cells of the same shape differ.
std::vector<RowRange> changed_rows(const std::vector<std::uint8_t>& before,
                                   const std::vector<std::uint8_t>& after, std::uint32_t columns);

// Colours of the cells of these rows, counted from the first of `cells`.
using CellPalette = std::array<std::uint32_t, 256>;
void paint_cells(const std::vector<std::uint8_t>& cells, std::uint32_t columns, RowRange rows,
                 const CellPalette& palette, std::vector<std::uint32_t>& colours);

}  // namespace coroscope::views
