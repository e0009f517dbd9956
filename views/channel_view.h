// Channels: how full each is, what went through it, who waits at it and for how long; below, more of the one chosen: its depth over time, its
// waiters and whoever holds it. A click on a row selects the channel, one on a person the coroutine.
//
// Publishes "channels.row.N" (N counts the rows shown), "channels.header.N", "channels.filter", "channels.waiter.N", "channels.holder.N" and
// "channels.depth".
//
// The frame's thread. What it shows: channel_model.h; of recorded programs also traces/analyses/channel_past.h.
#pragma once

#include <deque>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "traces/analyses/channel_past.h"
#include "views/channel_model.h"
#include "views/chart.h"
#include "views/past_look.h"
#include "views/sort_titles.h"
#include "views/view.h"

namespace coroscope::views {

class ChannelView : public View {
public:
    const char* name() const override { return "channels"; }
    const char* title() const override { return "Channels"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return busy_; }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

private:
    // What is shown, and what it was made of.
    using Key = std::tuple<std::shared_ptr<const traces::Moment>, std::string, SortedBy, std::uint64_t, std::string>;
    struct Shown {
        std::shared_ptr<const traces::Moment> moment;
        std::shared_ptr<const ChannelModel> model;
        std::vector<std::uint32_t> order;
        ChannelDetail detail;
    };
    struct Found {
        std::optional<analyses::ChannelPast> past;
        std::string error;
    };
    void take(Workspace& ws);
    void follow_selection(const Workspace& ws, const ChannelModel& model);
    void draw_head(Workspace& ws, const Shown& shown);
    void draw_rows(Workspace& ws, const Shown& shown, float height);
    void draw_row(Workspace& ws, const ChannelRow& row, std::size_t number, std::span<const PlacedColumn> places, float height);
    void draw_fill(Workspace& ws, const ChannelRow& row, const PlacedColumn& place, ImVec2 at, float height);
    void draw_detail(Workspace& ws, const ChannelDetail& detail);
    void draw_depth(Workspace& ws, const ChannelRow& row, Rect area);
    void draw_parties(Workspace& ws, const char* title, const char* widget, const std::vector<ChannelParty>& parties, std::uint64_t left_out,
                      const char* nobody, ImVec2 size);

    Key key(const Workspace& ws) const { return {ws.moment, typed_, sorted_, chosen_, ws.filter}; }
    Computed<Key, Shown> computed_;
    std::shared_ptr<const Shown> shown_;
    std::string typed_;
    SortedBy sorted_{static_cast<std::size_t>(ChannelColumn::kSent), true};
    std::uint64_t chosen_ = 0;  // identity
    std::uint64_t selection_seen_ = 0;
    PastLook<std::pair<std::shared_ptr<const traces::Replay>, std::uint64_t>, Found> past_;
    std::shared_ptr<const traces::Replay> replay_;
    std::deque<std::pair<traces::TimeNs, float>> trail_;  // depth of the chosen one, a point a look
    bool busy_ = false;
};

}  // namespace coroscope::views
