// views/pool_model: what each slot looks like, and how slots become cells.
#include "views/pool_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include <nlohmann/json.hpp>

#include "fake_session.h"

namespace coroscope::views {
namespace {

PoolModel fake_pools(std::uint32_t swarm = 1000) {
    FakeOptions options;
    options.swarm = swarm;
    return compute_pools(make_fake_moment(options)->state);
}

std::uint64_t sum(const std::array<std::uint64_t, kLooksCount>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

TEST(PoolModel, every_slot_of_every_pool_has_a_look) {
    const PoolModel model = fake_pools();
    ASSERT_EQ(model.pools.size(), 5U);
    std::uint64_t slots = 0;
    for (const PoolRow& pool : model.pools) {
        EXPECT_EQ(sum(pool.counts), pool.slots());
        EXPECT_EQ(pool.used, pool.slots() - pool.counts[static_cast<std::size_t>(Look::kFree)]);
        slots += pool.slots();
    }
    EXPECT_EQ(sum(model.counts), slots);
}

TEST(PoolModel, a_slot_looks_as_its_owner_does) {
    const auto moment = make_fake_moment({});
    const PoolModel model = compute_pools(moment->state);
    for (const inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        ASSERT_EQ(model.pools[coroutine.pool].looks[coroutine.slot], look_of(coroutine)) << coroutine.identity;
    }
}

TEST(PoolModel, a_used_slot_without_owner_is_shown_as_such_and_not_as_free) {
    const PoolModel model = fake_pools();
    EXPECT_EQ(model.pools[0].looks[7], Look::kUnowned);
    EXPECT_EQ(model.pools[0].counts[static_cast<std::size_t>(Look::kUnowned)], 1U);
}

TEST(PoolModel, coroutines_with_a_pool_or_slot_out_of_bounds_are_passed_over) {
    inspect::StateImage state;
    state.pools.resize(1);
    state.pools[0].slabs.resize(1);
    for (const auto& [pool, slot] : {std::pair{std::uint8_t{9}, 0U}, std::pair{std::uint8_t{0}, 512U},
                                     std::pair{std::uint8_t{0}, 0xffffffffU}}) {
        inspect::CoroutineImage coroutine;
        coroutine.state = wire::CoroutineState::kRunning;
        coroutine.pool = pool;
        coroutine.slot = slot;
        state.coroutines.push_back(coroutine);
    }
    const PoolModel model = compute_pools(state);
    EXPECT_EQ(model.counts[static_cast<std::size_t>(Look::kFree)], 512U);
}

TEST(PoolModel, a_peak_is_never_less_than_what_is_used_though_it_may_be_that_of_a_keyframe_before) {
    inspect::StateImage state = make_fake_moment({})->state;
    for (inspect::PoolImage& pool : state.pools)
        pool.high_water_slots = 0;
    for (const PoolRow& pool : compute_pools(state).pools)
        EXPECT_EQ(pool.high_water_slots, state.pools[pool.pool].used());
}

TEST(CellGrid, slots_share_cells_only_when_rows_would_not_suffice) {
    EXPECT_EQ(make_grid(1000, 100, 100), (CellGrid{100, 10, 1}));
    EXPECT_EQ(make_grid(1001, 100, 100), (CellGrid{100, 11, 1}));
    const CellGrid shared = make_grid(1'000'000, 100, 100);
    EXPECT_EQ(shared.slots_per_cell, 128U);
    EXPECT_LE(shared.rows, 100U);
    EXPECT_GE(std::uint64_t{shared.rows} * shared.columns * shared.slots_per_cell, 1'000'000U);
}

TEST(CellGrid, a_slot_is_found_again_where_it_is_drawn) {
    for (const CellGrid grid : {CellGrid{48, 30, 1}, CellGrid{64, 30, 8}}) {
        for (const std::uint64_t slot : {0ULL, 47ULL, 48ULL, 511ULL, 1000ULL}) {
            const std::uint64_t first = grid.first_position(grid.column_of(slot), grid.row_of(slot));
            EXPECT_LE(first, slot);
            EXPECT_LT(slot, first + grid.slots_per_cell);
        }
    }
}

TEST(CellGrid, one_bad_slot_among_thousands_stays_visible_in_a_shared_cell) {
    PoolRow pool;
    pool.looks.assign(4096, Look::kRunning);
    pool.looks[3000] = Look::kUnknown;
    const CellGrid grid = make_grid(4096, 16, 4);
    ASSERT_EQ(grid.slots_per_cell, 64U);
    std::vector<std::uint8_t> cells;
    fill_cells(pool, grid, {0, grid.rows}, cells);
    EXPECT_EQ(std::count(cells.begin(), cells.end(), static_cast<std::uint8_t>(Look::kUnknown)), 1);
    EXPECT_EQ(cells[3000 / 64], static_cast<std::uint8_t>(Look::kUnknown));
}

TEST(CellGrid, cells_behind_the_last_slot_are_not_drawn_as_free_ones) {
    PoolRow pool;
    pool.looks.assign(20, Look::kFree);
    std::vector<std::uint8_t> cells;
    fill_cells(pool, make_grid(20, 16, 100), {0, 2}, cells);
    ASSERT_EQ(cells.size(), 32U);
    EXPECT_EQ(cells[19], static_cast<std::uint8_t>(Look::kFree));
    EXPECT_EQ(cells[20], kBeyond);
}

TEST(CellGrid, some_rows_are_filled_as_they_stand_in_the_whole) {
    PoolRow pool;
    for (int i = 0; i < 1000; ++i)
        pool.looks.push_back(static_cast<Look>(i * 7 % kLooksCount));
    for (const std::uint32_t share : {1U, 4U}) {
        const CellGrid grid = make_grid(1000, 16, 1000, share);
        std::vector<std::uint8_t> whole, part;
        fill_cells(pool, grid, {0, grid.rows}, whole);
        fill_cells(pool, grid, {5, grid.rows}, part);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 5 * 16, whole.end())) << share;
        fill_cells(pool, grid, {2, 4}, part);
        EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 2 * 16)) << share;
    }
}

TEST(CellGrid, a_row_takes_its_colours_from_the_palette) {
    const std::vector<std::uint8_t> cells = {0, 1, 2, 3, 4, kBeyond};
    CellPalette palette{};
    for (std::uint32_t i = 0; i < kLooksCount; ++i)
        palette[i] = 100 + i;
    std::vector<std::uint32_t> colours;
    paint_cells(cells, 2, {1, 3}, palette, colours);
    EXPECT_EQ(colours, (std::vector<std::uint32_t>{102, 103, 104, 0}));
}

TEST(CellGrid, only_changed_rows_are_sent_again) {
    std::vector<std::uint8_t> before(10 * 16, 1), after = before;
    EXPECT_TRUE(changed_rows(before, after, 16).empty());
    after[2 * 16 + 5] = 2;
    after[3 * 16] = 2;
    after[9 * 16 + 15] = 2;
    EXPECT_EQ(changed_rows(before, after, 16), (std::vector<RowRange>{{2, 4}, {9, 10}}));
    EXPECT_EQ(changed_rows({}, after, 16), (std::vector<RowRange>{{0, 10}}));
}

TEST(CellGrid, the_fitting_cell_is_the_largest_that_shows_every_pool) {
    FitInput input;
    input.slots = {512, 100'352};
    input.width = 900;
    input.height = 400;
    input.header = 40;
    const int level = fit_level(input);
    ASSERT_GE(level, 1);
    const auto height_at = [&](int size) {
        float height = 0;
        for (const std::uint64_t slots : input.slots) {
            const std::uint32_t columns = columns_for(input.width, size);
            height += input.header +
                      static_cast<float>((slots + columns - 1) / columns) * static_cast<float>(size);
        }
        return height;
    };
    EXPECT_LE(height_at(level), input.height);
    EXPECT_GT(height_at(level + 1), input.height);
}

TEST(CellGrid, where_there_are_more_slots_than_pixels_cells_are_shared_until_all_fit) {
    FitInput input;
    input.slots = {1ULL << 24};
    input.width = 900;
    input.height = 400;
    const int level = fit_level(input);
    EXPECT_EQ(cell_of_level(level), 1);
    const auto rows = [&](int at) {
        return make_grid(input.slots[0], columns_for(input.width, 1), 1U << 24, slots_per_cell_of_level(at)).rows;
    };
    EXPECT_LE(rows(level), 400U);
    EXPECT_GT(rows(level + 1), 400U);
    EXPECT_EQ(slots_per_cell_of_level(1), 1U);
    EXPECT_EQ(slots_per_cell_of_level(0), 2U);
    input.slots = {~0ULL >> 8};
    EXPECT_EQ(fit_level(input), kLevelMin) << "and no further";
}

// A MicroPool of 3 slots, one that has ended, and one of 70.
inspect::StateImage micro_pools() {
    inspect::StateImage state;
    state.pools.resize(1);
    state.pools[0].purpose = wire::PoolPurpose::kLocal;
    state.pools[0].slabs.resize(3);
    state.pools[0].slabs[0].set_slots(3);
    state.pools[0].slabs[1].set_slots(0);
    state.pools[0].slabs[2].set_slots(70);
    for (const std::uint32_t slot : {1U, 2U * 512 + 69}) {
        inspect::CoroutineImage coroutine;
        coroutine.index = coroutine.slot = slot;
        coroutine.identity = slot + 1;
        coroutine.state = wire::CoroutineState::kRunning;
        state.pools[0].slabs[slot / 512].used[slot % 512 / 64] |= 1ULL << (slot % 64);
        state.coroutines.push_back(coroutine);
    }
    state.index();
    return state;
}

TEST(PoolModel, micro_pools_show_the_slots_they_have_one_after_the_other) {
    const inspect::StateImage state = micro_pools();
    const PoolModel model = compute_pools(state);
    const PoolRow& pool = model.pools[0];
    EXPECT_EQ(pool.slots(), 73U);
    EXPECT_EQ(pool.used, 2U);
    EXPECT_EQ(pool.looks[1], Look::kRunning);
    EXPECT_EQ(pool.looks[72], Look::kRunning);
    EXPECT_EQ(pool.counts[static_cast<std::size_t>(Look::kFree)], 71U);
    for (std::uint64_t position = 0; position < pool.slots(); ++position) {
        const std::uint32_t slot = pool.slot_at(position);
        EXPECT_TRUE(state.pools[0].has(slot)) << position;
        EXPECT_EQ(pool.position_of(slot), position);
    }
    for (const std::uint32_t none : {3U, 511U, 512U, 2U * 512 + 70, 3U * 512})
        EXPECT_FALSE(pool.position_of(none).has_value()) << none;
}

TEST(PoolModel, the_dump_has_runs_that_add_up_to_the_slots) {
    const nlohmann::json json = to_json(fake_pools());
    for (const auto& pool : json["pools"]) {
        std::uint64_t slots = 0;
        for (const auto& run : pool["runs"])
            slots += run[1].get<std::uint64_t>();
        EXPECT_EQ(slots, pool["slots"].get<std::uint64_t>());
    }
}

TEST(Look, every_look_but_free_has_a_mark_of_its_own) {
    std::set<Mark> marks;
    for (std::uint8_t i = 1; i < kLooksCount; ++i) {
        EXPECT_NE(mark_of(static_cast<Look>(i)), Mark::kNone) << look_name(static_cast<Look>(i));
        EXPECT_TRUE(marks.insert(mark_of(static_cast<Look>(i))).second) << look_name(static_cast<Look>(i));
    }
}

}  // namespace
}  // namespace coroscope::views
