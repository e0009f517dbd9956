// `coroscope diff`: two recorded runs held against each other.
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "traces/analyses/run_compare.h"

namespace coroscope::app {

int run_compare(const CompareWish& wish) {
    traces::Search search;
    auto before = analyses::take_run(wish.before, search);
    if (!before) return fail(before.error());
    auto after = analyses::take_run(wish.after, search);
    if (!after) return fail(after.error());
    const analyses::RunComparison comparison = analyses::compare_runs(**before, **after);
    const std::string text = wish.json
                                 ? analyses::to_json(comparison).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
                                       "\n"
                                 : analyses::to_text(comparison);
    auto status = write_stdout(text);
    return status ? static_cast<int>(kExitGood) : fail(status.error());
}

}  // namespace coroscope::app
