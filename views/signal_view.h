// Signals: what came to the program or was raised in it, and what became of it. Below the table, of the chosen signal or of all: what came, newest
// first, out of the past; the handlers that run; how long first instructions had to wait; and which threads block what.
//
// Publishes "signals.filter", "signals.header.N", "signals.row.N", "signals.show.N" (the part below), "signals.event.N" and "signals.handler.N".
// Row model: signal_model.h. The frame's thread; the past is read on the searches', the masks in the background.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "traces/rules/event_window.h"
#include "views/past_look.h"
#include "views/signal_model.h"
#include "views/sort_titles.h"
#include "views/view.h"

namespace coroscope::views {

class SignalView : public View {
public:
    const char* name() const override { return "signals"; }
    const char* title() const override { return "Signals"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return busy_; }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // The next of the parts below the table.
    void next_part() { part_ = (part_ + 1) % kPartsCount; }

private:
    enum Part : int { kCame, kHandlers, kLatency, kThreads, kPartsCount };
    using Key = std::tuple<std::shared_ptr<const traces::Moment>, std::string, SortedBy>;
    struct Shown {
        SignalModel model;
        std::vector<std::uint32_t> order;
    };
    struct PastKey {
        std::shared_ptr<const traces::Replay> replay;
        traces::TimeNs t = 0;
        std::string signal;  // its name; "" = all
        std::optional<TimeRange> range;
        bool operator==(const PastKey&) const = default;
    };
    struct Came {
        rules::EventWindow window;
        std::string error;  // "" = none
    };
    // Of a running program, at one of its moments.
    using MasksKey = std::pair<std::uint32_t, std::shared_ptr<const traces::Moment>>;
    struct Masks {
        std::optional<inspect::SignalMasks> masks;
        std::string error;
    };

    Key key(const Workspace& ws) const { return {ws.moment, typed_, sorted_}; }
    static Shown compute(const Key& key);
    static rules::EventWindowWish wish_of(const PastKey& key);
    PastKey past_key(Workspace& ws) const;
    const traces::SignalStat* chosen(const SignalModel& model) const;
    void draw_head(Workspace& ws, const SignalModel& model);
    void draw_rows(Workspace& ws, const Shown& shown, float height);
    void draw_row(Workspace& ws, const Shown& shown, std::size_t number, std::span<const PlacedColumn> places, float height);
    void draw_part(Workspace& ws, const SignalModel& model);
    void draw_came(Workspace& ws);
    void draw_event(Workspace& ws, const rules::EventWindow& window, std::size_t number, std::span<const PlacedColumn> places, float height);
    void draw_handlers(Workspace& ws, const SignalModel& model);
    void draw_latency(Workspace& ws, const SignalModel& model);
    void draw_threads(Workspace& ws);

    Computed<Key, Shown> shown_;
    PastLook<PastKey, Came> came_;
    Computed<MasksKey, Masks> masks_;
    std::string typed_;
    std::string chosen_;  // name of the signal that a click chose; "" = all
    SortedBy sorted_{static_cast<std::size_t>(SignalColumn::kArrived), true};
    int part_ = kCame;
    bool busy_ = false;
};

}  // namespace coroscope::views
