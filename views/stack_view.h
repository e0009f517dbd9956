// The stack of the selected coroutine: who it is, its frames, and the code of the selected frame unless the code view shows it; or all
// stacks, merged.
//
// Publishes "stack.mode.0/1" (one, all), "frame.N", what its code panel publishes, and "merged.N". What it dumps is
// traces::stacks_json, the function behind `coroscope stacks --json`, so that window and command line cannot differ.
//
// The frame's thread. Row models: stack_model.h; the code below the frames: code_panel.h.
#pragma once

#include <string>
#include <vector>

#include "views/code_panel.h"
#include "views/said_panel.h"
#include "views/stack_model.h"
#include "views/view.h"

namespace coroscope::views {

class StackView : public View {
public:
    const char* name() const override { return "stack"; }
    const char* title() const override { return "Stack"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return waiting_ || said_.busy() || merged_.in_flight() || (code_drawn_ && code_.busy()); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    std::string copy_text(Workspace& /*ws*/) override { return as_text(); }
    // The frames drawn last, as text; "" when none.
    std::string as_text() const { return shown_text_; }
    // Selects another frame of the stack.
    void move(Workspace& ws, int by);
    CodePanel& code() { return code_; }
    void toggle_merged() { mode_ = 1 - mode_; }

private:
    static constexpr const char* kModes[] = {"One", "All"};

    bool draw_running_look(Workspace& ws, const inspect::CoroutineImage& coroutine);
    void draw_one(Workspace& ws, const inspect::CoroutineImage& coroutine);
    void draw_who(Workspace& ws, const inspect::CoroutineImage& coroutine, const inspect::StackRef* stack);
    float draw_links(Workspace& ws, const inspect::CoroutineImage& coroutine);
    float draw_arms(Workspace& ws, const inspect::CoroutineImage& coroutine, float top);
    float draw_waker(Workspace& ws, const inspect::CoroutineImage& coroutine, float top);
    float draw_site_use(Workspace& ws, const inspect::CoroutineImage& coroutine, float top);
    float draw_use(Workspace& ws, const inspect::CoroutineImage& coroutine, const inspect::StackRef* stack,
                   float top);
    void draw_frames(Workspace& ws, const std::vector<inspect::Frame>& frames,
                     const std::string& ended_because, float height);
    void draw_frame_row(Workspace& ws, const inspect::Frame& frame, std::size_t index, float width);
    void draw_all(Workspace& ws);
    void draw_merged_row(Workspace& ws, const MergedStacks& merged, std::size_t index, float width);

    int mode_ = 0;  // 0 one, 1 all
    bool code_drawn_ = false;
    bool waiting_ = false;  // names or code of what is shown are still on their way
    std::size_t frames_shown_ = 0;
    std::size_t frame_chosen_ = 0;  // of those shown
    std::size_t frame_scrolled_to_ = 0;
    float share_ = 0.42F;  // of the height that the frames take
    std::string shown_text_;
    Computed<std::pair<std::shared_ptr<const traces::Moment>, std::string>, MergedStacks> merged_;  // by Moment and filter
    SaidPanel said_;
    CodePanel code_{CodePanel::kSource};
};

}  // namespace coroscope::views
