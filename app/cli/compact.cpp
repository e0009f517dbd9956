// `coroscope compact`: a trace that is no longer recorded, rewritten smaller; what is broken in it is named on stderr and left out.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "traces/compact.h"

namespace coroscope::app {

int run_compact(const CompactWish& wish) {
    const auto result = traces::compact(wish.file, wish.output);
    if (!result) return fail(result.error());
    for (const std::string& loss : result->left_out)
        std::fprintf(stderr, "coroscope: left out: %s\n", loss.c_str());
    std::string text;
    if (wish.json) {
        const nlohmann::json json = {{"file", wish.output},
                                     {"bytes_before", result->bytes_before},
                                     {"bytes_after", result->bytes_after},
                                     {"events", result->events},
                                     {"left_out", result->left_out}};
        text = json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    } else {
        const auto before = static_cast<double>(result->bytes_before);
        const auto after = static_cast<double>(result->bytes_after);
        text = fmt::format("{}: {} bytes, before {} bytes: {:.1f} %, of {} events\n", wish.output,
                           result->bytes_after, result->bytes_before, 100 * after / before, result->events);
    }
    if (auto status = write_stdout(text); !status) return fail(status.error());
    return kExitGood;
}

}  // namespace coroscope::app
