// The file of a size table: written by `coroscope sizes` and by the window, read by CPRIME_SIZES and by SizeRows::add_table.
//
// It is written beside its place and renamed, so that a program starting meanwhile reads the old table or the new one, never half.
//
// Thread: any. Blocks: writes the file. Tested in tests/unit/traces/sizes_test.cpp and end to end in tests/e2e/sizes_test.py.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "instrumentation/base/result.h"

namespace coroscope::traces {

// As it stands in the file, and as `coroscope sizes --json` prints it.
std::string size_table_text(const nlohmann::json& table);
// Errors: kIo, with the reason of the system.
base::Status write_size_table(const std::string& path, const nlohmann::json& table);

}  // namespace coroscope::traces
