// Row model of the timers view: who is woken by a deadline, when, and what it does meanwhile.
//
// A deadline is that of a sleep, or the time limit of another wait (a select, a channel, a lock, a join). The state plane has it for everybody who is
// parked, so nothing must have been heard. That a deadline has passed is no fault by itself: its worker may be about to take it up. How late
// deadlines woke is told by events (traces/analyses/history.h).
//
// Thread: pure functions; any. compute_timers() visits every coroutine: off the frame. Tested in tests/unit/views/timer_model_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/moment.h"

namespace coroscope::views {

struct TimerRow {
    std::uint32_t position = 0;  // in state.coroutines
    std::int64_t due_ns = 0;     // since the runtime's start
};

// How soon, by powers of ten: overdue, within 1 ms, 10 ms ... 100 s, later.
inline constexpr std::size_t kDueBucketsCount = 8;
const char* due_bucket_name(std::size_t bucket);
std::size_t due_bucket(std::int64_t in_ns);

struct TimerModel {
    std::shared_ptr<const traces::Moment> moment;  // what rows are positions in
    std::vector<TimerRow> rows;                    // the first deadline first
    std::array<std::uint64_t, kDueBucketsCount> due{};
    std::uint64_t sleeping = 0, limited = 0;  // sleeps; other waits with a time limit
    // From the moment to the first deadline, negative when it has passed; 0 when there is none.
    std::int64_t next_in_ns() const { return rows.empty() ? 0 : rows.front().due_ns - moment->t; }
    std::uint64_t overdue() const { return due[0]; }
};
TimerModel compute_timers(std::shared_ptr<const traces::Moment> moment);

enum class TimerColumn : std::uint8_t { kDue, kCoroutine, kName, kWait, kSince, kWorker };
inline constexpr std::size_t kTimerColumnsCount = 6;
// Positions in model.rows, in the order asked for, of those that pass the filter (coroutine_filter.h), and whose deadline lies in [from_ns, to_ns].
std::vector<std::uint32_t> order_timers(const TimerModel& model, const std::string& filter, std::int64_t from_ns, std::int64_t to_ns,
                                        TimerColumn by, bool descending);

// "sleep", "select, at most", "channel-receive, at most".
std::string timer_wait_text(const inspect::CoroutineImage& coroutine);
// "4711 ticker · sleep · due in 12.3 ms, at 1.500 s", for one line.
std::string timer_line(const TimerModel& model, const TimerRow& row);
// The rows in this order, at most `rows_most`.
nlohmann::json to_json(const TimerModel& model, const std::vector<std::uint32_t>& order, std::size_t rows_most);

}  // namespace coroscope::views
