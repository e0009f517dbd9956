// See code_view.h.
#include "instrumentation/bounds/code_view.h"

#include <algorithm>

namespace coroscope::bounds {

using inspect::Flow;

std::optional<std::size_t> CodeView::before(std::size_t step) const {
    std::optional<std::size_t> only;
    const auto [begin, end] = jumps.equal_range(step);
    if (step > 0) {
        const Flow flow = steps[step - 1].flow;
        if (flow == Flow::kNext || flow == Flow::kBranch || flow == Flow::kCall) only = step - 1;
    }
    for (auto jump = begin; jump != end; ++jump) {
        if (only || jump->second == kElsewhere) return std::nullopt;
        only = jump->second;
    }
    return only;
}

std::optional<std::int64_t> CodeView::offset_from_cfa(const Step& step) const {
    const auto after = std::upper_bound(rows.begin(), rows.end(), step.address,
                                        [](std::uint64_t at, const CfaRow& row) { return at < row.low; });
    if (after == rows.begin() || step.index != kNoRegister || step.base == kNoRegister) return std::nullopt;
    const CfaRow& row = *std::prev(after);
    if (step.address >= row.high || row.kind != CfaRow::Kind::kSum || row.from != step.base)
        return std::nullopt;
    return static_cast<std::int64_t>(step.displacement) - row.offset;
}

}  // namespace coroscope::bounds
