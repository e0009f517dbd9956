// Histories of generated programs: what they say at their end is what the program itself says, and what they count by part is all there was.
#include "traces/analyses/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "synthetic_trace.h"
#include "traces/analyses/profile.h"

namespace coroscope::analyses {
namespace {

using traces::SyntheticProgram;
using traces::TemporaryPath;

std::uint64_t sum(const std::vector<std::uint64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

// The first program from `seed` on in which much happens; others soon have everybody wait.
SyntheticProgram write_history(const std::string& path, unsigned seed, std::uint32_t workers, bool loses = false) {
    for (;; ++seed) {
        std::mt19937 random(seed);
        SyntheticProgram program(workers);
        std::vector<inspect::StateImage> keyframes = {program.truth()};
        for (int i = 0; i < 3000; ++i) {
            if (loses && i == 1000) program.drop_events(0);
            if (loses && i == 1400) program.keep_events(0);
            program.step(static_cast<std::uint16_t>(random()));
        }
        std::uint64_t wakes = 0;
        for (std::uint32_t ring = 0; ring < program.rings_count(); ++ring) {
            const auto row = program.emitted(ring).find(wire::EventType::kWake);
            wakes += row != program.emitted(ring).end() ? row->second : 0;
        }
        if (wakes < 200) continue;
        keyframes.push_back(program.truth());
        traces::write_synthetic_trace(path, program, keyframes, 61);
        return program;
    }
}

History history_of(const std::string& path, const HistoryOptions& options = {}) {
    auto reader = traces::TraceReader::open(path);
    EXPECT_TRUE(reader.ok());
    traces::Search search;
    auto history = compute_history(std::shared_ptr<const traces::TraceReader>(std::move(*reader)), options, search);
    EXPECT_TRUE(history.ok());
    return std::move(*history);
}

TEST(History, ends_with_the_states_that_the_program_itself_says) {
    for (const unsigned seed : {3U, 29U, 71U}) {
        const TemporaryPath file("history");
        const SyntheticProgram program = write_history(file.path(), seed, 3);
        const History history = history_of(file.path());
        std::array<std::uint32_t, kHistoryStates> expected{};
        for (const inspect::CoroutineImage& row : program.truth().coroutines) {
            const std::size_t state = row.state == wire::CoroutineState::kRunning  ? kHistoryRunning
                                      : row.state == wire::CoroutineState::kParked ? kHistoryBlocked + static_cast<std::size_t>(row.reason)
                                                                                   : kHistoryReady;
            ++expected[state];
        }
        for (std::size_t state = 0; state < kHistoryStates; ++state) {
            const auto& row = history.coroutines[state];
            EXPECT_EQ(row.empty() ? 0 : row.back(), expected[state]) << "state " << state << ", seed " << seed;
        }
    }
}

TEST(History, counts_by_part_are_those_of_the_whole) {
    const TemporaryPath file("parts");
    write_history(file.path(), 7, 4);
    auto walk = TraceWalk::open(file.path());
    ASSERT_TRUE(walk.ok());
    const Profile profile = compute_profile(**walk, {ProfileBy::kWorker, ProfileSort::kTotal, 0});
    for (const std::uint32_t parts : {1U, 17U, 240U}) {
        HistoryOptions options;
        options.parts = parts;
        const History history = history_of(file.path(), options);
        ASSERT_EQ(history.switches.size(), parts);
        EXPECT_EQ(sum(history.switches), profile.totals.runs);
        EXPECT_EQ(sum(history.spawned), profile.spawned);
        EXPECT_EQ(sum(history.exited), profile.exited);
        EXPECT_EQ(sum(history.events), profile.counts.events);
        EXPECT_GT(sum(history.spawned), 20U);
        std::uint64_t wakes = 0;
        for (const HistoryWaking& row : history.wakings)
            wakes += row.count;
        EXPECT_EQ(wakes, profile.totals.wakes);
        // A worker is busy for as long as its coroutines ran.
        double busy_ns = 0;
        for (const auto& worker : history.busy)
            busy_ns += std::accumulate(worker.begin(), worker.end(), 0.0) * static_cast<double>(profile.duration_ns) / parts;
        EXPECT_NEAR(busy_ns, static_cast<double>(profile.totals.of(Activity::kRunning)), static_cast<double>(profile.duration_ns) * 0.001);
    }
}

TEST(History, a_range_narrows_the_matrices_and_leaves_the_parts_alone) {
    const TemporaryPath file("range");
    write_history(file.path(), 7, 2);
    const History all = history_of(file.path());
    HistoryOptions options;
    const traces::TimeNs middle = (all.begin + all.end) / 2;
    options.range = {all.begin, middle};
    const History first = history_of(file.path(), options);
    options.range = {middle + 1, all.end};
    const History second = history_of(file.path(), options);
    const auto wakes = [](const History& history) {
        std::uint64_t count = 0;
        for (const HistoryWaking& row : history.wakings)
            count += row.count;
        return count;
    };
    EXPECT_GT(wakes(first), 0U);
    EXPECT_GT(wakes(second), 0U);
    EXPECT_EQ(wakes(first) + wakes(second), wakes(all));
    EXPECT_EQ(first.late_wake.samples + second.late_wake.samples, all.late_wake.samples);
    EXPECT_EQ(first.switches, all.switches);
}

TEST(History, what_was_lost_is_counted_and_pools_are_not_guessed_then) {
    const TemporaryPath file("lost");
    write_history(file.path(), 41, 2, true);
    const History history = history_of(file.path());
    EXPECT_GT(sum(history.lost), 0U);
    EXPECT_GT(history.losses, 0U);
    EXPECT_TRUE(history.pools_used.empty());
}

TEST(History, a_search_that_is_not_wanted_any_more_ends_with_a_sentence) {
    const TemporaryPath file("cancelled");
    write_history(file.path(), 7, 2);
    auto reader = traces::TraceReader::open(file.path());
    ASSERT_TRUE(reader.ok());
    traces::Search search;
    search.cancelled = true;
    const auto history = compute_history(std::shared_ptr<const traces::TraceReader>(std::move(*reader)), {}, search);
    ASSERT_FALSE(history.ok());
    EXPECT_EQ(history.error().code, base::ErrorCode::kGone);
}

}  // namespace
}  // namespace coroscope::analyses
