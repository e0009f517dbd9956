// `coroscope profile`: where the time of a recorded program went.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/cli/exit_codes.h"
#include "app/cli/words.h"
#include "traces/analyses/profile.h"

namespace coroscope::app {
namespace {

// Position of a name that the command line has checked.
template <typename Enum, typename Names>
Enum named(const Names& names, const std::string& name) {
    return static_cast<Enum>(std::find(names.begin(), names.end(), name) - names.begin());
}

}  // namespace

int run_profile(const ProfileWish& wish) {
    auto walk = analyses::TraceWalk::open(wish.file);
    if (!walk) return fail(walk.error());
    analyses::ProfileOptions options;
    options.by = named<analyses::ProfileBy>(analyses::kProfileByNames, wish.by);
    options.sort = named<analyses::ProfileSort>(analyses::kProfileSortNames, wish.sort);
    options.top = wish.top;
    const analyses::Profile profile = analyses::compute_profile(**walk, options);
    const std::string text = wish.json ? analyses::to_json(profile).dump(
                                             1, ' ', false, nlohmann::json::error_handler_t::replace) +
                                             "\n"
                                       : analyses::to_text(profile);
    if (auto status = write_stdout(text); !status) return fail(status.error());
    return kExitGood;
}

}  // namespace coroscope::app
