// Two runs beside each other: this session and a trace that is opened to compare with. Distributions overlaid with their percentiles, spawn sites by
// how much they changed, pools and totals; and, in sentences, why some figures may not be held against each other.
//
// A click on a site selects one of its coroutines. Of a program that runs what is kept by now is compared, until "Update" asks anew.
//
// Publishes "compare.part.N" (distributions, sites, totals), "compare.path", "compare.open", "compare.drop", "compare.update", "compare.filter",
// "compare.site.N" and "compare.chart.N". Row model: compare_model.h; what is compared: traces/analyses/run_compare.h, whose twin on the command
// line is `coroscope diff`.
//
// The frame's thread; traces are walked on the searches'.
#pragma once

#include <memory>
#include <string>

#include "views/columns.h"
#include "views/compare_model.h"
#include "views/run_pair.h"
#include "views/view.h"

namespace coroscope::views {

class CompareView : public View {
public:
    const char* name() const override { return "compare"; }
    const char* title() const override { return "Compare"; }
    void draw(Workspace& ws) override;
    bool busy() const override { return drawn_ && (runs_->other_in_flight() || runs_->own_in_flight()); }
    nlohmann::json dump(Workspace& ws) override;
    void reset() override;

    // "" = with nothing. The run before stays when another session is opened.
    void compare_with(const std::string& path);
    void next_part() { part_ = (part_ + 1) % 3; }
    void focus_path() { focus_path_ = true; }
    // The two runs, for other views that show both.
    const std::shared_ptr<RunPair>& runs() const { return runs_; }

private:
    void want(Workspace& ws);
    void draw_head(Workspace& ws);
    void draw_path(Workspace& ws, float right);
    float draw_notes(Workspace& ws);
    void draw_distributions(Workspace& ws);
    void draw_chart(Workspace& ws, const analyses::DistributionChange& change, std::size_t number, Rect area);
    void draw_percentiles(Workspace& ws, const analyses::DistributionChange& change, Rect area);
    void draw_axis(Workspace& ws, const analyses::DistributionChange& change, Rect area);
    void draw_sites(Workspace& ws);
    void draw_site(Workspace& ws, const analyses::SiteChange& site, std::size_t number, std::span<const PlacedColumn> places);
    void draw_totals(Workspace& ws);

    std::shared_ptr<RunPair> runs_ = std::make_shared<RunPair>();
    std::string typed_;
    bool drawn_ = false, focus_path_ = false;
    std::uint64_t seen_ = 0;  // runs_->changes() of which comparison_ is
    std::shared_ptr<const analyses::RunComparison> comparison_;
    std::string error_;  // why there is no comparison; "" = there is, or it is on its way
    int part_ = 0;
    std::string filter_;
};

}  // namespace coroscope::views
