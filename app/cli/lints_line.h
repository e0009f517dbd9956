// The part of the command line that belongs to `lint` and `top`, which look at the same: a trace, a core or a running program, and what is muted.
//
// Thread: any. Tested in tests/unit/app/lints_line_test.cpp.
#pragma once

#include <string>
#include <vector>

#include "app/cli/command_line.h"

namespace CLI {
class App;
}

namespace coroscope::app {

// What was typed, before it is checked.
struct LintsLine {
    LintsWish wish;
    std::string pid, at, apart;
};
void add_lints_options(CLI::App* lints, LintsLine& line);
// Errors: kUsage.
base::Result<Wish> finish_lints(LintsLine& line);

struct TopLine {
    TopWish wish;
    std::string pid, every;
};
void add_top_options(CLI::App* top, TopLine& line);
// `program`: what stands behind "--". Errors: kUsage.
base::Result<Wish> finish_top(TopLine& line, const std::vector<std::string>& program);

}  // namespace coroscope::app
