// Row model of the messages: which of what was said around a moment pass the filter.
//
// Pure functions; any thread. Tested in tests/unit/views/message_model_test.cpp.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "traces/told_past.h"
#include "views/workspace.h"

namespace coroscope::views {

struct MessageRows {
    std::vector<std::uint32_t> order;  // positions in said.rows
    std::size_t until_now = 0;         // of them, those up to the moment
};
// All words of the filter must occur, in the text or in the name or identity of who said it. `whom`: the one filter, of who said it; nullptr =
// anybody. `range`: of when.
MessageRows filter_messages(const traces::Said& said, const std::string& filter, const PastFilter* whom = nullptr,
                            const std::optional<TimeRange>& range = std::nullopt);

// "73 librarian", "worker 1", "a thread".
std::string speaker_text(const traces::SaidRow& row);
// "3.319903 s".
std::string said_at_text(traces::TimeNs t);
std::string counter_text(const traces::CounterPast& counter);

nlohmann::json to_json(const traces::Said& said, const MessageRows& rows);
nlohmann::json to_json(const traces::SaidBy& said);

}  // namespace coroscope::views
