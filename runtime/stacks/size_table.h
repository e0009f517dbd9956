// The size table: which class each spawn site gets, as `coroscope sizes` wrote it and CPRIME_SIZES names it.
//
// The file is an object with "sites": a list of objects with at least "site" ("file:line") and "class_advised" ("micro", "small",
// "medium", "large"); "evidence" ("proven", "profiled", "unknown") and "predicted_bytes" or "high_water_bytes"."max" are shown to viewers.
// Rows with evidence "unknown" say nothing. Everything else in the file is passed over.
//
// Read once at start. Bad input is one sentence, never a guess: the runtime then ends with exit code 2.
//
// Thread: loaded before workers exist, constant afterwards. Tested in tests/unit/runtime/size_table_test.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cprime/built_in_sizes.h"
#include "instrumentation/base/result.h"
#include "instrumentation/wire/site.h"

namespace cprime::detail {

struct SizeRow {
    coroscope::wire::SizeClass size_class = coroscope::wire::SizeClass::kMedium;
    coroscope::wire::ClassEvidence evidence = coroscope::wire::ClassEvidence::kProfiled;
    std::uint32_t predicted_bytes = 0;  // 0 = the file does not say
};

class SizeTable {
public:
    // Reads a table from its text. `origin`: how the sentence names it, e.g. the path.
    static coroscope::base::Result<SizeTable> parse(std::string_view text, const std::string& origin);
    static coroscope::base::Result<SizeTable> load(const std::string& path);
    // The one that is compiled into the program (cprime/built_in_sizes.h).
    static SizeTable of(const BuiltInSizes& sizes);

    // The row for "file:line"; null when there is none.
    const SizeRow* find(const std::string& site) const {
        const auto row = rows_.find(site);
        return row == rows_.end() ? nullptr : &row->second;
    }
    std::size_t size() const { return rows_.size(); }
    const std::unordered_map<std::string, SizeRow>& rows() const { return rows_; }

private:
    std::unordered_map<std::string, SizeRow> rows_;
};

}  // namespace cprime::detail
