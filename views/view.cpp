// See view.h: a view's rows as text, from what it dumps.
#include "views/view.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace coroscope::views {
namespace {

const nlohmann::json* longest_list(const nlohmann::json& in) {
    const nlohmann::json* longest = in.is_array() && !in.empty() && in.front().is_object() ? &in : nullptr;
    if (!in.is_object()) return longest;
    for (const auto& item : in) {
        const nlohmann::json* found = longest_list(item);
        if (found != nullptr && (longest == nullptr || found->size() > longest->size())) longest = found;
    }
    return longest;
}

// A cell keeps to its line and column.
std::string cell_text(const nlohmann::json& cell) {
    if (cell.is_null()) return {};
    std::string text = cell.is_string() ? cell.get<std::string>()
                                        : cell.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::replace_if(text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
    return text;
}

}  // namespace

std::string rows_as_text(const nlohmann::json& dump) {
    const nlohmann::json* rows = longest_list(dump);
    if (rows == nullptr) return {};
    std::vector<std::string> keys;
    for (const auto& row : *rows) {
        for (const auto& [key, value] : row.items()) {
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
        }
    }
    std::string text;
    for (const std::string& key : keys)
        text += (text.empty() ? "" : "\t") + key;
    for (const auto& row : *rows) {
        text += '\n';
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (i != 0) text += '\t';
            if (const auto cell = row.find(keys[i]); cell != row.end()) text += cell_text(*cell);
        }
    }
    return text + '\n';
}

std::string View::copy_text(Workspace& ws) {
    return rows_as_text(dump(ws));
}

}  // namespace coroscope::views
