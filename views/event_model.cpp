// See event_model.h.
#include "views/event_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "views/format.h"

namespace coroscope::views {

using rules::EventRow;
using rules::EventWindow;
using wire::EventType;

std::string event_time_text(traces::TimeNs t) {
    return fmt::format("{:.9f} s", static_cast<double>(t) * 1e-9);
}

std::string event_delta_text(const EventWindow& window, std::size_t row) {
    if (row == 0 || row >= window.rows.size()) return {};
    return "+" + format_duration(window.rows[row].event.t - window.rows[row - 1].event.t);
}

std::string event_worker_text(const EventRow& row) {
    return row.worker == wire::kNone ? "–" : fmt::format("worker {}", row.worker);
}

std::string event_who_text(const EventRow& row) {
    if (row.id == 0) return {};
    return row.name.empty() ? fmt::format("{}", row.id) : fmt::format("{} {}", row.id, row.name);
}

std::string event_what_text(const EventRow& row) {
    if (row.object.empty()) return row.detail;
    return row.detail.empty() ? row.object : row.detail + " on " + row.object;
}

static std::string took(const char* what, rules::Span span) {
    if (span.known == rules::Span::Known::kNo) return {};
    return fmt::format("{} {}{}", what, span.known == rules::Span::Known::kAtLeast ? "≥ " : "",
                       format_duration(static_cast<std::int64_t>(span.ns)));
}

std::string event_took_text(const EventRow& row) {
    const bool ends_run = row.type == EventType::kSuspend || row.type == EventType::kExit;
    if (ends_run) return took("ran", row.run);
    const std::string ready = row.type == EventType::kResume ? took("ready", row.ready) : std::string();
    return ready.empty() ? took("blocked", row.blocked) : ready;
}

std::string event_line(const EventWindow& window, std::size_t row) {
    const EventRow& event = window.rows[row].event;
    std::string line = event_time_text(event.t);
    const std::string worker = event_worker_text(event), who = event_who_text(event);
    for (const std::string& part : {worker, std::string(wire::event_name(event.type)), who, event_what_text(event)})
        if (!part.empty()) line += "  " + part;
    if (!event.site.empty() && event.site != "?") line += " (" + event.site + ")";
    for (const std::string& part : {took("blocked", event.blocked), took("ready", event.ready), took("ran", event.run)})
        if (!part.empty()) line += "  " + part;
    return line;
}

Look event_look(const EventRow& row) {
    inspect::CoroutineImage coroutine{};
    coroutine.state = wire::CoroutineState::kReady;
    switch (row.type) {
        case EventType::kSpawn:
        case EventType::kWake:
            return look_of(coroutine);
        case EventType::kResume:
            coroutine.state = wire::CoroutineState::kRunning;
            return look_of(coroutine);
        case EventType::kSuspend:
            break;
        default:
            return Look::kFree;
    }
    for (std::uint8_t number = 0; number < wire::kWaitReasonsCount; ++number) {
        coroutine.reason = static_cast<wire::WaitReason>(number);
        if (row.detail == inspect::reason_name(coroutine.reason)) break;
    }
    if (coroutine.reason != wire::WaitReason::kYield) coroutine.state = wire::CoroutineState::kParked;
    return look_of(coroutine);
}

EventSpot spot_of(const EventWindow& window, std::size_t row) {
    EventSpot spot;
    if (row >= window.rows.size()) return spot;
    spot.ticks = window.rows[row].ticks;
    while (spot.ordinal < row && window.rows[row - spot.ordinal - 1].ticks == spot.ticks)
        ++spot.ordinal;
    return spot;
}

std::size_t row_of(const EventWindow& window, EventSpot spot) {
    const auto first = std::lower_bound(window.rows.begin(), window.rows.end(), spot.ticks,
                                        [](const rules::WindowRow& row, std::uint64_t ticks) { return row.ticks < ticks; });
    auto row = static_cast<std::size_t>(first - window.rows.begin());
    for (std::size_t i = 0; i < spot.ordinal && row < window.rows.size() && window.rows[row].ticks == spot.ticks; ++i)
        ++row;
    return row;
}

nlohmann::json to_json(const EventWindow& window) {
    rules::EventAnswer answer;
    for (const rules::WindowRow& row : window.rows)
        answer.rows.push_back(row.event);
    nlohmann::json rows = rules::to_json(answer)["events"];
    for (std::size_t i = 0; i < window.rows.size(); ++i)
        rows[i]["at_ns"] = window.rows[i].at;
    return {{"t_ns", window.t},
            {"until_now", window.until_now},
            {"more_before", window.more_before},
            {"more_after", window.more_after},
            {"known_from_ns", window.known_from},
            {"known_to_ns", window.known_to},
            {"gaps", window.gaps},
            {"rows", std::move(rows)}};
}

}  // namespace coroscope::views
