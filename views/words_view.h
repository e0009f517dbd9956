// The stack words view: every word of the selected coroutine's stacks, as they are in memory now.
//
// Rows come from words_model.h; the words from the session, which reads them on its own thread and says whether they are of one moment. A row that is
// clicked selects its frame everywhere; clicking with Shift selects rows for copying.
//
// Publishes "words.row.N" of what is visible, "words.all.0/1" (equal words merged, or all). The frame's thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "views/selected_frames.h"
#include "views/view.h"
#include "views/words_model.h"

namespace coroscope::views {

class WordsView : public View {
public:
    const char* name() const override { return "words"; }
    const char* title() const override { return "Stack words"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return waiting_ || model_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    std::string copy_text(Workspace& ws) override { return as_text(ws); }
    void toggle_all() { all_ = 1 - all_; }
    // Moves the cursor; `extend` keeps the other end of what is selected.
    void step(Workspace& ws, int by, bool extend);
    bool has_selection() const { return cursor_ != kNoRow; }
    // The selected rows, or all of them.
    std::string as_text(Workspace& ws) const;

private:
    struct Key {
        std::shared_ptr<const inspect::RawStack> stack;
        int all = 0;
        bool operator==(const Key&) const = default;
    };
    void ask_for_places(Workspace& ws);
    void draw_head(Workspace& ws, const inspect::RawStack& stack, const inspect::CoroutineImage* coroutine);
    void draw_rows(Workspace& ws);
    void draw_row(Workspace& ws, std::size_t index, float width);
    void draw_heading(Workspace& ws, const WordRow& row, float width, bool chosen);
    ImU32 part_colour(const Workspace& ws, const WordRow& row) const;
    bool selected(std::size_t row) const;
    void press(Workspace& ws, std::size_t row);

    int all_ = 0;
    bool waiting_ = false;
    std::string problem_;  // why there are no words
    std::string label_;    // "exact"
    std::uint64_t identity_ = 0;
    Computed<Key, WordsModel> model_;
    std::shared_ptr<const WordsModel> asked_;  // names were asked for
    std::vector<inspect::Frame> frames_;       // of the stack whose words these are
    std::vector<std::string> levels_;
    std::size_t level_chosen_ = kNoRow;
    std::size_t cursor_ = kNoRow, anchor_ = kNoRow;
    bool scroll_ = true, scroll_cursor_ = false;
};

}  // namespace coroscope::views
