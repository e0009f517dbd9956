// Where the Sizes view takes its tables from: a recorded run whole, of a live one what is kept of its past and what the program itself keeps of
// each site, and a file that is opened to compare with. The only place here that knows how size rows are computed.
//
// Thread: any; Blocks: reads traces from their begin to their end (some 20 million events a second), until the search is not wanted any more.
// Tested end to end in tests/e2e/sizes_view_test.py.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "traces/replay.h"
#include "traces/search.h"
#include "traces/session.h"
#include "views/size_model.h"

namespace coroscope::views {

// Workspace::prove_sizes; may be empty.
using SizeProver = std::function<std::vector<std::string>(traces::SizeRows&)>;  // why there is no proof where one could be expected

// `moment`: of what is shown; its sites are rows of a live session also when nothing is kept of them. `replay`: nullptr where no past is kept.
SizeTable size_table_of_session(const traces::SessionInfo& info,
                                const std::shared_ptr<const traces::Replay>& replay,
                                const traces::Moment& moment, const SizeProver& prove,
                                const traces::Search& search);
// Of a trace, or of a table that was written before ("*.json").
SizeTable size_table_of_file(const std::string& path, const SizeProver& prove, const traces::Search& search);

}  // namespace coroscope::views
