// Messages: what the program says itself (cprime/tell.h) around the moment looked at, and its counters with their values at that moment. A click on
// a row selects who said it and goes to when.
//
// Publishes "messages.filter", "messages.earlier", "messages.row.N" and "messages.counter.N". Row model: message_model.h; what it is made of, and
// how far it reaches: traces/told_past.h.
//
// The frame's thread; the past is read on the searches'.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "views/columns.h"
#include "views/message_model.h"
#include "views/past_look.h"
#include "views/view.h"

namespace coroscope::views {

class MessageView : public View {
public:
    const char* name() const override { return "messages"; }
    const char* title() const override { return "Messages"; }
    void draw(Workspace& ws) override;
    bool busy() const override {
        return wanted_ && (look_.in_flight() || rows_of_ != look_.changes() || typed_ != filter_);
    }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

private:
    struct Key {
        std::shared_ptr<const traces::Replay> replay;
        traces::TimeNs t = 0;
        std::size_t before = 0;
        bool operator==(const Key&) const = default;
    };
    void draw_head(Workspace& ws, const traces::Said* said);
    void draw_rows(Workspace& ws, const traces::Said& said, float height);
    void draw_row(Workspace& ws, const traces::SaidRow& row, std::size_t number, bool later,
                  std::span<const PlacedColumn> places);
    void draw_counters(Workspace& ws, const traces::Said& said);
    void draw_counter(Workspace& ws, const traces::CounterPast& counter, traces::TimeNs now,
                      std::size_t number);

    PastLook<Key, traces::Said> look_;
    bool wanted_ = false;  // the session has a past, and the view was drawn
    std::size_t before_ = traces::TellLimits().before;
    std::string typed_, filter_;
    std::shared_ptr<const PastFilter> whom_;  // the one filter, and the range, that rows_ is of
    std::optional<TimeRange> range_;
    std::uint64_t rows_of_ = 0;  // of which of the look's values rows_ is the filtered list
    MessageRows rows_;
    traces::TimeNs scrolled_to_ = -1;  // the moment that was brought into view
};

}  // namespace coroscope::views
