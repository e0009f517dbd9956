// See run_series.h.
#include "views/run_series.h"

#include "views/workspace.h"

namespace coroscope::views {

static constexpr std::size_t kTrailParts = 240;

void RunSeries::reset() {
    point_.reset();
    trail_.reset();
    series_ = {};
    series_of_ = 0;
    busy_ = false;
}

void RunSeries::want(Workspace& ws) {
    point_.want(ws.background, ws.moment, [moment = ws.moment] { return point_of(*moment); });
    if (ws.info.kind == traces::SessionKind::kRecorded) {
        const analyses::History* history = ws.history.want(ws);
        busy_ = ws.history.busy();
        if (history == nullptr || series_of_ == ws.history.changes()) return;
        series_ = series_of(*history, ws.moment->state);
        series_of_ = ws.history.changes();
        return;
    }
    busy_ = false;
    if (const OverviewPoint* point = point_.value(); point != nullptr && !ws.session->time().has_value()) trail_.add(*point);
    const auto newest = static_cast<std::uint64_t>(trail_.newest() + 1);
    if (newest == series_of_) return;
    series_ = trail_.series(kTrailParts);
    series_of_ = newest;
}

OverviewSeries RunSeries::compute(Workspace& ws) const {
    if (const auto history = PastHistory::compute(ws); history.has_value()) return series_of(*history, ws.moment->state);
    return trail_.series(kTrailParts);
}

}  // namespace coroscope::views
