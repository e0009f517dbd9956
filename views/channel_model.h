// Row model of the channels view: every channel that lives, how full it is, what went through it, who waits at it; and more of the one chosen.
//
// A coroutine that waits in a select waits at the channel of each of its arms; `senders_waiting` and `receivers_waiting` are the record's, and
// count those as well. How long somebody waits is known where events were heard when the wait began.
//
// Thread: pure functions; any. compute_channels() visits every coroutine and handle once: off the frame. Tested in
// tests/unit/views/channel_model_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "traces/moment.h"

namespace coroscope::views {

struct ChannelRow {
    std::uint32_t index = wire::kNone;
    std::uint64_t identity = 0;
    std::string name;  // "channel:rows"
    std::uint64_t creator = 0;
    std::string maker;  // "parser (12)", "12, which has ended"; "" = a thread outside, or not known
    std::uint32_t length = 0, capacity = 0, element_bytes = 0;
    std::uint64_t sent = 0, received = 0;
    std::uint32_t senders_waiting = 0, receivers_waiting = 0;
    std::uint32_t sender_handles = 0, receiver_handles = 0;
    std::uint64_t waits_longest_ns = 0;  // of those whose begin is known
    std::uint64_t waits_longest = 0;     // identity; 0 = of nobody it is known
    double rate = -1;                    // items received a second since the look before; -1 = there is none
    bool closed = false;
    bool exact = true;

    std::uint64_t waiting() const { return std::uint64_t{senders_waiting} + receivers_waiting; }
    // 0..1; of an unbuffered one 0.
    double fill() const { return capacity == 0 ? 0 : static_cast<double>(length) / capacity; }
};

enum class ChannelColumn : std::uint8_t { kName, kFill, kSent, kReceived, kRate, kSenders, kReceivers, kWaits, kHandles, kMaker };
inline constexpr std::size_t kChannelColumnsCount = 10;

struct ChannelModel {
    traces::TimeNs t = 0;
    std::vector<ChannelRow> rows;  // by identity
};
// `before`: what was computed last, for the rates; nullptr = nothing.
ChannelModel compute_channels(const traces::Moment& moment, const ChannelModel* before);
// Positions of the rows that have all words of `filter` in name or maker, in the order asked for.
std::vector<std::uint32_t> order_channels(const ChannelModel& model, const std::string& filter, ChannelColumn by, bool descending);

// Somebody at a channel.
struct ChannelParty {
    std::uint64_t identity = 0;
    std::string name;
    std::string does;  // "sends", "receives", "selects: receives" ..., "may send", "may receive"
    std::int64_t waited_ns = -1;
};
struct ChannelDetail {
    ChannelRow row;
    std::vector<ChannelParty> waiters;  // who waits longest first; at most kPartiesMost
    std::vector<ChannelParty> holders;  // who held or used its handles last
    std::uint64_t waiters_left_out = 0, holders_left_out = 0, outside_holders = 0;
    std::uint64_t waiters_filtered = 0, holders_filtered = 0;  // whom the filter leaves out
    static constexpr std::size_t kPartiesMost = 200;
};
// Of a channel that is gone the row's identity is 0. `filter`: coroutine_filter.h; of holders and waiters those who pass it.
ChannelDetail channel_detail(const traces::Moment& moment, const ChannelModel& model, std::uint64_t identity, const std::string& filter = {});

// Whether it is parked at that channel, by itself or in a select.
bool waits_at(const inspect::StateImage& state, const inspect::CoroutineImage& coroutine, std::uint32_t channel);

// "channel:rows · 12 of 128 items · 4 711 sent, 4 699 received · 3 wait to receive", for one line.
std::string channel_line(const ChannelRow& row);
nlohmann::json to_json(const ChannelRow& row);
nlohmann::json to_json(const ChannelDetail& detail);

}  // namespace coroscope::views
