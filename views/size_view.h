// The Sizes view: one row a spawn site, with what its stacks were predicted to use and did use of their slots, the class they have and the one
// that is advised, and what that saves; two bars a row where a run before is compared with.
//
// A row that is clicked selects a coroutine of its site that is alive, the next one with each click. A click on its classes opens the choice of
// another one: a wish, which is marked, can be undone, and goes into the table that is exported. Below stands what is proven of the chosen row
// (size_detail_panel.h).
//
// Publishes "sizes.filter", "sizes.header.N", "sizes.row.N", "sizes.classes.N" (by line), "sizes.wish.0".."3" and "sizes.wish.computed" of the open
// choice, "sizes.undo", "sizes.export", "sizes.before", "sizes.before.path" and "sizes.before.drop". Row model: size_model.h; what is kept:
// size_book.h; the bars: size_bar.h.
//
// The frame's thread. Tested in tests/e2e/sizes_view_test.py.
#pragma once

#include <string>

#include "views/columns.h"
#include "views/size_book.h"
#include "views/size_detail_panel.h"
#include "views/view.h"

namespace coroscope::views {

class SizeView : public View {
public:
    const char* name() const override { return "sizes"; }
    const char* title() const override { return "Sizes"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return book_.busy(); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    SizeBook& book() { return book_; }
    // The row `by` further than the chosen one, or the first.
    void move(Workspace& ws, int by);
    // Wishes the next larger or smaller class for the chosen row.
    void change_class(int by);
    bool has_choice() const { return !chosen_.empty(); }
    const std::string& chosen() const { return chosen_; }  // "file:line"
    // What is proven of the chosen one.
    SizeDetailPanel& detail() { return detail_; }
    // Puts the keyboard into the field for the run before.
    void ask_before();

private:
    void take_filter(const Workspace& ws, const FilterMatch* match);
    void draw_head(Workspace& ws, const SizeModel* model);
    void draw_tools(Workspace& ws, const SizeModel* model);
    void draw_before_field(Workspace& ws);
    void draw_sentences(Workspace& ws, const SizeModel& model);
    void draw_titles(Workspace& ws, std::span<const PlacedColumn> places);
    void draw_rows(Workspace& ws, const SizeModel& model, std::span<const PlacedColumn> places, float room);
    void draw_row(Workspace& ws, const SizeModel& model, std::size_t number,
                  std::span<const PlacedColumn> places, float height);
    void draw_cells(Workspace& ws, const SizeModel& model, const SizeLine& line, ImVec2 at, float height,
                    std::span<const PlacedColumn> places);
    void draw_before_cells(Workspace& ws, const SizeModel& model, const SizeLine& line, ImVec2 at,
                           float height, std::span<const PlacedColumn> places);
    void update_detail(const SizeModel& model);
    void draw_classes(Workspace& ws, const SizeModel& model, const SizeLine& line, const PlacedColumn& place,
                      ImVec2 at, float height);
    void draw_choice(Workspace& ws, const SizeModel& model);
    void choose(Workspace& ws, const std::string& site);

    SizeBook book_;
    SizeDetailPanel detail_;
    std::string chosen_;
    bool scroll_to_chosen_ = false;
    std::string choice_of_;  // the site whose classes are to be chosen from
    bool open_choice_ = false;
    bool asking_before_ = false, focus_before_ = false;
    std::string before_typed_;
    std::uint64_t seen_selection_ = 0;
};

}  // namespace coroscope::views
