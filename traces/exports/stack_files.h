// A StackProfile in three formats.
//
//   pprof       profile.proto of github.com/google/pprof, not compressed (readers take both); samples carry labels `coroutine`, `site` and `reason`
//   speedscope  https://www.speedscope.app/file-format-schema.json, one sampled profile
//   folded      "root;caller;callee VALUE", one line a stack; a park's reason is its innermost frame
//
// Thread: pure functions. Tested in tests/e2e/export_test.py.
#pragma once

#include <string>

#include "traces/exports/output_file.h"
#include "traces/exports/stack_profile.h"

namespace coroscope::exports {

void write_pprof(const StackProfile& profile, const traces::TraceReader& reader, OutputFile& output);
void write_speedscope(const StackProfile& profile, const std::string& title, OutputFile& output);
void write_folded(const StackProfile& profile, OutputFile& output);

}  // namespace coroscope::exports
