// Row model of the coroutine table: which coroutines are listed, in which order, and what their cells say.
//
// The order is a vector of positions in Moment::state.coroutines, computed off the frame; cells are made into text only for rows that can
// be seen. Filters: coroutine_filter.h ("grown" and "segments" find stacks that grew).
//
// Pure functions; any thread. 100,000 rows: 20-60 ms to sort by text, less by number. Tested in
// tests/unit/views/coroutine_model_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/moment.h"
#include "views/coroutine_filter.h"

namespace coroscope::views {

enum class TableColumn : std::uint8_t {
    kState,
    kIdentity,
    kName,
    kWaitsOn,
    kInState,
    kClass,
    kStack,
    kHighWater,
    kWorker,
    kSite,
    kWokenBy
};
inline constexpr int kTableColumnsCount = 11;

struct TableQuery {
    TableColumn column = TableColumn::kIdentity;
    bool descending = false;
    std::string filter;
    std::vector<std::uint64_t> pins = {};  // identities that stand first, whether they pass the filter or not
    bool operator==(const TableQuery&) const = default;
};

struct TableModel {
    std::shared_ptr<const traces::Moment> moment;  // whose coroutines `order` names
    TableQuery query;
    std::vector<std::uint32_t> order;
    bool about_events = false;  // the filter is a rule about events: it filters nothing, and is there to be stepped by
    std::string mistake;  // in the filter, where it is a rule: a sentence, the rule, a caret; "" = none
};

TableModel compute_table(std::shared_ptr<const traces::Moment> moment, const TableQuery& query);

// What a cell says. Empty where nothing is known or nothing applies.
std::string table_cell(const traces::Moment& moment, const inspect::CoroutineImage& coroutine,
                       TableColumn column);
// Heading of a column, and whether its cells are numbers (right-aligned).
const char* column_title(TableColumn column);
bool column_is_number(TableColumn column);

// Rows as objects, at most `rows_max`, with the count of all.
nlohmann::json to_json(const TableModel& model, std::size_t rows_max);

}  // namespace coroscope::views
