// size-table: a size table becomes source, and is held against the program that it was built into.
//
//   size-table source TABLE OUT.cpp [--growable]
//   size-table check TABLE BINARY COROSCOPE [--growable]     COROSCOPE: the program that analyses BINARY
//
// Exit code 0: good, warnings included (that there is nothing to analyse, in a stripped binary for example, is one); 1: a class is proven not to
// hold a site; 2: a file that cannot be read or written, or no such command.
// Run by cprime_use_sizes(). Tested in tests/build/use_sizes_test.py.
#pragma once

#include <string>

#include "instrumentation/base/result.h"
#include "runtime/stacks/json_reader.h"
#include "runtime/stacks/size_table.h"

namespace cprime::built_in_sizes {

// The source that defines cprime_built_in_sizes (cprime/built_in_sizes.h); rows by site, so that a table is one text. `growable`: the code grows
// by segment, so that profiled rows may choose any class.
std::string source_of(const detail::SizeTable& table, const std::string& origin, bool growable);

// What `coroscope analyze BINARY --json` says; a sentence of its own on stderr where it says nothing.
coroscope::base::Result<detail::JsonValue> analyze(const std::string& coroscope, const std::string& binary);

struct Findings {
    std::string stale;    // a sentence that names the rows whose sites are gone; "" = none
    std::string misfits;  // a sentence that names the sites whose bounds their classes do not hold; "" = none
};
// Errors: the analysis is not one.
coroscope::base::Result<Findings> check(const detail::SizeTable& table, const std::string& origin,
                                        const std::string& binary, const detail::JsonValue& analysis,
                                        bool growable);

// The class that a row of a built-in table chooses.
coroscope::wire::SizeClass class_built_in(const detail::SizeRow& row, bool growable);

}  // namespace cprime::built_in_sizes
