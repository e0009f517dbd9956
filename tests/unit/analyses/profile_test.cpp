// Profiles of generated histories: sums that must agree, whichever rows are asked for.
#include "traces/analyses/profile.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "synthetic_trace.h"

namespace coroscope::analyses {
namespace {

using traces::SyntheticProgram;
using traces::TemporaryPath;

// Events of one type on all rings.
std::uint64_t emitted(const SyntheticProgram& program, wire::EventType type) {
    std::uint64_t count = 0;
    for (std::uint32_t ring = 0; ring < program.rings_count(); ++ring) {
        if (const auto row = program.emitted(ring).find(type); row != program.emitted(ring).end())
            count += row->second;
    }
    return count;
}

// The first history from `seed` on in which much happens: others soon have everybody wait for what nobody sends. Returns what it sent.
std::uint64_t write_history(const std::string& path, unsigned seed, std::uint32_t workers) {
    for (;; ++seed) {
        std::mt19937 random(seed);
        SyntheticProgram program(workers);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 0; i < 3000; ++i)
            program.step(static_cast<std::uint16_t>(random()));
        if (emitted(program, wire::EventType::kWake) < 200 || emitted(program, wire::EventType::kExit) < 50)
            continue;
        keyframes.push_back(program.truth());
        traces::write_synthetic_trace(path, program, keyframes, 61);
        return emitted(program, wire::EventType::kChannelSend);
    }
}

Profile profile_of(const std::string& path, ProfileBy by, ProfileSort sort = ProfileSort::kTotal,
                   std::size_t top = 0) {
    auto walk = TraceWalk::open(path);
    EXPECT_TRUE(walk.ok());
    return compute_profile(**walk, {by, sort, top});
}

TEST(Profile, rows_of_coroutines_and_of_sites_add_up_to_the_totals) {
    const TemporaryPath file("profile");
    write_history(file.path(), 7, 3);
    for (const ProfileBy by : {ProfileBy::kCoroutine, ProfileBy::kSite}) {
        const Profile profile = profile_of(file.path(), by);
        Times sum;
        for (const ProfileRow& row : profile.rows)
            sum.merge(row.times);
        EXPECT_EQ(sum.ticks, profile.totals.ticks);
        EXPECT_EQ(sum.blocked_ticks, profile.totals.blocked_ticks);
        EXPECT_EQ(sum.switches, profile.totals.switches);
        EXPECT_EQ(sum.runs, profile.totals.runs);
        EXPECT_EQ(sum.suspends, profile.totals.suspends);
        EXPECT_EQ(sum.wake_to_run.sum_ticks(), profile.totals.wake_to_run.sum_ticks());
        EXPECT_GT(sum.wake_to_run.samples(), 100U);
        EXPECT_GT(sum.of(Activity::kBlocked), 0U);
    }
}

TEST(Profile, the_time_of_a_coroutine_is_its_life) {
    const TemporaryPath file("life");
    write_history(file.path(), 11, 2);
    const Profile profile = profile_of(file.path(), ProfileBy::kCoroutine);
    ASSERT_GT(profile.rows.size(), 20U);
    for (const ProfileRow& row : profile.rows)  // one tick is one nanosecond in these traces
        EXPECT_EQ(static_cast<std::int64_t>(row.times.total()), row.end_ns - row.begin_ns) << row.identity;
}

TEST(Profile, workers_run_what_coroutines_ran_and_never_longer_than_there_was_time) {
    const TemporaryPath file("workers");
    write_history(file.path(), 13, 4);
    const Profile profile = profile_of(file.path(), ProfileBy::kWorker);
    ASSERT_EQ(profile.rows.size(), 4U);
    std::uint64_t running = 0, runs = 0;
    for (const ProfileRow& row : profile.rows) {
        running += row.times.of(Activity::kRunning);
        runs += row.times.runs;
        EXPECT_EQ(static_cast<std::int64_t>(row.times.of(Activity::kRunning) + row.idle_ticks +
                                            row.scheduling_ticks),
                  profile.duration_ns);
        EXPECT_GT(row.idle_ticks + row.scheduling_ticks, 0U);
    }
    EXPECT_EQ(running, profile.totals.of(Activity::kRunning));
    EXPECT_EQ(runs, profile.totals.runs);
}

TEST(Profile, the_matrix_counts_each_wake_and_the_tree_each_spawn) {
    const TemporaryPath file("matrix");
    write_history(file.path(), 17, 2);
    const Profile profile = profile_of(file.path(), ProfileBy::kSite);
    std::uint64_t wakes = 0, spawns = 0;
    for (const WakeRow& row : profile.wakes)
        wakes += row.count;
    for (const SpawnRow& row : profile.spawns)
        spawns += row.count;
    EXPECT_EQ(wakes, profile.totals.wakes);
    EXPECT_GT(wakes, 0U);
    EXPECT_EQ(spawns, profile.spawned);
    std::uint64_t alive = 0;
    for (const AliveRow& row : profile.alive_at_end)
        alive += row.count;
    EXPECT_EQ(alive, 1 + profile.spawned - profile.exited) << "the first one was there before";
}

TEST(Profile, only_so_many_rows_are_kept_and_they_are_the_first_of_all) {
    const TemporaryPath file("top");
    write_history(file.path(), 19, 2);
    for (const ProfileSort sort : {ProfileSort::kRunning, ProfileSort::kBlocked, ProfileSort::kLatency}) {
        const Profile all = profile_of(file.path(), ProfileBy::kCoroutine, sort);
        const Profile top = profile_of(file.path(), ProfileBy::kCoroutine, sort, 5);
        ASSERT_EQ(top.rows.size(), 5U);
        EXPECT_EQ(top.rows_left_out, all.rows.size() - 5);
        for (std::size_t i = 0; i < 5; ++i)
            EXPECT_EQ(top.rows[i].identity, all.rows[i].identity);
        EXPECT_EQ(top.totals.ticks, all.totals.ticks);
    }
}

TEST(Profile, channels_count_what_the_program_sent) {
    const TemporaryPath file("channels");
    const std::uint64_t sent_by_program = write_history(file.path(), 23, 2);
    std::uint64_t sent = 0;
    const Profile profile = profile_of(file.path(), ProfileBy::kChannel);
    for (const ProfileRow& row : profile.rows) {
        sent += row.sent;
        EXPECT_TRUE(row.label == "channel:named" || row.label == "channel:(unnamed)") << row.label;
    }
    EXPECT_EQ(sent, sent_by_program);
    EXPECT_GT(sent, 50U);
    const nlohmann::json json = to_json(profile);
    EXPECT_EQ(json["rows"].size(), profile.rows.size());
    EXPECT_EQ(json["totals"]["runs"], profile.totals.runs);
    EXPECT_NE(to_text(profile).find("channel:named"), std::string::npos);
}

TEST(Latencies, quantiles_are_within_a_bucket_of_the_truth) {
    std::mt19937 random(3);
    Latencies latencies, other;
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 10'000; ++i) {
        values.push_back(random() % (1ULL << (10 + i % 20)));
        (i % 2 == 0 ? latencies : other).add(values.back());
    }
    latencies.merge(other);
    std::sort(values.begin(), values.end());
    for (const double q : {0.1, 0.5, 0.9, 0.99}) {
        const auto truth = static_cast<double>(values[static_cast<std::size_t>(q * 9999)]);
        EXPECT_NEAR(latencies.quantile(q), truth, 0.04 * truth + 1);
    }
    EXPECT_EQ(latencies.samples(), 10'000U);
    EXPECT_EQ(Latencies().quantile(0.5), -1);
}

}  // namespace
}  // namespace coroscope::analyses
