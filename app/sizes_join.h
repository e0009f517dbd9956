// Proof meets profile: what is proven of the stacks of a binary's spawn sites goes into the size rows of the build that it is.
//
// A proof is of one build, so a binary counts only where its build-id is that of rows: of a trace, or of a table. Binaries are those that the
// caller names, and else those at the places that the traces tell.
//
// Thread: any, one at a time. Blocks: reads the binaries and their libraries, a second for one of 10 MB. Tested end to end in
// tests/e2e/sizes_proof_test.py.
#pragma once

#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/size_rows.h"

namespace coroscope::app {

// Returns why there is no proof where one could be expected, one sentence each. Errors: a binary that the caller names cannot be read.
base::Result<std::vector<std::string>> add_proofs(traces::SizeRows& rows, const std::vector<std::string>& binaries);

}  // namespace coroscope::app
