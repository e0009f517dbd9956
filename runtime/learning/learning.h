// CPRIME_LEARN=FILE: the size table in FILE is read at the start and added to at the orderly end of the runtime, by the program itself.
//
//   start    lines that dead programs left (FILE.wrong) are taken in; FILE is the table of this run, unless CPRIME_SIZES names another
//   run      stacks are painted and scanned as with CPRIME_PROFILE=1, and counted by site (learned_sites.h)
//   end      read, merged, written in one locked step (table_file.h), with the advice that follows from all runs so far (learned_table.h)
//
// A FILE that cannot be used costs one sentence: it stays as it is, and the run learns nothing.
//
// Thread: the one that makes and ends the Runtime, while no worker runs. Blocks: files. Tested in tests/unit/runtime/learning_test.cpp and
// tests/e2e/learn_test.py.
#pragma once

#include <string>

#include "instrumentation/base/result.h"

namespace cprime::detail {

struct RuntimeState;

// The file as it will be written: links resolved, independent of later changes of the folder. Errors: it cannot be used.
coroscope::base::Result<std::string> prepare_learning(const std::string& path);

// What this run has seen goes into state.learn_file.
void finish_learning(RuntimeState& state);

}  // namespace cprime::detail
