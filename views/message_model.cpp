// See message_model.h.
#include "views/message_model.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/coroutine_model.h"

namespace coroscope::views {

std::string speaker_text(const traces::SaidRow& row) {
    if (row.coroutine != 0) return fmt::format("{} {}", row.coroutine, row.name);
    return row.worker != wire::kNone ? fmt::format("worker {}", row.worker) : "a thread";
}

std::string said_at_text(traces::TimeNs t) {
    return fmt::format("{:.6f} s", static_cast<double>(t) * 1e-9);
}

std::string counter_text(const traces::CounterPast& counter) {
    return counter.real ? fmt::format("{:g}", counter.value)
                        : fmt::format("{}", static_cast<std::int64_t>(counter.value));
}

MessageRows filter_messages(const traces::Said& said, const std::string& filter, const PastFilter* whom, const std::optional<TimeRange>& range) {
    std::vector<std::string> words;
    std::istringstream typed(filter);
    for (std::string word; typed >> word;)
        words.push_back(word);
    MessageRows rows;
    for (std::uint32_t i = 0; i < said.rows.size(); ++i) {
        const traces::SaidRow& row = said.rows[i];
        if (range.has_value() && (row.t < range->begin || row.t > range->end)) continue;
        if (whom != nullptr && !whom->passes(row.coroutine, row.name, "")) continue;
        const std::string speaker = words.empty() ? std::string() : speaker_text(row);
        const bool passes = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
            return contains_folded(row.text, word) || contains_folded(speaker, word);
        });
        if (!passes) continue;
        rows.order.push_back(i);
        if (i < said.until_now) ++rows.until_now;
    }
    return rows;
}

nlohmann::json to_json(const traces::Said& said, const MessageRows& shown) {
    nlohmann::json rows = nlohmann::json::array(), counters = nlohmann::json::array();
    for (const std::uint32_t at : shown.order) {
        const traces::SaidRow& row = said.rows[at];
        rows.push_back({{"t_ns", row.t},
                        {"kind", row.is_note ? "note" : "message"},
                        {"id", row.coroutine == 0 ? nlohmann::json(nullptr) : nlohmann::json(row.coroutine)},
                        {"name", row.name},
                        {"text", row.text}});
    }
    for (const traces::CounterPast& counter : said.counters) {
        nlohmann::json value = counter.value;
        if (!counter.real) value = static_cast<std::int64_t>(counter.value);
        counters.push_back({{"name", counter.name},
                            {"value", std::move(value)},
                            {"at_ns", counter.at},
                            {"points", counter.points.size()}});
    }
    return {{"past", true},
            {"t_ns", said.t},
            {"until_now", shown.until_now},
            {"more_before", said.more_before},
            {"more_after", said.more_after},
            {"rows", std::move(rows)},
            {"counters", std::move(counters)}};
}

nlohmann::json to_json(const traces::SaidBy& said) {
    nlohmann::json zones = nlohmann::json::array(), notes = nlohmann::json::array(),
                   messages = nlohmann::json::array();
    for (const traces::OpenZone& zone : said.zones)
        zones.push_back({{"name", zone.name}, {"since_ns", zone.since}});
    for (const traces::SaidRow& row : said.notes)
        notes.push_back({{"t_ns", row.t}, {"text", row.text}});
    for (const traces::SaidRow& row : said.messages)
        messages.push_back({{"t_ns", row.t}, {"text", row.text}});
    return {{"zones", std::move(zones)},
            {"notes", std::move(notes)},
            {"messages", std::move(messages)},
            {"complete", said.complete}};
}

}  // namespace coroscope::views
