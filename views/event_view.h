// The events around the time that is looked at, as a table: what happened, on which worker, to whom, on what. It scrolls through a trace of any
// length, since it holds no more than some hundred rows on either side of where one looks and reads on when one comes near their end.
//
// The one filter says whose events are shown, or which, where it is a rule about events; a rule of its own narrows them further (mistakes show a
// caret), so do the range that is selected and, at a key, the selected coroutine or channel. A click selects
// whose event it is; a double click, or Enter, goes to its time. It follows the time that is looked at until one scrolls away.
//
// Publishes "events.filter", "events.of.0/1" (all, selected), "events.range", "events.further", "events.now" and "events.row.N", N counted within
// what is held. Row model: event_model.h; what it is made of: traces/rules/event_window.h.
//
// The frame's thread; the past is read on the searches'.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "views/columns.h"
#include "views/event_model.h"
#include "views/past_look.h"
#include "views/view.h"

namespace coroscope::views {

class EventView : public View {
public:
    const char* name() const override { return "events"; }
    const char* title() const override { return "Events"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return wanted_ && (look_.in_flight() || seen_ != look_.changes()); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // All events, or those of the selected coroutine or channel.
    void toggle_mine() { mine_ = mine_ == 0 ? 1 : 0; }
    // The row before or after the chosen one.
    void step(Workspace& ws, int by);
    // To the time of the chosen row.
    void go(Workspace& ws);
    bool has_chosen() const { return chosen_.has_value(); }

private:
    struct Key {
        std::shared_ptr<const traces::Replay> replay;
        traces::TimeNs t = 0;
        std::string filter, object;
        std::uint64_t coroutine = 0;
        std::optional<TimeRange> range;
        std::uint64_t events_max = 0;
        std::shared_ptr<const PastFilter> whom;  // the one filter; nullptr = everybody
        std::string steps_by;                    // the same where it is a rule about events
        bool operator==(const Key&) const = default;
        // Asks the same of another, or later, past.
        bool wishes_as(const Key& other) const;
    };
    struct Found {
        rules::EventWindow window;
        std::string error;  // "" = none
    };
    Key key_for(Workspace& ws, std::shared_ptr<const traces::Replay> replay) const;
    rules::EventWindowWish wish_of(const Key& key) const;
    void follow(Workspace& ws);
    void read_filter(const Workspace& ws);
    void draw_head(Workspace& ws, const Found* found);
    void draw_range(Workspace& ws);
    void draw_rows(Workspace& ws, const rules::EventWindow& window);
    void keep_place(Workspace& ws, const rules::EventWindow& window, float row, float view);
    void draw_row(Workspace& ws, const rules::EventWindow& window, std::size_t number, std::span<const PlacedColumn> places);
    void read_on(const rules::EventWindow& window, float row, float view);
    void draw_nothing(Workspace& ws, const rules::EventWindow& window);

    PastLook<Key, Found> look_;
    Key asked_;
    bool wanted_ = false;  // the session has a past, and the view was drawn
    std::string typed_, filter_, steps_by_, mistake_;
    std::shared_ptr<const rules::Rule> rule_;
    int mine_ = 0;
    std::uint64_t events_max_ = rules::EventWindowWish().events_max;
    traces::TimeNs followed_ = -1, anchor_ = 0;  // the time that is looked at; around which rows are held
    bool away_ = false;                          // one has scrolled to another time
    std::uint64_t seen_ = 0;                     // of look_.changes()
    bool bring_now_ = false, bring_chosen_ = false;
    EventSpot top_;         // the uppermost row on the screen
    float top_offset_ = 0;  // how much of it is above
    std::optional<EventSpot> chosen_;
};

}  // namespace coroscope::views
