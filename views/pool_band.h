// What a rubber band over the heatmap holds: the slots of a rectangle of cells, whose they are, and in which states those are.
//
// Pure functions; any thread. They visit every coroutine: off the frame. Tested in tests/unit/views/pool_shade_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/moment.h"
#include "views/pool_model.h"

namespace coroscope::views {

// Cells of one pool's grid: columns [column, column_end) of rows [row, row_end).
struct PoolBand {
    std::uint8_t pool = 0;
    CellGrid grid;
    std::uint32_t column = 0, column_end = 0, row = 0, row_end = 0;

    bool holds(std::uint64_t position) const {
        const std::uint32_t c = grid.column_of(position), r = grid.row_of(position);
        return c >= column && c < column_end && r >= row && r < row_end;
    }
    bool operator==(const PoolBand&) const = default;
};
// The cells between two corners, both included, in any order.
PoolBand band_between(std::uint8_t pool, const CellGrid& grid, std::uint32_t column, std::uint32_t row, std::uint32_t other_column,
                      std::uint32_t other_row);
// All slots of the pool.
PoolBand band_of_all(const PoolRow& pool, const CellGrid& grid);

struct BandModel {
    std::uint64_t slots = 0, used = 0;
    std::array<std::uint64_t, kLooksCount> counts{};  // of the slots
    std::vector<std::uint64_t> owners;                // identities, in the order of their first slot in the band; each once
};
// `model` is of that moment. Nobody's, where the pool is not there any more.
BandModel compute_band(const PoolModel& model, const traces::Moment& moment, const PoolBand& band);
nlohmann::json to_json(const BandModel& model);

}  // namespace coroscope::views
