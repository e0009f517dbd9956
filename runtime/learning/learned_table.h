// The size table that a run has learned, merged into the one that there was: on values, without files.
//
// The JSON is that of `coroscope sizes` (traces/size_rows.h), and the advice the same rule (size_advice.h). Rows add up: samples,
// histograms and growths by addition, depths by maximum. What is in the table and not known here (proofs, build ids) stays as it is.
//
// A table has its measurements by build (own_build.h), so that a rebuilt program is told apart. "sites" is what follows from all of them, one row a
// site: that of an older build goes on where its function is the same; one that moved within its file is followed, where no other can be meant; where
// another function's site stands at its line by now the row begins anew. What was proven of another build counts no more. (`coroscope sizes` computes
// the same rows from the builds, and compares functions by their names alone: traces/size_join.h.)
//
// A wish (traces/size_wishes.h) keeps its class as long as every stack fits it.
//
// Three members are the runtime's own:
//   "wrong": true        a stack of the site did not fit the class that it had
//   "wrong_class"        that class, the largest there was; the advice is never again as small, whatever is measured afterwards
//   "wrong_bytes"        at least that deep the stack wanted to be
// Until the table is made anew: by `coroscope sizes` from traces of later builds.
//
// A row that is proven keeps its advice as long as nothing that was seen contradicts its bound.
//
// Thread: one at a time. Tested in tests/unit/runtime/learned_table_test.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "instrumentation/base/result.h"
#include "instrumentation/wire/pool.h"
#include "runtime/learning/own_build.h"
#include "runtime/stacks/json_reader.h"

namespace cprime::detail {

// Bytes that a coroutine of each class can use, and what one costs in memory apart from what it touches.
struct ClassBytes {
    std::uint64_t usable[coroscope::wire::kSizeClassesCount] = {};
    std::uint64_t stride[coroscope::wire::kSizeClassesCount] = {};
};

// What one run saw of one site.
struct LearnedRow {
    std::string site;    // "file:line"
    std::string symbol;  // enclosing function of the spawn
    coroscope::wire::SizeClass class_used = coroscope::wire::SizeClass::kMedium;
    std::uint64_t predicted_bytes = 0;  // by the table that the run had; 0 = none
    std::uint64_t samples = 0;
    std::uint64_t sum_bytes = 0;
    std::uint64_t max_bytes = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> histogram;  // bucket, coroutines; ascending
    std::uint64_t in_place = 0, segments = 0, wishes = 0;            // growths, by form
    std::uint64_t seen_bytes = 0;  // deepest use that was noticed at parks and growth, painted or not
    std::uint64_t peak_coroutines = 0;
    std::uint8_t unheld = 0;  // SizeClass + 1 of the class that did not hold a stack; 0 = all did
    std::uint64_t unheld_bytes = 0;
    std::uint64_t run_unix_ns = 0;  // when the run ended; 0 = not known
    std::optional<OwnBuild> of;     // the build that it was seen in; none: that which learns
};

// A table without rows, as JSON.
JsonValue empty_table();

// Adds the rows, and `runs` to the runs that the table counts. Errors name what in the table is not as it must be.
// `build`: the one that learns; unnamed: it is not known.
coroscope::base::Status learn(JsonValue& table, const std::vector<LearnedRow>& rows, unsigned runs,
                              const ClassBytes& bytes, const OwnBuild& build = {});

}  // namespace cprime::detail
