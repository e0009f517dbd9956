// The decoded code of one piece of a function, to be looked at backwards from a call.
//
// Made once all paths of the function have been walked (frame_walk.h): only then is it known where jumps by tables come in.
//
// Thread: values. Tested in tests/unit/bounds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "instrumentation/bounds/cfa_rows.h"
#include "instrumentation/bounds/decoder.h"

namespace coroscope::bounds {

struct CodeView {
    static constexpr std::size_t kElsewhere = ~std::size_t{0};  // another piece, or a table
    const std::vector<Step>& steps;
    const std::vector<CfaRow>& rows;
    std::multimap<std::size_t, std::size_t> jumps;  // to, from

    // The step that ran before, whichever way the code came; nothing: it may have been one of several, or none.
    std::optional<std::size_t> before(std::size_t step) const;
    // Where a memory operand of the frame lies, from the canonical frame address.
    std::optional<std::int64_t> offset_from_cfa(const Step& step) const;
};

}  // namespace coroscope::bounds
