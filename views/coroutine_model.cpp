// See coroutine_model.h. Sorting goes by a 64-bit key a row; texts are ranked once by what names them (string, site, channel), not by row.
#include "views/coroutine_model.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <limits>
#include <unordered_map>

#include <nlohmann/json.hpp>

#include "traces/awaited.h"
#include "traces/rules/filter.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;

constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();

std::vector<std::string> words_of(const std::string& filter) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : filter + " ") {
        if (c != ' ' && c != '\t') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::exchange(word, {}));
        }
    }
    return words;
}

std::uint64_t mix_hash(std::uint64_t hash, std::uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
    return hash * 0xff51afd7ed558ccdULL;
}

// Which words a row matches depends on few things that thousands of rows share; the answer is kept by them.
class Filter {
public:
    Filter(const StateImage& state, const std::string& filter) : state_(state), words_(words_of(filter)) {
        if (words_.size() > 64) words_.resize(64);
        all_ = words_.size() == 64 ? ~0ULL : (1ULL << words_.size()) - 1;
    }
    bool accepts(const CoroutineImage& coroutine) {
        if (words_.empty()) return true;
        std::uint64_t matched = shared_matches(coroutine);
        if (matched == all_) return true;
        const std::string identity = std::to_string(coroutine.identity);
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if (identity.find(words_[i]) != std::string::npos) matched |= 1ULL << i;
        }
        return matched == all_;
    }

private:
    std::uint64_t shared_matches(const CoroutineImage& coroutine) {
        std::uint64_t key = mix_hash(coroutine.name, coroutine.site);
        key = mix_hash(key, static_cast<std::uint64_t>(coroutine.state) |
                                static_cast<std::uint64_t>(coroutine.reason) << 8 |
                                std::uint64_t{coroutine.pool} << 16 | std::uint64_t{coroutine.worker} << 24);
        key = mix_hash(key, coroutine.wait_object);
        key = mix_hash(key, coroutine.flags & (wire::kCoroutineGrown | wire::kCoroutineSegments));
        if (coroutine.reason == wire::WaitReason::kSleep)
            key = mix_hash(key, 1);  // deadlines are no text to look for
        const auto [entry, added] = matches_.try_emplace(key, 0);
        if (!added) return entry->second;
        std::string text(state_.coroutine_name(coroutine));
        text += '\n' + state_text(coroutine) + '\n' + inspect::state_name(coroutine.state) + '\n' +
                state_.site_text(coroutine.site) + '\n';
        text += size_class_text(state_, coroutine);
        if ((coroutine.flags & wire::kCoroutineGrown) != 0) text += ", grown in place";
        if ((coroutine.flags & wire::kCoroutineSegments) != 0) text += ", segments";
        if (coroutine.reason != wire::WaitReason::kSleep) text += '\n' + waits_on_text(state_, coroutine);
        for (std::size_t i = 0; i < words_.size(); ++i) {
            if (contains_folded(text, words_[i])) entry->second |= 1ULL << i;
        }
        return entry->second;
    }

    const StateImage& state_;
    std::vector<std::string> words_;
    std::uint64_t all_ = 0;
    std::unordered_map<std::uint64_t, std::uint64_t> matches_;
};

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

bool contains_folded(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

TableModel compute_table(std::shared_ptr<const traces::Moment> moment, const TableQuery& query) {
    TableModel model;
    model.query = query;
    const auto& rows = moment->state.coroutines;
    model.order.reserve(rows.size());
    model.about_events = rules::is_about_events(query.filter);
    if (rules::reads_as_rule(query.filter) && !model.about_events) {
        auto found = rules::coroutines_that_match(*moment, query.filter);
        if (found) model.order = std::move(*found);
        if (!found) model.mistake = found.error().message;
    } else {
        Filter filter(moment->state, model.about_events ? std::string() : query.filter);
        for (std::uint32_t i = 0; i < rows.size(); ++i) {
            if (filter.accepts(rows[i])) model.order.push_back(i);
        }
    }
    const std::vector<std::uint64_t> keys = sort_keys(*moment, query.column);
    std::sort(model.order.begin(), model.order.end(), [&](std::uint32_t a, std::uint32_t b) {
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
    static constexpr const char* kTitles[kTableColumnsCount] = {"State",    "Id",    "Name",  "Waits on",
                                                                "In state", "Class", "Stack", "High water",
                                                                "Worker",   "Site",  "Woken"};
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
