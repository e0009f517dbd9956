// The Workspace: what all views of one window share.
//
// One session, one Moment, one selection, one theme; the rectangles of everything that can be clicked (so that scripts and tests
// name widgets and hard-code no position); what is hovered, as text; requests to app/. Views own everything else
// themselves.
//
// Thread: the frame's, but for `background`, whose jobs own what they read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/inspect/source_map.h"
#include "traces/analysis.h"
#include "traces/session.h"
#include "traces/size_rows.h"
#include "views/background.h"
#include "views/binary_place.h"
#include "views/coroutine_filter.h"
#include "views/notebook.h"
#include "views/past_history.h"
#include "views/requests.h"
#include "views/run_series.h"
#include "views/texture.h"
#include "views/theme.h"

namespace coroscope::views {

struct SlotId {
    std::uint8_t pool = 0;
    std::uint32_t slot = 0;
    bool operator==(const SlotId&) const = default;
};

// A stretch of the session's time, begin < end.
struct TimeRange {
    traces::TimeNs begin = 0, end = 0;
    bool operator==(const TimeRange&) const = default;
};

// The one selection. A coroutine that ended stays selected by identity, so that its absence can be said.
struct Selection {
    std::uint64_t coroutine = 0;  // identity; 0 = none
    std::optional<SlotId> slot;   // the slot clicked or the coroutine's own
    std::string channel;          // "channel:NAME"; "" = none
    std::optional<TimeRange> range;  // that views tell of; it stays when something else is selected; nullopt = all there is
    // Of the coroutine's stack, as listed; kOwnFrame: the innermost one that is the program's own (see own_frame()).
    static constexpr std::size_t kOwnFrame = SIZE_MAX;
    std::size_t frame = kOwnFrame;
    std::uint64_t changes = 0;  // grows with every change, so that views can scroll to it once
};

struct Rect {
    float x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

class Workspace {
public:
    explicit Workspace(std::function<void()> wake);
    ~Workspace();

    // ---- what is looked at
    std::shared_ptr<traces::Session> session;      // nullptr on the start page
    std::shared_ptr<const traces::Moment> moment;  // of this frame; nullptr before the first
    traces::SessionInfo info;                      // of this frame
    const traces::Stat* stat = nullptr;            // of a Moment not much older; nullptr before the first
    const traces::Waits* waits = nullptr;          // the same
    ProgramState program;
    StartLists lists;
    inspect::SourceMap sources;  // where source files lie on this machine (--source-map)
    // Adds to size rows what is proven from the binaries that their traces name; set by app/. Any thread; takes seconds. Empty: nothing is proven.
    std::function<std::vector<std::string>(traces::SizeRows&)> prove_sizes;
    std::vector<std::string> debug_paths;  // where separate debug files are looked for, besides the usual places
    // What the code view shows although nobody has to stand there, until something is selected.
    std::optional<BinaryPlace> code_place;
    bool code_in_front = false;  // the code view can be seen: others need not show code
    struct {
        std::string text;   // at which event one stands, or how far the search for the next one is; "" = nothing to say
        std::string event;  // "suspend"; "" = one stands at none
        std::uint64_t id = 0;  // of its coroutine
        bool busy = false;
    } step;                      // see stepper.h
    std::string notice;          // one sentence to show until dismissed; "" = none
    bool notice_is_error = false;
    std::set<std::string> muted_lints;  // analyses::Mutes; kept per user

    // Takes the newest Moment and info from the session and starts the shared analyses.
    void refresh();
    // The same for the Moment that is shown: info and analyses, but no other Moment.
    void refresh_analyses();
    // Asks for a frame, from any thread.
    const std::function<void()>& waker() const { return wake_; }
    // True when every shared analysis is that of `moment`.
    bool settled() const;
    void open(std::shared_ptr<traces::Session> next);  // nullptr: to the start page
    std::shared_ptr<const traces::Waits> shared_waits() const;
    // Facts by name for `wait-for` and the dump: "coroutines", "events", "lost", "status", "states.parked" ...
    nlohmann::json facts() const;

    // ---- selection
    const Selection& selection() const { return selection_; }
    void select_coroutine(std::uint64_t identity);
    void select_slot(SlotId slot);
    void select_channel(const std::string& channel);
    void select_frame(std::size_t frame);
    // nullopt, or a range that is empty: all there is.
    void select_range(std::optional<TimeRange> range);
    // What is selected; where nothing is, the range.
    void clear_selection();
    // What the selected coroutine waits for: a coroutine that it joins, who holds the lock, or a channel; called again while that channel is
    // selected, the next arm's of the select that one came from. Nothing where there is no such thing.
    void select_awaited();
    // Undo and redo of selections (navigation). False when there is nothing to go to.
    bool go_back();
    bool go_forward();
    bool can_go_back() const { return history_position_ > 0; }
    bool can_go_forward() const { return history_position_ + 1 < history_.size(); }
    // The selected coroutine as it is now; nullptr when none or when it is gone.
    const inspect::CoroutineImage* selected() const;

    // ---- the one filter: words or a rule (coroutine_filter.h), "" = everything. Views that list coroutines follow it.
    std::string filter;
    // What it matches in a Moment not much older; nullptr where nothing is filtered, or before the first answer.
    const FilterMatch* matching() const { return filter.empty() ? nullptr : matching_.value(); }
    // Whether the filter leaves somebody out, by what it matches so far; nobody where it filters nothing.
    bool left_out(std::uint64_t identity) const;
    // For views of the past: whom it lets through there; nullptr = everybody, or not known yet. Of a program that runs, and is not looked at in its
    // past, as of when it was typed: what is read would begin anew with each look otherwise.
    const std::shared_ptr<const PastFilter>& past_filter() const { return past_filter_; }

    // ---- who is lit: whom the mouse is over, in whatever view. A view says so while it draws; all see it until the next frame has said.
    void hover_coroutine(std::uint64_t identity) {
        if (identity != 0) hovering_ = identity;
    }
    bool lit(std::uint64_t identity) const { return identity != 0 && (identity == hovering_ || identity == hovered_coroutine_); }
    std::uint64_t hovered_coroutine() const { return hovering_ != 0 ? hovering_ : hovered_coroutine_; }
    // What was drawn as lit in the last frame, by the names of widgets; views say it while they draw.
    void show_lit(const std::string& widget) { lit_widgets_.push_back(widget); }
    const std::vector<std::string>& lit_widgets() const { return lit_widgets_; }

    // ---- pinned coroutines, by identity, oldest first: listed first, with lanes of their own; and the bookmarks
    const std::vector<std::uint64_t>& pins() const { return pins_; }
    bool is_pinned(std::uint64_t identity) const;
    void toggle_pin(std::uint64_t identity);
    Notebook notes;

    // ---- drawing
    const Theme* theme = nullptr;
    Fonts fonts;
    float scale = 1;
    bool tracy_mouse = false;  // the plain wheel zooms time, and scrolls with Ctrl: as in Tracy
    TextureStore* textures = nullptr;
    Background background;
    std::string view_wanted;  // set by a view: another one to show after this frame; "" = none
    Background searches;  // what may take seconds, each with a traces::Search by which it is cancelled: row models do not wait for it
    PastHistory history;  // of the trace that is looked at; behind the searches, so that it goes and cancels before they are waited for
    RunSeries run_series;
    // Device pixels of a length on the 4 px grid, whole.
    float px(float length) const { return static_cast<float>(static_cast<int>(length * scale + 0.5F)); }

    // ---- widgets by name, of the frame under way; published() also finds last frame's
    void begin_widgets();
    void publish(const std::string& name, Rect rect);
    std::optional<Rect> published(const std::string& name) const;
    std::vector<std::string> widget_names() const;

    // What lies under the mouse, as text for the status line and Ctrl+C.
    std::string hovered;

    // ---- to app/
    std::vector<Request> requests;
    // Asks for a frame, from any thread.
    const std::function<void()>& wake() const { return wake_; }
    // A further frame is wanted although nothing changed (hover, scrolling to a selection).
    int frames_wanted = 0;

private:
    void select(Selection next);
    void refresh_past_filter();

    std::function<void()> wake_;
    Selection selection_;
    std::uint64_t hovering_ = 0, hovered_coroutine_ = 0;  // by this frame, and by the one before
    std::vector<std::uint64_t> pins_;
    std::uint64_t arms_of_ = 0;  // whose select select_awaited() walks through; 0 = nobody's
    std::size_t arm_ = 0;        // which of its arms was selected last
    std::vector<Selection> history_;
    std::size_t history_position_ = 0;
    std::map<std::string, Rect> widgets_, widgets_before_;
    using MomentKey = std::shared_ptr<const traces::Moment>;
    Computed<MomentKey, traces::Stat> stat_;
    Computed<MomentKey, traces::Waits> waits_;
    using FilterKey = std::pair<MomentKey, std::string>;
    Computed<FilterKey, FilterMatch> matching_;
    Computed<FilterKey, std::shared_ptr<const PastFilter>> past_filtered_;
    std::shared_ptr<const PastFilter> past_filter_;
    std::vector<std::string> lit_widgets_;
};

}  // namespace coroscope::views
