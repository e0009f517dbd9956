// Row model of the workers view: workers in the order asked for, and two matrices: who stole from whom, and who woke whom, by site.
//
//   thefts    the counters of the state plane up to the moment; of a recorded program in which a range is selected, its events in that range
//   wakings   of a recorded program every wake-up, in the whole of it or in the range; of one that runs the last wake-up of everybody who lives,
//             as far as somebody heard it
//
// Thread: pure functions; any. last_wakings() visits every coroutine: off the frame. Tested in tests/unit/views/worker_model_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/analyses/history.h"
#include "traces/analysis.h"

namespace coroscope::views {

struct Matrix {
    std::vector<std::string> rows, columns;            // short names
    std::vector<std::string> row_texts, column_texts;  // whole ones, for one line
    std::vector<std::uint64_t> cells, examples;  // row by row; example: identity of a coroutine that the cell counts, 0 = of nobody it is known
    std::vector<std::string> row_sites, column_sites;  // of wake-ups: spawn sites, "file:line"
    std::uint64_t total = 0, most = 0;           // sum and largest of all that was counted, left out or not
    std::uint64_t left_out = 0;                  // counted, but in rows or columns that were left out

    bool empty() const { return total == 0; }
    std::size_t at(std::size_t row, std::size_t column) const { return row * columns.size() + column; }
};

Matrix theft_matrix(const inspect::StateImage& state);
Matrix theft_matrix(const analyses::History& history, const inspect::StateImage& state);
// Of those alone who pass the filter (coroutine_filter.h): it is them who were woken.
std::vector<analyses::HistoryWaking> last_wakings(const traces::Moment& moment, const std::string& filter);
// Of those that were woken at the spawn sites of whoever passes the filter: which of them it was is not kept. All without a filter.
std::vector<analyses::HistoryWaking> wakings_of(const std::vector<analyses::HistoryWaking>& all, const traces::Moment& moment,
                                                const std::string& filter);
// The rows and columns with the most wake-ups, at most so many of each.
Matrix wake_matrix(const std::vector<analyses::HistoryWaking>& wakings, std::size_t rows_most, std::size_t columns_most);

enum class WorkerColumn : std::uint8_t {
    kWorker,
    kRuns,
    kReady,
    kBound,
    kInjected,
    kStole,
    kStolen,
    kParks,
    kSwitches,
    kTimers,
    kNextTimer,
    kUse
};
inline constexpr std::size_t kWorkerColumnsCount = 12;
// Positions in `rows`, in the order asked for. `busy`: by worker, share of the time that is shown; may be shorter than there are workers.
std::vector<std::uint32_t> order_workers(const std::vector<traces::WorkerStat>& rows, const std::vector<float>& busy, WorkerColumn by,
                                         bool descending);

nlohmann::json to_json(const Matrix& matrix);

}  // namespace coroscope::views
