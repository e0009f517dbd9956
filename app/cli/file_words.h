// The words that take whole files and make something else of them: analyze, sizes, profile, compare, export; and files that stand beside the one
// that is looked at. Declared here for the parser in command_line.cpp.
//
// Thread: any. Tested in tests/unit/app/command_line_test.cpp.
#pragma once

#include <string>

#include "app/cli/command_line.h"

namespace CLI {
class App;
}

namespace coroscope::app {

// --binary of words that take cores, --before of those that show two runs.
void declare_binary(CLI::App* word, std::string& binary);
void declare_before(CLI::App* word, std::string& before);
// `pid`: --pid as it was typed.
void declare_analyze(CLI::App* word, AnalyzeWish& wish, std::string& pid);
base::Result<Wish> finish_analyze(AnalyzeWish wish, const std::string& pid);
void declare_sizes(CLI::App* word, SizesWish& wish);
base::Result<Wish> finish_sizes(SizesWish wish);
void declare_profile(CLI::App* word, ProfileWish& wish);
void declare_compare(CLI::App* word, CompareWish& wish);
// `at`: --at as it was typed.
void declare_export(CLI::App* word, ExportWish& wish, std::string& at);
// What was declared, once the line was read. Errors: kUsage.
base::Result<Wish> finish_export(ExportWish wish, const std::string& at);

}  // namespace coroscope::app
