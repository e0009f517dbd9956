// The coroutine table: every coroutine, sortable by any column, filtered by the window's filter
// (Workspace::filter), which is typed here; pinned ones first.
//
// 100,000 rows are sorted off the frame and drawn through a clipper. Publishes "table.filter", "table.header.N" and "row.ID" for the rows
// that can be seen. Row model: coroutine_model.h.
#pragma once

#include <string>

#include "views/coroutine_model.h"
#include "views/view.h"

namespace coroscope::views {

class CoroutineView : public View {
public:
    const char* name() const override { return "coroutines"; }
    const char* title() const override { return "Coroutines"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return model_.in_flight(); }
    nlohmann::json dump(Workspace& ws) override;
    std::string copy_text(Workspace& ws) override;
    void reset() override;

    // Puts the keyboard into the filter at the next frame.
    void focus_filter() { focus_wanted_ = true; }
    // Selects the row `by` further than the selected one (the first when none is).
    void move(Workspace& ws, int by);

private:
    using Key = std::pair<std::shared_ptr<const traces::Moment>, TableQuery>;

    void draw_head(Workspace& ws, const TableModel* model);
    void draw_table(Workspace& ws, const TableModel& model);
    void draw_headers(Workspace& ws);
    void draw_row(Workspace& ws, const TableModel& model, std::size_t row);
    std::ptrdiff_t row_of(const TableModel& model, std::uint64_t identity) const;

    Computed<Key, TableModel> model_;
    TableQuery query_;
    bool focus_wanted_ = false;
    std::uint64_t seen_selection_ = 0;
    float width_ = 0;  // of the table, last frame
};

}  // namespace coroscope::views
