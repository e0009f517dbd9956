// views/worker_model: the matrices of thefts and wake-ups, and the order of workers.
#include "views/worker_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "fake_session.h"

namespace coroscope::views {
namespace {

TEST(TheftMatrix, is_what_the_workers_have_counted) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    inspect::StateImage& state = moment->state;
    for (inspect::WorkerImage& worker : state.workers)
        worker.taken_from.assign(state.workers.size(), 0);
    state.workers[1].taken_from[0] = 7;
    state.workers[1].taken_from[3] = 2;
    state.workers[2].taken_from[1] = 40;
    state.workers[2].taken_from.push_back(99);  // a worker that there is not
    const Matrix matrix = theft_matrix(state);
    EXPECT_EQ(matrix.total, 49U);
    EXPECT_EQ(matrix.most, 40U);
    EXPECT_EQ(matrix.cells[matrix.at(1, 0)], 7U);
    EXPECT_EQ(matrix.cells[matrix.at(2, 1)], 40U);
    EXPECT_EQ(std::accumulate(matrix.cells.begin(), matrix.cells.end(), std::uint64_t{0}), matrix.total);
    EXPECT_TRUE(theft_matrix(inspect::StateImage()).empty());
}

TEST(WakeMatrix, keeps_the_sites_with_the_most_and_counts_what_it_leaves_out) {
    std::vector<analyses::HistoryWaking> wakings;
    for (int from = 0; from < 6; ++from) {
        for (int to = 0; to < 5; ++to)
            wakings.push_back({"f" + std::to_string(from) + ".cpp:1", "t" + std::to_string(to) + ".cpp:2", "", to == 0 ? "worker" : "",
                               static_cast<std::uint64_t>((from + 1) * (to == 0 ? 100 : to)), static_cast<std::uint64_t>(10 * from + to + 1)});
    }
    const Matrix all = wake_matrix(wakings, 100, 100);
    EXPECT_EQ(all.rows.size(), 6U);
    EXPECT_EQ(all.columns.size(), 5U);
    EXPECT_EQ(all.left_out, 0U);
    EXPECT_EQ(all.columns.front(), "worker") << "the name that the site gives, where it gives one";
    EXPECT_EQ(all.rows.front(), "f5.cpp:1");
    EXPECT_EQ(all.cells[all.at(0, 0)], 600U);
    EXPECT_EQ(all.examples[all.at(0, 0)], 51U);
    EXPECT_EQ(all.most, 600U);
    const Matrix some = wake_matrix(wakings, 2, 3);
    EXPECT_EQ(some.rows.size(), 2U);
    EXPECT_EQ(some.columns.size(), 3U);
    EXPECT_EQ(some.total, all.total);
    EXPECT_EQ(std::accumulate(some.cells.begin(), some.cells.end(), std::uint64_t{0}) + some.left_out, all.total);
}

TEST(LastWakings, are_those_of_who_lives_and_was_seen_to_be_woken) {
    auto moment = std::make_shared<traces::Moment>(*make_fake_moment({}));
    std::size_t seen = 0;
    for (inspect::CoroutineImage& coroutine : moment->state.coroutines) {
        if (coroutine.identity < kFakeSwarmFirst || coroutine.identity % 2 == 0) continue;
        coroutine.woken_ticks = 1;
        coroutine.woken_by = coroutine.identity % 3 == 0 ? kFakeParser : 0;
        coroutine.woken_cause = coroutine.identity % 3 == 0 ? wire::WakeCause::kCoroutine : wire::WakeCause::kTimer;
        ++seen;
    }
    const auto wakings = last_wakings(*moment, "");
    ASSERT_EQ(wakings.size(), 2U);
    EXPECT_EQ(wakings[0].count + wakings[1].count, seen);
    EXPECT_EQ(wakings[0].from, "timer") << "two of three";
    EXPECT_EQ(wakings[1].from_name, "parser");
    EXPECT_EQ(wakings[1].to_name, "swarm");
    EXPECT_NE(moment->state.coroutine_of(wakings[1].example), nullptr);
}

TEST(Workers, are_ordered_by_any_column) {
    std::vector<traces::WorkerStat> rows(3);
    for (std::uint32_t i = 0; i < 3; ++i) {
        rows[i].worker.index = i;
        rows[i].worker.steals = i == 1 ? 50 : i;
    }
    const std::vector<float> busy = {0.5F, 0.1F, 0.9F};
    EXPECT_EQ(order_workers(rows, busy, WorkerColumn::kWorker, false), (std::vector<std::uint32_t>{0, 1, 2}));
    EXPECT_EQ(order_workers(rows, busy, WorkerColumn::kStole, true), (std::vector<std::uint32_t>{1, 2, 0}));
    EXPECT_EQ(order_workers(rows, busy, WorkerColumn::kUse, true), (std::vector<std::uint32_t>{2, 0, 1}));
}

}  // namespace
}  // namespace coroscope::views
