// views/pool_shade, pool_band and theme_scales: what the heatmap's colours say besides states, and whom a rubber band holds.
#include "views/pool_shade.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "fake_session.h"
#include "views/pool_band.h"
#include "views/theme.h"

namespace coroscope::views {
namespace {

// One pool of 512 slots; the coroutine of slot i has been in its state for ages_ns[i], and its stack was used to depths[i] bytes of 2048.
traces::Moment moment_of(const std::vector<std::int64_t>& ages_ns, const std::vector<std::uint32_t>& depths = {}) {
    traces::Moment moment;
    inspect::StateImage& state = moment.state;
    state.pools.resize(1);
    state.pools[0].slot_bytes = 2048;
    state.pools[0].slabs.resize(1);
    state.pools[0].slabs[0].slots = wire::kSlotsPerSlab;
    const auto fake = make_fake_moment({});
    state.clock = fake->state.clock;
    state.start_ticks = fake->state.start_ticks;
    moment.t = 700'000'000'000;
    for (std::size_t i = 0; i < std::max(ages_ns.size(), depths.size()); ++i) {
        state.pools[0].slabs[0].used[i / 64] |= std::uint64_t{1} << i % 64;
        inspect::CoroutineImage coroutine;
        coroutine.index = static_cast<std::uint32_t>(i);
        coroutine.identity = 100 + i;
        coroutine.state = wire::CoroutineState::kParked;
        coroutine.slot = static_cast<std::uint32_t>(i);
        coroutine.site = static_cast<std::uint32_t>(i % 3);
        coroutine.worker = static_cast<std::uint8_t>(i % 5);
        if (i < depths.size()) coroutine.high_water_bytes = depths[i];
        if (i < ages_ns.size() && ages_ns[i] >= 0) {
            // The tick that lies that long before the Moment.
            coroutine.since_ticks = state.start_ticks + static_cast<std::uint64_t>(state.clock.duration_ticks(moment.t - ages_ns[i]));
        }
        state.coroutines.push_back(coroutine);
    }
    state.index();
    return moment;
}

std::vector<std::uint8_t> shades_of(const traces::Moment& moment, PoolMode mode, bool ranked = false, ShadeLegend* legend = nullptr) {
    PoolModel model = compute_pools(moment.state);
    const ShadeLegend made = shade_pools(model, moment, mode, ranked);
    if (legend != nullptr) *legend = made;
    return model.pools[0].shades;
}

TEST(PoolShade, the_longer_in_its_state_the_higher_the_level_and_unknown_stays_unknown) {
    ShadeLegend legend;
    const auto shades = shades_of(moment_of({1'000, 1'000'000, 1'000'000'000, 600'000'000'000, -1}), PoolMode::kAge, false, &legend);
    EXPECT_EQ(shades[0], kShadeFirst);
    EXPECT_NEAR(shades[1] - kShadeFirst, kShadeLevels / 3, 1);
    EXPECT_NEAR(shades[2] - kShadeFirst, 2 * kShadeLevels / 3, 1);
    EXPECT_GT(shades[3], shades[2]);
    EXPECT_LT(shades[3], kShadeFirst + kShadeLevels);
    EXPECT_EQ(shades[4], kShadeUnknown);
    EXPECT_EQ(shades[5], 0);
    EXPECT_EQ(legend.known, 4U);
    EXPECT_EQ(legend.unknown, 1U);
}

TEST(PoolShade, high_water_is_a_share_of_the_stack) {
    ShadeLegend legend;
    const auto shades = shades_of(moment_of({}, {64, 1024, 2048, 0}), PoolMode::kHighWater, false, &legend);
    EXPECT_EQ(shades[0] - kShadeFirst, 1);
    EXPECT_EQ(shades[1] - kShadeFirst, kShadeLevels / 2);
    EXPECT_EQ(shades[2] - kShadeFirst, kShadeLevels - 1);
    EXPECT_EQ(shades[3], kShadeUnknown);
    EXPECT_EQ(legend.high, "100 %");
}

TEST(PoolShade, ranked_levels_hold_as_many_each_and_keep_the_order) {
    std::vector<std::uint32_t> depths(320);
    // All but one lie within a sliver of the scale.
    for (std::size_t i = 0; i < depths.size(); ++i)
        depths[i] = 500 + static_cast<std::uint32_t>(i / 2);
    depths[7] = 2000;
    ShadeLegend legend;
    const auto shades = shades_of(moment_of({}, depths), PoolMode::kHighWater, true, &legend);
    std::array<int, kShadeLevels> held{};
    for (std::size_t i = 0; i < depths.size(); ++i)
        ++held[shades[i] - kShadeFirst];
    EXPECT_LE(*std::max_element(held.begin(), held.end()), 2 * 320 / kShadeLevels + 2);
    EXPECT_EQ(shades[7], *std::max_element(shades.begin(), shades.begin() + 320));
    EXPECT_LT(shades[0], shades[319]);
    EXPECT_EQ(legend.low, "24 %");
    EXPECT_EQ(legend.high, "98 %");
}

TEST(PoolShade, one_deep_stack_among_many_is_seen_where_a_cell_stands_for_all) {
    PoolModel model;
    const traces::Moment moment = moment_of({}, [] {
        std::vector<std::uint32_t> depths(500, 64);
        depths[321] = 2048;
        return depths;
    }());
    model = compute_pools(moment.state);
    shade_pools(model, moment, PoolMode::kHighWater, false);
    std::vector<std::uint8_t> cells;
    const CellGrid grid = make_grid(512, 1, 1, 512);
    fill_cells(model.pools[0], grid, {0, 1}, cells);
    EXPECT_EQ(cells[0], kShadeFirst + kShadeLevels - 1);
}

TEST(PoolShade, sites_and_workers_are_counted_and_what_is_beyond_the_list_is_others) {
    const traces::Moment moment = moment_of({}, std::vector<std::uint32_t>(10, 64));
    ShadeLegend legend;
    const auto by_site = shades_of(moment, PoolMode::kSite, false, &legend);
    ASSERT_EQ(legend.kinds.size(), 3U);
    EXPECT_EQ(legend.kinds[0].slots, 4U);
    EXPECT_EQ(legend.kinds[1].slots, 3U);
    EXPECT_EQ(by_site[0], by_site[3]);
    EXPECT_NE(by_site[0], by_site[1]);
    shades_of(moment, PoolMode::kWorker, false, &legend);
    ASSERT_EQ(legend.kinds.size(), 5U);
    EXPECT_EQ(legend.kinds[4].name, "worker 4");

    traces::Moment many = moment_of({}, std::vector<std::uint32_t>(60, 64));
    for (std::size_t i = 0; i < 60; ++i)
        many.state.coroutines[i].worker = static_cast<std::uint8_t>(i % 20);
    const auto by_worker = shades_of(many, PoolMode::kWorker, false, &legend);
    ASSERT_EQ(legend.kinds.size(), kShadeKinds + 1U);
    EXPECT_EQ(legend.kinds.back().name, "others");
    EXPECT_EQ(legend.kinds.back().slots, 60U - 3 * kShadeKinds);
    EXPECT_EQ(by_worker[12], by_worker[19]);
}

TEST(PoolShade, growth_is_that_of_the_site) {
    traces::Moment moment = moment_of({}, {64, 64, 64});
    inspect::SiteMigrationsImage row;
    row.site = 1;
    row.segments = 100;
    moment.state.migrations.push_back(row);
    moment.state.index();
    const auto shades = shades_of(moment, PoolMode::kGrowth);
    EXPECT_EQ(shades[0], kShadeFirst);
    EXPECT_GT(shades[1], shades[0]);
    EXPECT_EQ(shade_text(moment, moment.state.coroutines[1], PoolMode::kGrowth), "stacks of its site grew 100 times");
}

TEST(PoolShade, of_states_there_are_no_shades_and_a_used_slot_of_nobody_has_its_own) {
    const auto fake = make_fake_moment({});
    PoolModel model = compute_pools(fake->state);
    shade_pools(model, *fake, PoolMode::kState, true);
    EXPECT_TRUE(model.pools[0].shades.empty());
    shade_pools(model, *fake, PoolMode::kWorker, true);
    EXPECT_EQ(model.pools[0].shades[7], kShadeUnowned);
    for (const PoolRow& pool : model.pools) {
        for (std::size_t i = 0; i < pool.looks.size(); ++i)
            ASSERT_EQ(pool.looks[i] == Look::kFree, pool.shades[i] == 0) << i;
    }
}

TEST(PoolBand, holds_the_slots_between_its_corners_and_names_each_owner_once) {
    const auto fake = make_fake_moment({});
    const PoolModel model = compute_pools(fake->state);
    const PoolRow& pool = *std::max_element(model.pools.begin(), model.pools.end(), [](const auto& a, const auto& b) { return a.used < b.used; });
    const CellGrid grid = make_grid(pool.slots(), 16, 1000);
    const PoolBand band = band_between(pool.pool, grid, 5, 3, 2, 1);
    const BandModel found = compute_band(model, *fake, band);
    EXPECT_EQ(found.slots, 4U * 3U);
    std::vector<std::uint64_t> expected;
    for (std::uint32_t row = 1; row <= 3; ++row) {
        for (std::uint32_t column = 2; column <= 5; ++column) {
            const auto* owner = fake->state.owner_of(pool.pool, pool.slot_at(row * 16 + column));
            if (owner != nullptr && std::find(expected.begin(), expected.end(), owner->identity) == expected.end())
                expected.push_back(owner->identity);
        }
    }
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(found.owners, expected);
    EXPECT_EQ(std::accumulate(found.counts.begin(), found.counts.end(), std::uint64_t{0}), found.slots);
}

TEST(PoolBand, of_all_counts_what_the_pool_counts_also_where_cells_stand_for_several) {
    const auto fake = make_fake_moment({});
    const PoolModel model = compute_pools(fake->state);
    for (const PoolRow& pool : model.pools) {
        const BandModel found = compute_band(model, *fake, band_of_all(pool, make_grid(pool.slots(), 7, 20, 4)));
        EXPECT_EQ(found.slots, pool.slots());
        EXPECT_EQ(found.used, pool.used);
        EXPECT_EQ(found.counts, pool.counts);
    }
}

double lightness(ImU32 colour) {
    const auto linear = [&](int shift) { return std::pow(static_cast<double>(colour >> shift & 0xff) / 255, 2.2); };
    return 0.2126 * linear(IM_COL32_R_SHIFT) + 0.7152 * linear(IM_COL32_G_SHIFT) + 0.0722 * linear(IM_COL32_B_SHIFT);
}

TEST(ThemeScales, much_stands_out_from_the_ground_and_every_level_is_further_than_the_one_before) {
    for (const Theme* theme : all_themes()) {
        for (int i = 1; i < kShadeLevels; ++i) {
            const double before = lightness(theme->scale(static_cast<float>(i - 1) / kShadeLevels));
            const double here = lightness(theme->scale(static_cast<float>(i) / kShadeLevels));
            EXPECT_TRUE(theme->dark ? here > before : here < before) << theme->name << " " << i;
        }
    }
}

}  // namespace
}  // namespace coroscope::views
