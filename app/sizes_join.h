// Proof meets profile: what is proven of the stacks of a binary's spawn sites goes into the size rows of the build that it is.
//
// A proof is of one build, so a binary counts only where its build-id is that of rows: of a trace, or of a table. Binaries are those that the
// caller names, and else those at the places that the traces tell.
//
// Blocks: reads the binaries and their libraries, a second for one of 10 MB. Tested end to end in tests/e2e/sizes_proof_test.py.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "instrumentation/base/result.h"
#include "traces/size_rows.h"

namespace coroscope::app {

// What is proven of binaries, for whoever asks again and again. Thread: any, one at a time waits for the other.
class ProvenBinaries {
public:
    // Why there is no proof; "" = what is proven of the binary at `path`, whose build-id that is, was added to those builds of `rows`.
    std::string add_to(traces::SizeRows& rows, const std::vector<traces::SizeBuild>& builds, const std::string& path, const std::string& build_id);

private:
    struct Proven {
        traces::SizeBuildRows rows;
        std::string problem;
    };
    std::mutex lock_;
    std::map<std::string, Proven> by_build_id_;  // guarded by lock_
};

// Returns why there is no proof where one could be expected, one sentence each. Thread: any, one at a time for the same `rows`. Errors: a
// binary that the caller names cannot be read.
base::Result<std::vector<std::string>> add_proofs(traces::SizeRows& rows, const std::vector<std::string>& binaries, ProvenBinaries& proven);

}  // namespace coroscope::app
