// See coroutine_model.h. Sorting goes by a 64-bit key a row; texts are ranked once by what names them (string, site, channel), not by row.
#include "views/coroutine_model.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "traces/awaited.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;

constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();

// Keys that order rows by a text which `name` (an identifier shared by rows) determines.
std::vector<std::uint64_t> text_keys(const std::vector<CoroutineImage>& rows,
                                     const std::function<std::uint64_t(const CoroutineImage&)>& name,
                                     const std::function<std::string(const CoroutineImage&)>& text) {
    std::unordered_map<std::uint64_t, std::size_t> seen;
    std::vector<std::pair<std::string, std::uint64_t>> texts;
    for (const CoroutineImage& row : rows) {
        if (seen.try_emplace(name(row), 0).second) texts.emplace_back(text(row), name(row));
    }
    std::sort(texts.begin(), texts.end());
    std::uint64_t rank = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i != 0 && texts[i].first != texts[i - 1].first) ++rank;
        seen[texts[i].second] = texts[i].first.empty() ? kLast : rank;
    }
    std::vector<std::uint64_t> keys(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        keys[i] = seen[name(rows[i])];
    return keys;
}

std::vector<std::uint64_t> sort_keys(const traces::Moment& moment, TableColumn column) {
    const StateImage& state = moment.state;
    const auto& rows = state.coroutines;
    const auto numbers = [&](auto&& key) {
        std::vector<std::uint64_t> keys(rows.size());
        for (std::size_t i = 0; i < rows.size(); ++i)
            keys[i] = key(rows[i]);
        return keys;
    };
    switch (column) {
        case TableColumn::kState:
            return text_keys(
                rows,
                [](const CoroutineImage& c) {
                    return static_cast<std::uint64_t>(c.state) << 16 |
                           static_cast<std::uint64_t>(c.reason) << 8 | c.worker;
                },
                [](const CoroutineImage& c) { return state_text(c); });
        case TableColumn::kIdentity:
            return numbers([](const CoroutineImage& c) { return c.identity; });
        case TableColumn::kName:
            return text_keys(
                rows, [](const CoroutineImage& c) { return std::uint64_t{c.name} << 32 | c.site; },
                [&](const CoroutineImage& c) { return std::string(state.coroutine_name(c)); });
        case TableColumn::kWaitsOn:
            return text_keys(
                rows,
                [](const CoroutineImage& c) {
                    const bool sleeps = c.reason == wire::WaitReason::kSleep;
                    return sleeps ? c.deadline_ticks | 1ULL << 63
                                  : static_cast<std::uint64_t>(c.reason) << 40 |
                                        static_cast<std::uint64_t>(c.state) << 32 | c.wait_object;
                },
                [&](const CoroutineImage& c) { return waits_on_text(state, c); });
        case TableColumn::kInState:
            return numbers([&](const CoroutineImage& c) {
                return static_cast<std::uint64_t>(in_state_ns(moment, c) + 1);
            });
        case TableColumn::kClass:
            return numbers([&](const CoroutineImage& c) { return slot_bytes_of(state, c); });
        case TableColumn::kStack:
            return numbers([&](const CoroutineImage& c) {
                const auto* stack = moment.stack_of(c);
                return stack != nullptr ? std::uint64_t{stack->used_bytes} + 1 : 0;
            });
        case TableColumn::kHighWater:
            return numbers([&](const CoroutineImage& c) { return moment.high_water_of(c); });
        case TableColumn::kWorker:
            return numbers([](const CoroutineImage& c) { return std::uint64_t{c.worker}; });
        case TableColumn::kSite:
            return text_keys(
                rows, [](const CoroutineImage& c) { return std::uint64_t{c.site}; },
                [&](const CoroutineImage& c) { return state.site_text(c.site); });
        case TableColumn::kWokenBy:
            return numbers([](const CoroutineImage& c) { return c.woken_by != 0 ? c.woken_by : kLast; });
    }
    return numbers([](const CoroutineImage& c) { return c.identity; });
}

}  // namespace

TableModel compute_table(std::shared_ptr<const traces::Moment> moment, const TableQuery& query) {
    TableModel model;
    model.query = query;
    const auto& rows = moment->state.coroutines;
    FilterMatch match = match_filter(*moment, query.filter);
    model.about_events = match.about_events;
    model.mistake = std::move(match.mistake);
    model.order.reserve(match.count);
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        if (match.by_position[i]) model.order.push_back(i);
    }
    std::vector<bool> pinned(query.pins.empty() ? 0 : rows.size());
    for (const std::uint64_t identity : query.pins) {
        const auto* row = moment->state.coroutine_of(identity);
        if (row == nullptr) continue;
        const auto position = static_cast<std::uint32_t>(row - rows.data());
        if (!match.by_position[position]) model.order.push_back(position);
        pinned[position] = true;
    }
    const std::vector<std::uint64_t> keys = sort_keys(*moment, query.column);
    std::sort(model.order.begin(), model.order.end(), [&](std::uint32_t a, std::uint32_t b) {
        if (!pinned.empty() && pinned[a] != pinned[b]) return bool{pinned[a]};
        if (keys[a] != keys[b]) {
            // What says nothing stays at the end, whichever way the rest is sorted.
            if (keys[a] == kLast || keys[b] == kLast) return keys[b] == kLast;
            return query.descending ? keys[a] > keys[b] : keys[a] < keys[b];
        }
        return rows[a].identity < rows[b].identity;
    });
    model.moment = std::move(moment);
    return model;
}

std::string table_cell(const traces::Moment& moment, const CoroutineImage& coroutine, TableColumn column) {
    const StateImage& state = moment.state;
    switch (column) {
        case TableColumn::kState:
            return state_text(coroutine);
        case TableColumn::kIdentity:
            return std::to_string(coroutine.identity);
        case TableColumn::kName:
            return std::string(state.coroutine_name(coroutine));
        case TableColumn::kWaitsOn:
            return waits_on_text(state, coroutine);
        case TableColumn::kInState: {
            const std::int64_t ns = in_state_ns(moment, coroutine);
            return ns < 0 ? std::string() : format_duration(ns);
        }
        case TableColumn::kClass:
            return stack_classes_text(state, coroutine);
        case TableColumn::kStack: {
            const auto* stack = moment.stack_of(coroutine);
            return stack != nullptr && stack->consistency == inspect::Consistency::kExact
                       ? format_bytes(stack->used_bytes)
                       : std::string();
        }
        case TableColumn::kHighWater:
            return coroutine.high_water_bytes != 0 ? format_bytes(moment.high_water_of(coroutine))
                                                   : std::string();
        case TableColumn::kWorker:
            return std::to_string(coroutine.worker);
        case TableColumn::kSite:
            return state.site_text(coroutine.site);
        case TableColumn::kWokenBy:
            return traces::woken_text(state, coroutine);
    }
    return {};
}

const char* column_title(TableColumn column) {
    static constexpr const char* kTitles[kTableColumnsCount] = {"state",    "id",    "name",  "waits on",
                                                                "in state", "class", "stack", "high water",
                                                                "worker",   "site",  "woken"};
    return kTitles[static_cast<std::size_t>(column)];
}

bool column_is_number(TableColumn column) {
    return column == TableColumn::kIdentity || column == TableColumn::kInState ||
           column == TableColumn::kStack || column == TableColumn::kHighWater ||
           column == TableColumn::kWorker;
}

nlohmann::json to_json(const TableModel& model, std::size_t rows_max) {
    const traces::Moment& moment = *model.moment;
    nlohmann::json rows = nlohmann::json::array();
    for (const std::uint32_t position : model.order) {
        if (rows.size() == rows_max) break;
        const CoroutineImage& coroutine = moment.state.coroutines[position];
        const auto* stack = moment.stack_of(coroutine);
        nlohmann::json row = {
            {"id", coroutine.identity},
            {"name", moment.state.coroutine_name(coroutine)},
            {"state", inspect::state_name(coroutine.state)},
            {"reason", inspect::reason_name(coroutine.reason)},
            {"waits_on", waits_on_text(moment.state, coroutine)},
            {"class", size_class_text(moment.state, coroutine)},
            {"pool", coroutine.pool},
            {"slot", coroutine.slot},
            {"worker", coroutine.worker},
            {"spawner", coroutine.spawner},
            {"woken_by", coroutine.woken_by},
            {"woken", traces::woken_text(moment.state, coroutine)},
            {"site", moment.state.site_text(coroutine.site)},
            {"in_state_ns", in_state_ns(moment, coroutine)},
            {"high_water_bytes", moment.high_water_of(coroutine)},
            {"grown_in_place", (coroutine.flags & wire::kCoroutineGrown) != 0},
            {"stack_classes", stack_classes_text(moment.state, coroutine)},
            {"site_use", site_use_text(moment.state, coroutine.site)},
            {"consistency",
             inspect::consistency_name(stack != nullptr ? stack->consistency : coroutine.consistency)}};
        if (stack != nullptr) row["stack_used_bytes"] = stack->used_bytes;
        rows.push_back(std::move(row));
    }
    return {{"total", moment.state.coroutines.size()},
            {"shown", model.order.size()},
            {"filter", model.query.filter},
            {"mistake", model.mistake},
            {"about_events", model.about_events},
            {"sorted_by", column_title(model.query.column)},
            {"descending", model.query.descending},
            {"rows", std::move(rows)}};
}

}  // namespace coroscope::views
