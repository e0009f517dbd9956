// See top_table.h.
#include "app/top/top_table.h"

#include <algorithm>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "traces/awaited.h"

namespace coroscope::app {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;
using inspect::WorkerImage;
using wire::CoroutineState;

// Lints ask for looks that lie further apart than anything must last (analyses/lint_rules.h).
constexpr traces::TimeNs kLintsApartNs = 1'050'000'000;
constexpr std::size_t kEarlierMax = 64;

// What the coroutines of a site wait for: reason and object, which are names only once somebody asks.
struct Waits {
    std::map<std::pair<wire::WaitReason, std::uint32_t>, std::pair<std::uint64_t, const CoroutineImage*>> by_object;
};

std::string folded(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return text;
}

std::uint64_t sum_of(const StateImage& state, std::uint64_t WorkerImage::*counter) {
    std::uint64_t sum = 0;
    for (const WorkerImage& worker : state.workers)
        sum += worker.*counter;
    return sum;
}

double rate(std::uint64_t now, std::uint64_t before, double seconds) {
    return now < before ? kNotMeasured : static_cast<double>(now - before) / seconds;
}

nlohmann::json number_or_null(double value) {
    return value < 0 ? nlohmann::json(nullptr) : nlohmann::json(value);
}

void tell_wait(const StateImage& state, const Waits& waits, TopSite& row) {
    const std::pair<std::uint64_t, const CoroutineImage*>* most = nullptr;
    for (const auto& [object, who] : waits.by_object) {
        if (most == nullptr || who.first > most->first) most = &who;
    }
    if (most == nullptr) return;
    const CoroutineImage& one = *most->second;
    const std::string reason = inspect::reason_name(one.reason);
    const std::string object = one.reason == wire::WaitReason::kJoin ? "" : traces::awaited_text(state, one);
    row.why = object.empty() || object == reason || one.reason == wire::WaitReason::kSelect ||
                      one.reason == wire::WaitReason::kSleep
                  ? reason
                  : reason + " " + object;
    if (one.reason == wire::WaitReason::kSelect && object.starts_with("select(")) row.why = object;
    row.why_count = most->first;
}

}  // namespace

void TopFollower::poll() {
    MomentPtr moment = session_.moment();
    if (moment == nullptr || moment == now_) return;
    now_ = std::move(moment);
    ++looks_;
    const StateImage& state = now_->state;
    awake_.resize(std::max(awake_.size(), state.workers.size()));
    for (const WorkerImage& worker : state.workers) {
        if (worker.index >= awake_.size()) continue;
        if (worker.state == wire::WorkerState::kRunning || worker.state == wire::WorkerState::kScheduling)
            ++awake_[worker.index];
        const CoroutineImage* current = worker.state == wire::WorkerState::kRunning
                                            ? state.coroutine_at(worker.current)
                                            : nullptr;
        if (current != nullptr) ++ran_[current->site];
    }
}

double TopFollower::share(std::uint64_t samples, std::uint64_t of) const {
    return of == 0 ? kNotMeasured : static_cast<double>(samples) / static_cast<double>(of);
}

void TopFollower::add_sites(TopTable& table) const {
    const StateImage& state = now_->state;
    std::map<std::uint32_t, TopSite> rows;
    std::map<std::uint32_t, Waits> waits;
    for (const CoroutineImage& coroutine : state.coroutines) {
        TopSite& row = rows[coroutine.site];
        if (row.coroutines++ == 0) {
            row.site = state.site_text(coroutine.site);
            row.name = std::string(state.coroutine_name(coroutine));
            if (coroutine.pool < state.pools.size())
                row.size_class = inspect::size_class_name(state.pools[coroutine.pool].size_class);
        }
        row.stack_bytes = std::max(row.stack_bytes, now_->high_water_of(coroutine));
        row.running += coroutine.state == CoroutineState::kRunning;
        row.ready += coroutine.state == CoroutineState::kReady;
        if (coroutine.state != CoroutineState::kParked) continue;
        ++row.parked;
        const bool selects = coroutine.reason == wire::WaitReason::kSelect ||
                             coroutine.reason == wire::WaitReason::kSleep;
        auto& [count,
               one] = waits[coroutine.site].by_object[{coroutine.reason, selects ? 0 : coroutine.wait_object}];
        if (count++ == 0) one = &coroutine;
    }
    // Those that ran in between and have gone by now.
    for (const auto& [site, samples] : ran_) {
        if (rows.contains(site) || site >= state.sites.size()) continue;
        TopSite& row = rows[site];
        row.site = state.site_text(site);
        row.name = std::string(state.text(state.sites[site].name));
        row.size_class = inspect::size_class_name(state.sites[site].size_class);
    }
    const auto workers = static_cast<std::uint64_t>(
        std::count_if(state.workers.begin(), state.workers.end(),
                      [](const WorkerImage& worker) { return worker.state != wire::WorkerState::kAbsent; }));
    for (auto& [site, row] : rows) {
        const auto ran = ran_.find(site);
        row.running_share = share(ran == ran_.end() ? 0 : ran->second, looks_ * workers);
        if (site < state.sites.size())
            row.stack_bytes = std::max<std::uint64_t>(row.stack_bytes, state.sites[site].high_water_bytes);
        if (const auto wait = waits.find(site); wait != waits.end()) tell_wait(state, wait->second, row);
        table.sites.push_back(std::move(row));
    }
}

void TopFollower::add_workers(TopTable& table) const {
    const StateImage& state = now_->state;
    for (const WorkerImage& worker : state.workers) {
        if (worker.state == wire::WorkerState::kAbsent) continue;
        TopWorker row;
        row.worker = worker.index;
        row.state = inspect::worker_state_name(worker.state);
        const CoroutineImage* current = worker.state == wire::WorkerState::kRunning
                                            ? state.coroutine_at(worker.current)
                                            : nullptr;
        if (current != nullptr) row.current = std::string(state.coroutine_name(*current));
        row.use = share(worker.index < awake_.size() ? awake_[worker.index] : 0, looks_);
        row.ready = worker.ready_length + worker.bound_length;
        table.workers.push_back(std::move(row));
    }
}

void TopFollower::add_channels(TopTable& table) const {
    const StateImage& state = now_->state;
    std::map<std::string, TopChannel> rows;
    for (const inspect::ChannelImage& channel : state.channels) {
        const bool named = channel.name != wire::kNone;
        TopChannel& row = rows[named ? state.channel_text(channel) : "channels without a name"];
        ++row.channels;
        row.length += channel.length;
        row.capacity += channel.capacity;
        row.senders_waiting += channel.senders_waiting;
        row.receivers_waiting += channel.receivers_waiting;
        row.sent += channel.sent;
    }
    std::map<std::string, std::uint64_t> sent_before;
    if (table_before_ != nullptr) {
        const StateImage& before = table_before_->state;
        for (const inspect::ChannelImage& channel : before.channels)
            sent_before[channel.name != wire::kNone ? before.channel_text(channel)
                                                    : "channels without a name"] += channel.sent;
    }
    const double seconds = table_before_ == nullptr ? 0
                                                    : static_cast<double>(now_->t - table_before_->t) * 1e-9;
    for (auto& [name, row] : rows) {
        row.name = name;
        if (seconds > 0) row.sent_per_second = rate(row.sent, sent_before[name], seconds);
        table.channels.push_back(std::move(row));
    }
    const auto weight = [](const TopChannel& row) { return row.senders_waiting + row.receivers_waiting; };
    std::stable_sort(table.channels.begin(), table.channels.end(),
                     [&](const TopChannel& a, const TopChannel& b) {
                         if ((a.senders_waiting != 0) != (b.senders_waiting != 0))
                             return a.senders_waiting != 0;  // nobody takes what they have
                         return weight(a) != weight(b) ? weight(a) > weight(b) : a.sent > b.sent;
                     });
}

void TopFollower::add_rates(TopTable& table) const {
    if (table_before_ == nullptr || now_->t <= table_before_->t) return;
    const double seconds = static_cast<double>(now_->t - table_before_->t) * 1e-9;
    const StateImage &now = now_->state, &before = table_before_->state;
    table.switches_per_second = rate(sum_of(now, &WorkerImage::switches),
                                     sum_of(before, &WorkerImage::switches), seconds);
    table.spawned_per_second = rate(sum_of(now, &WorkerImage::spawned) + now.outside_spawned,
                                    sum_of(before, &WorkerImage::spawned) + before.outside_spawned, seconds);
}

TopTable TopFollower::table() {
    TopTable table;
    const traces::SessionInfo info = session_.info();
    const StateImage& state = now_->state;
    table.title = info.title;
    table.status = info.status_text;
    table.t_ns = now_->t;
    table.live = info.kind == traces::SessionKind::kLive;
    table.listening = info.listening;
    table.events_per_second = info.events_per_second;
    table.looks = looks_;
    table.coroutines = state.coroutines.size();
    const traces::Stat stat = traces::compute_stat(session_, *now_);
    table.states = stat.states;
    table.lost = stat.lost;
    for (const traces::PoolStat& pool : stat.pools) {
        if (pool.slots != 0)
            table.pools.push_back(
                {pool.size_class, pool.purpose, pool.used, pool.slots, pool.high_water_slots});
    }
    add_sites(table);
    add_workers(table);
    add_channels(table);
    add_rates(table);
    const MomentPtr* before = nullptr;
    for (const MomentPtr& moment : earlier_) {
        if (now_->t - moment->t >= kLintsApartNs) before = &moment;
    }
    const traces::Waits waits = traces::compute_waits(*now_);
    table.lints = analyses::compute_lints(
        {*now_, stat, waits, before == nullptr ? nullptr : before->get(), !table.live});
    table.muted = analyses::take_muted(table.lints, mutes_);
    // Older ones than the one that was used are not needed any more.
    if (before != nullptr) earlier_.erase(earlier_.begin(), earlier_.begin() + (before - earlier_.data()));
    if (earlier_.size() >= kEarlierMax) earlier_.erase(earlier_.begin() + 1);
    if (earlier_.empty() || earlier_.back() != now_) earlier_.push_back(now_);
    table_before_ = now_;
    looks_ = 0;
    ran_.clear();
    awake_.clear();
    return table;
}

TopSort top_sort(const std::string& name) {
    const auto* found = std::find(std::begin(kTopSortNames), std::end(kTopSortNames), name);
    return found == std::end(kTopSortNames) ? TopSort::kRunning
                                            : static_cast<TopSort>(found - std::begin(kTopSortNames));
}

void sort_sites(std::vector<TopSite>& sites, TopSort sort) {
    const auto amount = [sort](const TopSite& row) {
        switch (sort) {
            case TopSort::kRunning:
                return row.running_share;
            case TopSort::kReady:
                return static_cast<double>(row.ready);
            case TopSort::kStack:
                return static_cast<double>(row.stack_bytes);
            case TopSort::kCoroutines:
            case TopSort::kName:
                break;
        }
        return static_cast<double>(row.coroutines);
    };
    std::stable_sort(sites.begin(), sites.end(), [&](const TopSite& a, const TopSite& b) {
        if (sort == TopSort::kName) return std::tie(a.name, a.site) < std::tie(b.name, b.site);
        const double left = amount(a), right = amount(b);
        if (left != right) return left > right;
        return a.coroutines != b.coroutines ? a.coroutines > b.coroutines : a.site < b.site;
    });
}

void filter_table(TopTable& table, const std::string& filter) {
    std::vector<std::string> words;
    std::istringstream typed(folded(filter));
    for (std::string word; typed >> word;)
        words.push_back(word);
    if (words.empty()) return;
    const auto lacks = [&](const std::string& text) {
        const std::string within = folded(text);
        return std::any_of(words.begin(), words.end(),
                           [&](const std::string& word) { return within.find(word) == std::string::npos; });
    };
    std::erase_if(table.sites, [&](const TopSite& row) {
        return lacks(row.name + " " + row.site + " " + row.size_class + " " + row.why);
    });
    std::erase_if(table.channels, [&](const TopChannel& row) { return lacks(row.name); });
    std::erase_if(table.lints.lints, [&](const analyses::Lint& lint) {
        return lacks(std::string(lint.says().id) + " " + lint.sentence);
    });
}

nlohmann::json to_json(const TopTable& table) {
    nlohmann::json workers = nlohmann::json::array(), sites = nlohmann::json::array(),
                   channels = nlohmann::json::array(), pools = nlohmann::json::array();
    for (const TopWorker& row : table.workers) {
        workers.push_back(
            {{"worker", row.worker},
             {"state", row.state},
             {"current", row.current.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.current)},
             {"use", number_or_null(row.use)},
             {"ready", row.ready}});
    }
    for (const TopSite& row : table.sites) {
        sites.push_back({{"site", row.site},
                         {"name", row.name},
                         {"class", row.size_class},
                         {"coroutines", row.coroutines},
                         {"running", row.running},
                         {"ready", row.ready},
                         {"parked", row.parked},
                         {"running_share", number_or_null(row.running_share)},
                         {"waits_for", row.why.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.why)},
                         {"waits_for_count", row.why_count},
                         {"stack_high_water_bytes", row.stack_bytes}});
    }
    for (const TopChannel& row : table.channels) {
        channels.push_back({{"channel", row.name},
                            {"channels", row.channels},
                            {"length", row.length},
                            {"capacity", row.capacity},
                            {"senders_waiting", row.senders_waiting},
                            {"receivers_waiting", row.receivers_waiting},
                            {"sent", row.sent},
                            {"sent_per_second", number_or_null(row.sent_per_second)}});
    }
    for (const TopPool& row : table.pools) {
        pools.push_back({{"class", row.size_class},
                         {"purpose", row.purpose},
                         {"used", row.used},
                         {"slots", row.slots},
                         {"high_water_slots", row.high_water}});
    }
    return {{"program", table.title},
            {"status", table.status},
            {"t_ns", table.t_ns},
            {"coroutines", table.coroutines},
            {"states", table.states},
            {"switches_per_second", number_or_null(table.switches_per_second)},
            {"spawned_per_second", number_or_null(table.spawned_per_second)},
            {"events_per_second", table.live && table.listening ? nlohmann::json(table.events_per_second)
                                                                : nlohmann::json(nullptr)},
            {"lost", table.lost},
            {"looks", table.looks},
            {"workers", std::move(workers)},
            {"sites", std::move(sites)},
            {"channels", std::move(channels)},
            {"pools", std::move(pools)},
            {"lints", to_json(table.lints, table.muted)}};
}

}  // namespace coroscope::app
