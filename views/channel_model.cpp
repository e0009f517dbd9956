// See channel_model.h.
#include "views/channel_model.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "views/coroutine_model.h"
#include "views/describe.h"
#include "views/format.h"

namespace coroscope::views {
namespace {

using inspect::CoroutineImage;
using inspect::StateImage;

std::string who(const StateImage& state, std::uint64_t identity) {
    if (identity == 0) return {};
    const CoroutineImage* coroutine = state.coroutine_of(identity);
    return coroutine != nullptr ? fmt::format("{} ({})", state.coroutine_name(*coroutine), identity)
                                : fmt::format("{}, which has ended", identity);
}

bool waits_at_channel(const CoroutineImage& coroutine) {
    return coroutine.state == wire::CoroutineState::kParked &&
           (coroutine.reason == wire::WaitReason::kChannelSend || coroutine.reason == wire::WaitReason::kChannelReceive);
}

// visit(channel index, coroutine, what it does there) for everybody who waits at a channel.
template <typename Visit>
void for_each_waiter(const StateImage& state, Visit&& visit) {
    for (const CoroutineImage& coroutine : state.coroutines) {
        if (waits_at_channel(coroutine)) {
            visit(coroutine.wait_object, coroutine, coroutine.reason == wire::WaitReason::kChannelSend ? "sends" : "receives");
        } else if (coroutine.state == wire::CoroutineState::kParked && coroutine.reason == wire::WaitReason::kSelect) {
            for (const inspect::SelectArmImage& arm : state.arms_of(coroutine))
                visit(arm.channel, coroutine, arm.receives ? "selects: receives" : "selects: sends");
        }
    }
}

double number_of(const ChannelRow& row, ChannelColumn column) {
    switch (column) {
        case ChannelColumn::kFill:
            return row.capacity == 0 ? -1 : row.fill();
        case ChannelColumn::kSent:
            return static_cast<double>(row.sent);
        case ChannelColumn::kReceived:
            return static_cast<double>(row.received);
        case ChannelColumn::kRate:
            return row.rate;
        case ChannelColumn::kSenders:
            return row.senders_waiting;
        case ChannelColumn::kReceivers:
            return row.receivers_waiting;
        case ChannelColumn::kWaits:
            return row.waits_longest == 0 ? -1 : static_cast<double>(row.waits_longest_ns);
        case ChannelColumn::kHandles:
            return static_cast<double>(row.sender_handles) + row.receiver_handles;
        case ChannelColumn::kName:
        case ChannelColumn::kMaker:
            break;
    }
    return 0;
}

bool matches(const ChannelRow& row, const std::string& filter) {
    std::size_t at = 0;
    while (at < filter.size()) {
        const std::size_t end = std::min(filter.find(' ', at), filter.size());
        const std::string word = filter.substr(at, end - at);
        at = end + 1;
        if (!word.empty() && !contains_folded(row.name, word) && !contains_folded(row.maker, word) &&
            !(row.closed && contains_folded("closed", word)))
            return false;
    }
    return true;
}

}  // namespace

ChannelModel compute_channels(const traces::Moment& moment, const ChannelModel* before) {
    const StateImage& state = moment.state;
    ChannelModel model;
    model.t = moment.t;
    std::unordered_map<std::uint32_t, std::size_t> by_index;
    for (const inspect::ChannelImage& channel : state.channels) {
        ChannelRow row;
        row.index = channel.index;
        row.identity = channel.identity;
        row.name = state.channel_text(channel);
        row.creator = channel.creator;
        row.maker = who(state, channel.creator);
        row.length = channel.length;
        row.capacity = channel.capacity;
        row.element_bytes = channel.element_bytes;
        row.sent = channel.sent;
        row.received = channel.received;
        row.senders_waiting = channel.senders_waiting;
        row.receivers_waiting = channel.receivers_waiting;
        row.sender_handles = channel.sender_handles;
        row.receiver_handles = channel.receiver_handles;
        row.closed = channel.closed;
        row.exact = channel.consistency == inspect::Consistency::kExact;
        model.rows.push_back(std::move(row));
    }
    std::sort(model.rows.begin(), model.rows.end(), [](const ChannelRow& a, const ChannelRow& b) { return a.identity < b.identity; });
    for (std::size_t i = 0; i < model.rows.size(); ++i)
        by_index.emplace(model.rows[i].index, i);
    for_each_waiter(state, [&](std::uint32_t index, const CoroutineImage& coroutine, const char*) {
        const auto found = by_index.find(index);
        const std::int64_t waited = in_state_ns(moment, coroutine);
        if (found == by_index.end() || waited < 0) return;
        ChannelRow& row = model.rows[found->second];
        if (row.waits_longest != 0 && row.waits_longest_ns >= static_cast<std::uint64_t>(waited)) return;
        row.waits_longest_ns = static_cast<std::uint64_t>(waited);
        row.waits_longest = coroutine.identity;
    });
    if (before == nullptr || before->t >= moment.t) return model;
    const double seconds = static_cast<double>(moment.t - before->t) * 1e-9;
    for (ChannelRow& row : model.rows) {
        const auto old = std::lower_bound(before->rows.begin(), before->rows.end(), row.identity,
                                          [](const ChannelRow& a, std::uint64_t identity) { return a.identity < identity; });
        const std::uint64_t had = old != before->rows.end() && old->identity == row.identity ? old->received : 0;
        row.rate = static_cast<double>(row.received - std::min(had, row.received)) / seconds;
    }
    return model;
}

std::vector<std::uint32_t> order_channels(const ChannelModel& model, const std::string& filter, ChannelColumn by, bool descending) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < model.rows.size(); ++i) {
        if (matches(model.rows[i], filter)) order.push_back(i);
    }
    const auto less = [&](std::uint32_t a, std::uint32_t b) {
        const ChannelRow &x = model.rows[a], &y = model.rows[b];
        if (by == ChannelColumn::kName) return x.name < y.name;
        if (by == ChannelColumn::kMaker) return x.maker < y.maker;
        return number_of(x, by) < number_of(y, by);
    };
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return descending ? less(b, a) : less(a, b); });
    return order;
}

ChannelDetail channel_detail(const traces::Moment& moment, const ChannelModel& model, std::uint64_t identity, const std::string& filter) {
    const StateImage& state = moment.state;
    ChannelDetail detail;
    const FilterMatch match = filter.empty() ? FilterMatch{} : match_filter(moment, filter);
    const auto left_out = [&](std::uint64_t who, std::uint64_t& count) {
        const bool out = !filter.empty() && !match.has(who);
        count += out ? 1 : 0;
        return out;
    };
    const auto found = std::find_if(model.rows.begin(), model.rows.end(), [&](const ChannelRow& row) { return row.identity == identity; });
    if (found == model.rows.end()) return detail;
    detail.row = *found;
    for_each_waiter(state, [&](std::uint32_t index, const CoroutineImage& coroutine, const char* does) {
        if (index == found->index && !left_out(coroutine.identity, detail.waiters_filtered))
            detail.waiters.push_back({coroutine.identity, std::string(state.coroutine_name(coroutine)), does, in_state_ns(moment, coroutine)});
    });
    std::stable_sort(detail.waiters.begin(), detail.waiters.end(),
                     [](const ChannelParty& a, const ChannelParty& b) { return a.waited_ns > b.waited_ns; });
    for (const inspect::HandleImage& handle : state.handles) {
        if (handle.channel != found->index) continue;
        if (handle.holder == 0) {
            ++detail.outside_holders;
            continue;
        }
        if (left_out(handle.holder, detail.holders_filtered)) continue;
        const bool sends = (handle.rights & wire::kHandleSend) != 0, receives = (handle.rights & wire::kHandleReceive) != 0;
        const CoroutineImage* holder = state.coroutine_of(handle.holder);
        detail.holders.push_back({handle.holder, holder != nullptr ? std::string(state.coroutine_name(*holder)) : "has ended",
                                  sends && receives ? "may send and receive"
                                  : sends           ? "may send"
                                                    : "may receive",
                                  -1});
    }
    const auto cut = [](std::vector<ChannelParty>& parties) {
        if (parties.size() <= ChannelDetail::kPartiesMost) return std::uint64_t{0};
        const std::uint64_t left = parties.size() - ChannelDetail::kPartiesMost;
        parties.resize(ChannelDetail::kPartiesMost);
        return left;
    };
    detail.waiters_left_out = cut(detail.waiters);
    detail.holders_left_out = cut(detail.holders);
    return detail;
}

bool waits_at(const StateImage& state, const CoroutineImage& coroutine, std::uint32_t channel) {
    if (waits_at_channel(coroutine)) return coroutine.wait_object == channel;
    if (coroutine.state != wire::CoroutineState::kParked || coroutine.reason != wire::WaitReason::kSelect) return false;
    const auto arms = state.arms_of(coroutine);
    return std::any_of(arms.begin(), arms.end(), [&](const inspect::SelectArmImage& arm) { return arm.channel == channel; });
}

std::string channel_line(const ChannelRow& row) {
    std::string line = row.name;
    if (row.capacity != 0) {
        line += fmt::format(" · {} of {} items", format_count(row.length), format_count(row.capacity));
    } else {
        line += " · unbuffered";
    }
    line += fmt::format(" · {} sent, {} received", format_count(row.sent), format_count(row.received));
    if (row.senders_waiting != 0) line += fmt::format(" · {} wait to send", format_count(row.senders_waiting));
    if (row.receivers_waiting != 0) line += fmt::format(" · {} wait to receive", format_count(row.receivers_waiting));
    if (row.waits_longest != 0)
        line += fmt::format(", {} longest: {}", row.waits_longest, format_duration(static_cast<std::int64_t>(row.waits_longest_ns)));
    if (row.closed) line += " · closed";
    if (!row.maker.empty()) line += " · made by " + row.maker;
    return line + (row.exact ? "" : " · changed while it was read");
}

nlohmann::json to_json(const ChannelRow& row) {
    return {{"identity", row.identity},
            {"name", row.name},
            {"maker", row.maker.empty() ? nlohmann::json(nullptr) : nlohmann::json(row.maker)},
            {"length", row.length},
            {"capacity", row.capacity},
            {"element_bytes", row.element_bytes},
            {"sent", row.sent},
            {"received", row.received},
            {"rate", row.rate < 0 ? nlohmann::json(nullptr) : nlohmann::json(row.rate)},
            {"senders_waiting", row.senders_waiting},
            {"receivers_waiting", row.receivers_waiting},
            {"sender_handles", row.sender_handles},
            {"receiver_handles", row.receiver_handles},
            {"waits_longest_ns", row.waits_longest == 0 ? nlohmann::json(nullptr) : nlohmann::json(row.waits_longest_ns)},
            {"waits_longest", row.waits_longest == 0 ? nlohmann::json(nullptr) : nlohmann::json(row.waits_longest)},
            {"closed", row.closed}};
}

nlohmann::json to_json(const ChannelDetail& detail) {
    if (detail.row.identity == 0) return nullptr;
    const auto parties = [](const std::vector<ChannelParty>& rows) {
        nlohmann::json out = nlohmann::json::array();
        for (const ChannelParty& party : rows)
            out.push_back({{"id", party.identity},
                           {"name", party.name},
                           {"does", party.does},
                           {"waited_ns", party.waited_ns < 0 ? nlohmann::json(nullptr) : nlohmann::json(party.waited_ns)}});
        return out;
    };
    return {{"channel", to_json(detail.row)},
            {"waiters", parties(detail.waiters)},
            {"waiters_left_out", detail.waiters_left_out},
            {"waiters_filtered", detail.waiters_filtered},
            {"holders_filtered", detail.holders_filtered},
            {"holders", parties(detail.holders)},
            {"outside_holders", detail.outside_holders}};
}

}  // namespace coroscope::views
