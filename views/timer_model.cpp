// See timer_model.h.
#include "views/timer_model.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/coroutine_filter.h"
#include "views/coroutine_model.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::CoroutineImage;

}  // namespace

const char* due_bucket_name(std::size_t bucket) {
    static constexpr const char* kNames[kDueBucketsCount] = {"overdue", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "later"};
    return bucket < kDueBucketsCount ? kNames[bucket] : "?";
}

std::size_t due_bucket(std::int64_t in_ns) {
    if (in_ns < 0) return 0;
    std::int64_t limit = 1'000'000;
    for (std::size_t bucket = 1; bucket + 1 < kDueBucketsCount; ++bucket, limit *= 10) {
        if (in_ns <= limit) return bucket;
    }
    return kDueBucketsCount - 1;
}

std::string timer_wait_text(const CoroutineImage& coroutine) {
    return coroutine.reason == wire::WaitReason::kSleep ? std::string("sleep")
                                                        : fmt::format("{}, at most", inspect::reason_name(coroutine.reason));
}

TimerModel compute_timers(std::shared_ptr<const traces::Moment> moment) {
    TimerModel model;
    const inspect::StateImage& state = moment->state;
    for (std::uint32_t i = 0; i < state.coroutines.size(); ++i) {
        const CoroutineImage& coroutine = state.coroutines[i];
        if (coroutine.state != wire::CoroutineState::kParked || coroutine.deadline_ticks == 0) continue;
        const std::int64_t due_ns = state.since_start_ns(coroutine.deadline_ticks);
        model.rows.push_back({i, due_ns});
        ++model.due[due_bucket(due_ns - moment->t)];
        ++(coroutine.reason == wire::WaitReason::kSleep ? model.sleeping : model.limited);
    }
    std::stable_sort(model.rows.begin(), model.rows.end(), [](const TimerRow& a, const TimerRow& b) { return a.due_ns < b.due_ns; });
    model.moment = std::move(moment);
    return model;
}

std::vector<std::uint32_t> order_timers(const TimerModel& model, const std::string& filter, std::int64_t from_ns, std::int64_t to_ns,
                                        TimerColumn by, bool descending) {
    const inspect::StateImage& state = model.moment->state;
    const FilterMatch match = match_filter(*model.moment, filter);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < model.rows.size(); ++i) {
        const TimerRow& row = model.rows[i];
        if (row.due_ns >= from_ns && row.due_ns <= to_ns && match.by_position[row.position]) order.push_back(i);
    }
    const auto coroutine = [&](std::uint32_t i) -> const CoroutineImage& { return state.coroutines[model.rows[i].position]; };
    const auto less = [&](std::uint32_t a, std::uint32_t b) {
        const CoroutineImage &x = coroutine(a), &y = coroutine(b);
        switch (by) {
            case TimerColumn::kDue:
                return model.rows[a].due_ns < model.rows[b].due_ns;
            case TimerColumn::kCoroutine:
                return x.identity < y.identity;
            case TimerColumn::kName:
                return state.coroutine_name(x) < state.coroutine_name(y);
            case TimerColumn::kWait:
                return x.reason < y.reason;
            case TimerColumn::kSince:
                return in_state_ns(*model.moment, x) < in_state_ns(*model.moment, y);
            case TimerColumn::kWorker:
                break;
        }
        return x.worker < y.worker;
    };
    if (by == TimerColumn::kDue && !descending) return order;  // as they stand
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return descending ? less(b, a) : less(a, b); });
    return order;
}

std::string timer_line(const TimerModel& model, const TimerRow& row) {
    const inspect::StateImage& state = model.moment->state;
    const CoroutineImage& coroutine = state.coroutines[row.position];
    const std::int64_t in_ns = row.due_ns - model.moment->t;
    std::string line = fmt::format("{} {} · {}", coroutine.identity, state.coroutine_name(coroutine), timer_wait_text(coroutine));
    if (coroutine.reason != wire::WaitReason::kSleep) {
        if (const std::string object = waits_on_text(state, coroutine); !object.empty()) line += " · " + object;
    }
    line += in_ns < 0 ? fmt::format(" · overdue by {}", format_duration(-in_ns)) : fmt::format(" · due in {}", format_duration(in_ns));
    line += fmt::format(", at {}", format_time(row.due_ns));
    if (const std::int64_t since = in_state_ns(*model.moment, coroutine); since >= 0)
        line += fmt::format(" · waits for {}", format_duration(since));
    return line;
}

nlohmann::json to_json(const TimerModel& model, const std::vector<std::uint32_t>& order, std::size_t rows_most) {
    const inspect::StateImage& state = model.moment->state;
    nlohmann::json rows = nlohmann::json::array(), due = nlohmann::json::object();
    for (std::size_t i = 0; i < std::min(order.size(), rows_most); ++i) {
        const TimerRow& row = model.rows[order[i]];
        const CoroutineImage& coroutine = state.coroutines[row.position];
        const bool sleeps = coroutine.reason == wire::WaitReason::kSleep;
        rows.push_back({{"id", coroutine.identity},
                        {"name", state.coroutine_name(coroutine)},
                        {"reason", inspect::reason_name(coroutine.reason)},
                        {"waits_on", sleeps ? nlohmann::json(nullptr) : nlohmann::json(waits_on_text(state, coroutine))},
                        {"due_ns", row.due_ns},
                        {"in_ns", row.due_ns - model.moment->t},
                        {"worker", coroutine.worker}});
    }
    for (std::size_t i = 0; i < kDueBucketsCount; ++i)
        due[due_bucket_name(i)] = model.due[i];
    return {{"armed", model.rows.size()},
            {"sleeping", model.sleeping},
            {"limited", model.limited},
            {"overdue", model.overdue()},
            {"next_in_ns", model.rows.empty() ? nlohmann::json(nullptr) : nlohmann::json(model.next_in_ns())},
            {"due", std::move(due)},
            {"shown", order.size()},
            {"rows", std::move(rows)}};
}

}  // namespace coroscope::views
