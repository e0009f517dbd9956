// The part of the command line that carries rules: the word `query`, and --on of `record`.
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
struct QueryLine {
    QueryWish wish;
    std::vector<std::string> words;  // FILE RULE, or RULE
    std::string pid, at, from, to, before, after;
};
void add_query_options(CLI::App* query, QueryLine& line);
// Errors: kUsage.
base::Result<Wish> finish_query(QueryLine& line);

struct RecordRuleLine {
    std::string rule, after;
};
void add_record_rule(CLI::App* record, RecordRuleLine& line);
// Errors: kUsage.
base::Status finish_record_rule(const RecordRuleLine& line, RecordWish& wish);

}  // namespace coroscope::app
