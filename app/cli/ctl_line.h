// The part of the command line that takes hold of a running program: the word `ctl`.
//
// Thread: any. Tested in tests/unit/app/command_line_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "app/cli/command_line.h"

namespace CLI {
class App;
}

namespace coroscope::app {

// What was typed, before it is checked.
struct CtlLine {
    CtlWish wish;
    std::string pid, what, wait, action, output, flight;
    std::vector<std::string> words;  // IDs, a rule or categories
};
void add_ctl_options(CLI::App* ctl, CtlLine& line);
// Errors: kUsage.
base::Result<Wish> finish_ctl(CtlLine& line);

// Names of categories: "coroutine,channel" = these and no others; "all", "none", "all,-pool"; "+pool,-timer" = as it is, but for these. What is to
// be withheld, and of which categories that is said. Errors: kUsage.
struct CategoryWish {
    std::uint32_t withheld = 0, changed = 0;
};
base::Result<CategoryWish> parse_categories(const std::string& text);
// "coroutine, channel"; "none" for 0.
std::string categories_text(std::uint32_t categories);

}  // namespace coroscope::app
