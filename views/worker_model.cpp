// See worker_model.h.
#include "views/worker_model.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/coroutine_filter.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

Matrix of_workers(const inspect::StateImage& state) {
    Matrix matrix;
    for (const inspect::WorkerImage& worker : state.workers) {
        matrix.rows.push_back(std::to_string(worker.index));
        matrix.row_texts.push_back(fmt::format("worker {}", worker.index));
    }
    matrix.columns = matrix.rows;
    matrix.column_texts = matrix.row_texts;
    matrix.cells.resize(matrix.rows.size() * matrix.columns.size());
    matrix.examples.resize(matrix.cells.size());
    return matrix;
}

void add(Matrix& matrix, std::size_t thief, std::size_t victim, std::uint64_t coroutines) {
    if (thief >= matrix.rows.size() || victim >= matrix.columns.size()) return;
    std::uint64_t& cell = matrix.cells[matrix.at(thief, victim)];
    cell += coroutines;
    matrix.total += coroutines;
    matrix.most = std::max(matrix.most, cell);
}

std::string short_name(const std::string& site, const std::string& name) {
    return name.empty() ? std::string(short_path(site)) : name;
}
std::string whole_name(const std::string& site, const std::string& name) {
    return name.empty() ? site : fmt::format("{} ({})", name, short_path(site));
}

// Names with the largest sums first, and where each stands; at most `most` of them.
std::vector<std::string> first_of(const std::map<std::string, std::uint64_t>& sums, std::size_t most) {
    std::vector<std::string> names;
    for (const auto& [name, sum] : sums)
        names.push_back(name);
    std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) { return sums.at(a) > sums.at(b); });
    if (names.size() > most) names.resize(most);
    return names;
}

}  // namespace

Matrix theft_matrix(const inspect::StateImage& state) {
    Matrix matrix = of_workers(state);
    for (std::size_t thief = 0; thief < state.workers.size(); ++thief) {
        const std::vector<std::uint32_t>& taken = state.workers[thief].taken_from;
        for (std::size_t victim = 0; victim < taken.size(); ++victim)
            add(matrix, thief, victim, taken[victim]);
    }
    return matrix;
}

Matrix theft_matrix(const analyses::History& history, const inspect::StateImage& state) {
    Matrix matrix = of_workers(state);
    for (const analyses::HistoryTheft& theft : history.thefts)
        add(matrix, theft.thief, theft.victim, theft.coroutines);
    return matrix;
}

std::vector<analyses::HistoryWaking> last_wakings(const traces::Moment& moment, const std::string& filter) {
    const inspect::StateImage& state = moment.state;
    const FilterMatch match = filter.empty() ? FilterMatch{} : match_filter(moment, filter);
    std::map<std::tuple<std::string, std::string, std::uint32_t>, analyses::HistoryWaking> found;
    const auto site_name = [&](std::uint32_t site) {
        return site < state.sites.size() ? std::string(state.text(state.sites[site].name)) : std::string();
    };
    for (const inspect::CoroutineImage& coroutine : state.coroutines) {
        if (coroutine.woken_ticks == 0 || (!filter.empty() && !match.has(coroutine.identity))) continue;
        std::string from, from_name;
        if (coroutine.woken_by != 0) {
            const inspect::CoroutineImage* waker = state.coroutine_of(coroutine.woken_by);
            from = waker != nullptr ? state.site_text(waker->site) : "has ended";
            if (waker != nullptr) from_name = site_name(waker->site);
        } else {
            from = coroutine.woken_cause == wire::WakeCause::kOutside     ? "thread outside"
                   : coroutine.woken_cause == wire::WakeCause::kCoroutine ? "not known"
                                                                          : inspect::wake_cause_name(coroutine.woken_cause);
        }
        analyses::HistoryWaking& row = found[{from, from_name, coroutine.site}];
        if (row.count++ == 0) {
            row.from = from;
            row.from_name = from_name;
            row.to = state.site_text(coroutine.site);
            row.to_name = site_name(coroutine.site);
        }
        row.example = coroutine.identity;
    }
    std::vector<analyses::HistoryWaking> rows;
    for (auto& [key, row] : found)
        rows.push_back(std::move(row));
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
    return rows;
}

std::vector<analyses::HistoryWaking> wakings_of(const std::vector<analyses::HistoryWaking>& all, const traces::Moment& moment,
                                                const std::string& filter) {
    const auto past = past_filter(moment, filter);
    if (past == nullptr) return all;
    const FilterMatch match = match_filter(moment, filter);
    std::vector<analyses::HistoryWaking> rows;
    for (const analyses::HistoryWaking& row : all) {
        // The example may live no more: then its words say.
        if (match.sites.contains(row.to) || past->passes(row.example, row.to_name, row.to)) rows.push_back(row);
    }
    return rows;
}

Matrix wake_matrix(const std::vector<analyses::HistoryWaking>& wakings, std::size_t rows_most, std::size_t columns_most) {
    std::map<std::string, std::uint64_t> from_sums, to_sums;
    std::map<std::string, std::string> shorts, sites;
    const auto from_of = [](const analyses::HistoryWaking& row) { return whole_name(row.from, row.from_name); };
    const auto to_of = [](const analyses::HistoryWaking& row) { return whole_name(row.to, row.to_name); };
    for (const analyses::HistoryWaking& row : wakings) {
        from_sums[from_of(row)] += row.count;
        to_sums[to_of(row)] += row.count;
        shorts[from_of(row)] = short_name(row.from, row.from_name);
        shorts[to_of(row)] = short_name(row.to, row.to_name);
        sites[from_of(row)] = row.from;
        sites[to_of(row)] = row.to;
    }
    Matrix matrix;
    matrix.row_texts = first_of(from_sums, rows_most);
    matrix.column_texts = first_of(to_sums, columns_most);
    std::map<std::string, std::size_t> row_at, column_at;
    for (const std::string& name : matrix.row_texts) {
        row_at.emplace(name, matrix.rows.size());
        matrix.rows.push_back(shorts[name]);
        matrix.row_sites.push_back(sites[name]);
    }
    for (const std::string& name : matrix.column_texts) {
        column_at.emplace(name, matrix.columns.size());
        matrix.columns.push_back(shorts[name]);
        matrix.column_sites.push_back(sites[name]);
    }
    matrix.cells.resize(matrix.rows.size() * matrix.columns.size());
    matrix.examples.resize(matrix.cells.size());
    for (const analyses::HistoryWaking& row : wakings) {
        matrix.total += row.count;
        const auto from = row_at.find(from_of(row)), to = column_at.find(to_of(row));
        if (from == row_at.end() || to == column_at.end()) {
            matrix.left_out += row.count;
            continue;
        }
        std::uint64_t& cell = matrix.cells[matrix.at(from->second, to->second)];
        cell += row.count;
        matrix.examples[matrix.at(from->second, to->second)] = row.example;
        matrix.most = std::max(matrix.most, cell);
    }
    return matrix;
}

std::vector<std::uint32_t> order_workers(const std::vector<traces::WorkerStat>& rows, const std::vector<float>& busy, WorkerColumn by,
                                         bool descending) {
    const auto number = [&](std::uint32_t i) -> double {
        const traces::WorkerStat& row = rows[i];
        switch (by) {
            case WorkerColumn::kWorker:
                return row.worker.index;
            case WorkerColumn::kRuns:
                return static_cast<double>(row.current);
            case WorkerColumn::kReady:
                return static_cast<double>(row.worker.ready_length);
            case WorkerColumn::kBound:
                return row.worker.bound_length;
            case WorkerColumn::kInjected:
                return row.worker.injected;
            case WorkerColumn::kStole:
                return static_cast<double>(row.worker.steals);
            case WorkerColumn::kStolen:
                return static_cast<double>(row.taken_by_others);
            case WorkerColumn::kParks:
                return static_cast<double>(row.worker.parks);
            case WorkerColumn::kSwitches:
                return static_cast<double>(row.worker.switches);
            case WorkerColumn::kTimers:
                return static_cast<double>(row.worker.timers_armed);
            case WorkerColumn::kNextTimer:
                return static_cast<double>(row.timer_next_in_ns);
            case WorkerColumn::kUse:
                return row.worker.index < busy.size() ? busy[row.worker.index] : -1;
        }
        return 0;
    };
    std::vector<std::uint32_t> order(rows.size());
    for (std::uint32_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return descending ? number(a) > number(b) : number(a) < number(b); });
    return order;
}

nlohmann::json to_json(const Matrix& matrix) {
    nlohmann::json cells = nlohmann::json::array();
    for (std::size_t row = 0; row < matrix.rows.size(); ++row) {
        for (std::size_t column = 0; column < matrix.columns.size(); ++column) {
            if (const std::uint64_t count = matrix.cells[matrix.at(row, column)]; count != 0)
                cells.push_back({{"from", matrix.row_texts[row]}, {"to", matrix.column_texts[column]}, {"count", count}});
        }
    }
    return {{"rows", matrix.row_texts},
            {"columns", matrix.column_texts},
            {"total", matrix.total},
            {"left_out", matrix.left_out},
            {"cells", std::move(cells)}};
}

}  // namespace coroscope::views
