// The flame graph: where coroutines spend time on a worker, where they spend it off one and why, who is parked and what parked stacks hold; callers
// above callees, each as wide as its share.
//
// A click, or Enter, zooms into a frame; Backspace comes back. A click also selects who stands behind the frame; of several, or where nobody
// of them lives, their spawn site becomes the filter of all other views, and further clicks select one after the other. Ctrl+wheel (as in
// Tracy: the plain wheel) zooms towards the mouse, the right button drags. Arrows walk through the frames. What is searched for lights up,
// with its share of the whole. The selected range, coroutine or its spawn site narrow what is told. Of a program that runs, the past that is
// kept is told as of when it was asked; where none is kept, its parked stacks are shown and a sentence says so.
//
// Publishes "flame.mode.N", "flame.of.N", "flame.search", "flame.out", "flame.update", "flame.range", "flame.copy" and "flame.frame.N" (N: number in
// the dump) of boxes that are wide enough to be clicked. Row model: flame_model.h; what it is made of: flame_source.h.
//
// The frame's thread; the past is walked on the searches'. Drawn in flame_view.cpp; hands in flame_hands.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "views/flame_model.h"
#include "views/flame_source.h"
#include "views/past_look.h"
#include "views/view.h"

namespace coroscope::views {

class FlameView : public View {
public:
    const char* name() const override { return "flame"; }
    const char* title() const override { return "Flame"; }
    void draw(Workspace& ws) override;
    bool busy() const override;
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    void next_mode() { mode_ = (mode_ + 1) % static_cast<int>(kFlameModesCount); }
    void next_whom() { whom_ = (whom_ + 1) % 3; }
    void focus_search() { focus_search_ = true; }
    void zoom_in();
    void zoom_out();
    bool zoomed() const { return zoom_ != 0; }
    void step(FlameStep step);
    // What is zoomed into, as folded lines; "" while there is nothing.
    std::string folded() const;
    // Asks anew about a program that goes on.
    void update() { ++asked_again_; }

private:
    struct PastKey {
        std::shared_ptr<const traces::Replay> replay;
        FlameWish wish;
        std::uint64_t asked_again = 0;
        bool operator==(const PastKey&) const = default;
    };
    struct MomentKey {
        std::shared_ptr<const traces::Moment> moment;
        FlameWish wish;
        std::uint64_t names = 0;  // that were known by then
        bool operator==(const MomentKey&) const = default;
    };
    FlameWish wish(const Workspace& ws) const;
    const Flame* want(Workspace& ws);
    void take(const Flame* flame);
    void draw_head(Workspace& ws, const Flame* flame);
    void draw_second_line(Workspace& ws, const Flame* flame);
    std::string about(const Workspace& ws, const Flame& flame) const;
    void draw_frames(Workspace& ws, const FlameTree& tree);
    void draw_box(Workspace& ws, const FlameTree& tree, const FlameBox& box, Rect place, bool under);
    void move_window(Workspace& ws, const FlameTree& tree);
    void take_wheel(Workspace& ws, const FlameTree& tree, std::uint32_t hit);
    const std::vector<std::uint64_t>& behind(const Workspace& ws, const FlameTree& tree, std::uint32_t frame);
    std::string who_stands_behind(Workspace& ws, const FlameTree& tree, std::uint32_t frame);
    void select_behind(Workspace& ws, const FlameTree& tree, std::uint32_t frame);
    bool filters_here(const Workspace& ws) const;  // the filter is what a click here made it
    ImU32 colour_of(const Workspace& ws, const FlameFrame& frame) const;

    FlameMode mode() const { return static_cast<FlameMode>(mode_); }

    static constexpr const char* kWords[] = {"on-cpu", "off-cpu", "parked", "stack-memory"};
    static constexpr const char* kTitles[] = {"On CPU", "Off CPU", "Parked", "Stack memory"};

    PastLook<PastKey, Flame> past_;
    Computed<MomentKey, Flame> moment_;
    int mode_ = static_cast<int>(FlameMode::kOffCpu), whom_ = 0;
    std::uint64_t asked_again_ = 0;
    std::shared_ptr<const traces::Replay> kept_;  // the past, as of when it was asked about
    FlameWish kept_wish_;                         // and what was asked then
    std::uint64_t kept_for_ = 0;                  // asked_again_ then
    bool no_past_ = false, drawn_ = false, can_update_ = false;
    std::shared_ptr<const Flame> shown_;  // of a Moment
    std::uint64_t seen_past_ = 0;         // of past_.changes()
    // What is drawn, valid until the next frame; and of which zoom_, chosen_ and found_ are.
    const FlameTree* tree_ = nullptr;
    const FlameTree* taken_tree_ = nullptr;
    std::uint64_t generation_ = 0, taken_ = 0;
    std::uint32_t zoom_ = 0, chosen_ = 0;
    std::vector<std::string> zoom_path_, chosen_path_;  // by which they are found in another tree
    FlameWindow seen_;                   // on the way to what is zoomed into
    std::uint64_t seen_generation_ = 0;  // whose tree it is of
    bool moving_ = false;
    // Who lives at the moment and has the root of the frame that was hovered or clicked last.
    std::shared_ptr<const traces::Moment> behind_of_;
    std::string behind_root_;
    std::vector<std::uint64_t> behind_;
    // What a click made the filter, and what it was before: this tree is still of that.
    std::string site_filter_, filter_before_;
    std::shared_ptr<const PastFilter> whom_before_;
    std::string lit_root_;  // of whom the mouse is over, in whatever view
    std::string search_, searched_;
    FlameFound found_;
    bool focus_search_ = false, bring_chosen_ = false;
};

}  // namespace coroscope::views
