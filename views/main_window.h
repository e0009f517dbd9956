// The whole window: top bar, panels or start page, status line, key sheet; and the actions that keys reach.
//
// app/ makes one of these, feeds it sessions and what it knows of the launched program, hands it chords, and calls draw() whenever
// something changed. Scripts use the same functions as keys and clicks do.
//
// Thread: the frame's. Tested off screen in tests/unit/app.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "views/actions.h"
#include "views/code_panel.h"
#include "views/palette.h"
#include "views/panels.h"
#include "views/past_saver.h"
#include "views/start_page.h"
#include "views/stepper.h"
#include "views/view.h"

namespace coroscope::views {

class MainWindow {
public:
    // `wake` asks for a frame, from any thread.
    explicit MainWindow(std::function<void()> wake);
    ~MainWindow();

    Workspace& workspace() { return ws_; }
    // Fonts and style for a scale; once, before the first frame.
    void set_up(const Theme& theme, float scale, TextureStore& textures);
    void set_theme(const Theme& theme);

    // Another session, or none (start page).
    void open(std::shared_ptr<traces::Session> session);
    // A chord that was pressed. True when it meant something.
    bool press(const std::string& chord);
    Actions& actions() { return actions_; }
    Panels& panels() { return panels_; }
    StartPage& start_page() { return start_page_; }
    View* view(const std::string& name);
    // Brings a view to the front, wherever it is; false for an unknown name.
    bool show(const std::string& view);
    // Arranges the panels as a preset says, or as it was rearranged by hand.
    bool use_preset(const std::string& name);
    // The preset in use, and what was rearranged by hand, by preset: remembered from one start to the next (app/saved_state.h).
    const std::string& preset() const { return preset_; }
    const std::map<std::string, std::string>& arranged() const { return arranged_; }
    void remember_arrangements(const std::string& preset, std::map<std::string, std::string> arranged);
    Palette& palette() { return palette_; }
    // How much larger everything is to be than the display's scale says. The loop builds fonts for it between two frames (set_up()).
    float zoom() const { return zoom_; }
    void set_zoom(float zoom);
    // True once after a picture of the window was asked for; the loop takes it and says where it is.
    bool take_picture_wish() { return std::exchange(picture_wanted_, false); }
    void say(const std::string& sentence, bool is_error);

    // Between ImGui::NewFrame() and ImGui::Render().
    void draw();
    // True when everything drawn is that of the newest Moment and nothing is under way.
    bool settled() const;
    // True while the session has a newer Moment than the one shown; draw() takes it when the background has caught its breath, so that
    // all views show one Moment and their models never take more than half of a processor.
    bool behind() const;
    // True when draw() would take it now.
    bool may_take() const;
    // While held, the Moment stays the one that is shown, so that a picture and a dump tell of the same.
    void hold(bool on) { held_ = on; }
    bool held() const { return held_; }
    // The row models of all visible views, the selection, the facts, the widgets.
    nlohmann::json dump();
    // What Ctrl+C copies: the hovered item, else the selected coroutine's stack as text.
    std::string copyable() const;

private:
    void add_views();
    void add_actions();
    void add_view_actions();
    void add_layout_actions();
    void add_finding_actions();
    void add_mark_actions();
    void add_window_actions();
    void take_choice(const PaletteHit& hit);
    void escape();
    void rearranged();
    void add_timeline_actions();
    void add_relation_actions();
    void add_hold_actions();
    void next_listening();
    bool can_hold() const;
    bool is_paused() const;
    void take_hold_state();
    void add_step_actions();
    void step_by_rule(rules::Direction direction);
    void take_steps();
    void add_save_action();
    void take_saved();
    void add_code_actions();
    void add_size_actions();
    void add_lint_actions();
    void add_past_actions();
    void take_size_answer();
    // The panel that shows code now.
    CodePanel& code_panel();
    std::string names_text();
    void take_newest();
    void draw_top_bar(Rect bar);
    void draw_session_title(Rect bar);
    float chips_height() const;
    void draw_chips(Rect bar);
    bool draw_chip(const std::string& name, const std::string& label, const std::string& value, const char* hint, float* x, Rect bar);
    void draw_time_bar(Rect bar);
    void draw_time_line(float x0, float x1, Rect bar, bool follows);
    // Where its buttons begin.
    float draw_program_buttons(Rect bar);
    float draw_launched_buttons(float x, float y);
    struct StatusItem;
    std::vector<StatusItem> status_items();
    void draw_status_line(Rect bar);
    void draw_notice(Rect area);
    void draw_key_sheet();

    Workspace ws_;
    std::map<std::string, std::unique_ptr<View>> views_;
    Panels panels_;
    Actions actions_;
    StartPage start_page_;
    Palette palette_;
    std::string preset_;
    std::map<std::string, std::string> arranged_;
    float zoom_ = 1;
    bool picture_wanted_ = false;
    bool held_ = false;
    Stepper stepper_;
    PastSaver saver_;
    std::string hold_sentence_;  // what came of the last wish
    std::map<std::string, float> status_widths_;  // of each value in the status line, at most
    std::uint64_t hold_said_ = 0, hold_steps_ = 0;  // of the session's HoldState, as taken last
    std::chrono::steady_clock::time_point taken_at_{}, idle_since_{};
    std::chrono::steady_clock::duration worked_{};  // that the present Moment took
    bool was_busy_ = false;
    bool key_sheet_open_ = false;
    bool key_sheet_focus_ = false;
    std::string key_sheet_filter_;
    std::string last_hovered_;
    std::chrono::steady_clock::time_point names_idle_at_{};
};

}  // namespace coroscope::views
