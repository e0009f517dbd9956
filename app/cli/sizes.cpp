// `coroscope sizes`: from traces and binaries to the table that CPRIME_SIZES reads; and what one of two runs changed.
//
// Exit code 1 when a run went deeper than what is proven: the proof is wrong then.
#include <cstdio>

#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "app/sizes_join.h"
#include "traces/analysis.h"
#include "traces/size_compare.h"
#include "traces/size_table_file.h"

namespace coroscope::app {
namespace {

int run_compare(const SizesWish& wish) {
    traces::SizeRows sides[2];
    for (std::size_t i = 0; i < 2; ++i) {
        if (auto added = sides[i].add_file(wish.traces[i]); !added) return fail(added.error());
    }
    const traces::SizeComparison comparison = traces::compare_sizes(sides[0], sides[1]);
    const auto status = write_stdout(wish.json ? traces::size_table_text(traces::to_json(comparison)) : traces::to_text(comparison));
    return status ? kExitGood : fail(status.error());
}

}  // namespace

int run_sizes(const SizesWish& wish) {
    if (wish.compare) return run_compare(wish);
    traces::SizeRows rows;
    for (const std::string& path : wish.previous_tables) {
        if (auto added = rows.add_table(path); !added) return fail(added.error());
    }
    for (const std::string& path : wish.traces) {
        if (auto added = rows.add_file(path); !added) return fail(added.error());
    }
    ProvenBinaries proven;
    auto doubts = add_proofs(rows, wish.binaries, proven);
    if (!doubts) return fail(doubts.error());
    const nlohmann::json table = rows.to_json();
    if (!wish.output.empty()) {
        if (auto status = traces::write_size_table(wish.output, table); !status) return fail(status.error());
    }
    for (const std::string& sentence : *doubts)
        std::fprintf(stderr, "coroscope: %s\n", sentence.c_str());
    if (auto status = write_stdout(wish.json ? traces::size_table_text(table) : traces::sizes_text(table)); !status)
        return fail(status.error());
    return table["contradictions"].empty() ? kExitGood : kExitFinding;
}

}  // namespace coroscope::app
