// One row a spawn site out of the rows of many builds: what belongs together, what moved, what is another site by now.
//
// Builds are ordered by their latest run. From the newest to the oldest, a site of a build is
//   - the same as that of a newer build at its "file:line", if the function around it is the same (or not known);
//   - else moved, if a newer build of the program has one site in that file and function which this build does not have at its line, and this build
//     has no other such (where there are several: of the class that it used);
//   - else, if another function's site stands at its line by now, set apart: a table has one row a line, and that is the newer one's;
//   - else a row of its own.
// Functions are compared by name, without what is returned, parameters and template arguments, so that compilers' spellings agree.
//
// A proof counts if it is of the newest build of each program that has the site; one of an older build says nothing about the newer. A run that
// went deeper than what is proven of the same build contradicts it: then no proof of that site counts, and proofs that take the same on trust of
// functions of libraries are doubted.
//
// Thread: pure. Tested in tests/unit/traces/size_join_test.cpp.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/size_rows.h"

namespace coroscope::traces {

struct JoinedSizes {
    struct SetApart {
        std::string site;  // of which the table has another row
        SizeRow row;
    };
    std::map<std::string, SizeRow> rows;      // by "file:line" of the newest build that has it
    std::vector<SetApart> set_apart;          // by site and symbol
    std::vector<std::string> notes;           // what moved and what was set apart, one sentence each
    std::vector<std::string> contradictions;  // one sentence each
    std::map<std::pair<SizeBuild, std::string>, std::string> row_of;  // a build's site -> the row that it is in; none: set apart
};

// "demo::Bank::serve" of "void demo::Bank::serve(int) [with T = long]" or of "demo::Bank::serve(int)::{lambda()#1}::operator()() const".
std::string plain_function_name(std::string_view function);

}  // namespace coroscope::traces
