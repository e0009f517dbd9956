// Row models of the stack view: the frames of one coroutine, and all stacks of a Moment merged.
//
// Thousands of parked coroutines share a few stacks; merging counts them by their list of program counters (StackTable), so the whole
// program is a page of rows. Names arrive later than addresses (Session::frames), rows then fill in.
//
// Pure functions; any thread. Tested in tests/unit/views/stack_model_test.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "traces/moment.h"
#include "views/coroutine_filter.h"

namespace coroscope::views {

// A distinct stack and who has it.
struct MergedStack {
    std::uint32_t stack = wire::kNone;  // in Moment::table
    std::uint64_t count = 0;
    std::uint64_t first_identity = 0;  // the oldest coroutine that has it: what a click selects
    std::uint64_t used_bytes_max = 0;
};
struct MergedStacks {
    std::shared_ptr<const inspect::StackTable> table;  // that `stack` counts in
    std::vector<MergedStack> stacks;                   // most frequent first
    std::uint64_t without = 0;  // coroutines without a stack: running, torn, not yet captured
    std::uint64_t all = 0;
};
// `match` is of the same Moment; nullptr where nothing is filtered.
MergedStacks merge_stacks(const traces::Moment& moment, const FilterMatch* match = nullptr);

// What can be said about the trust in a stack, as a label and the sentence behind it.
struct ConsistencyLabel {
    const char* word;      // "exact"
    const char* sentence;  // "Copied while the coroutine stayed parked."
    bool good;
};
ConsistencyLabel consistency_label(const inspect::CoroutineImage& coroutine, const inspect::StackRef* stack);
// Why a walk ended before the entry function; "" when it did not.
std::string end_text(inspect::UnwindEnd end);

// "worker_loop  demo.cpp:120" per line, innermost first, as people paste it into a report.
std::string frames_text(const std::vector<inspect::Frame>& frames);
// Position in a frame: "demo.cpp:120", "" when unknown.
std::string position_text(const inspect::Frame& frame);
// Whether the frame is the runtime's, not the program's.
bool runtime_frame(const inspect::Frame& frame);
// Which frame of a stack to show first: the innermost one that is the program's own; 0 when there is none.
std::size_t own_frame(const std::vector<inspect::Frame>& frames);
// Name of a function for a row: without arguments; of one without a name its place in its module, or its address.
std::string function_text(const inspect::Frame& frame);

}  // namespace coroscope::views
