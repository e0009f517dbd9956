// Rows as a constant array.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string_view>

#include "runtime/built_in_sizes/tool.h"
#include "runtime/stacks/pool_plan.h"

namespace cprime::built_in_sizes {

using coroscope::wire::ClassEvidence;
using coroscope::wire::SizeClass;

namespace {

// A string literal: what is not plain is written in octal, three digits each, so that no following digit is taken for a part of it.
std::string literal(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\' || c == '?' || byte < 0x20 || byte >= 0x7f) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\%03o", byte);
            out += escape;
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace

SizeClass class_built_in(const detail::SizeRow& row, bool growable) {
    return row.evidence == ClassEvidence::kProven || growable ? row.size_class
                                                              : std::max(row.size_class, SizeClass::kMedium);
}

std::string source_of(const detail::SizeTable& table, const std::string& origin, bool growable) {
    const std::map<std::string, detail::SizeRow> rows(table.rows().begin(), table.rows().end());
    std::string text =
        "// Made by size-table. Change the table, not this file.\n#include <cprime/built_in_sizes.h>\n\n";
    if (!rows.empty()) {
        text += "namespace {\nconstexpr cprime::BuiltInSize kRows[] = {\n";
        for (const auto& [site, row] : rows) {
            const auto number = static_cast<std::size_t>(class_built_in(row, growable));
            text += "    {" + literal(site) + ", cprime::size_class::" + detail::kPoolPlans[number].name +
                    (row.evidence == ClassEvidence::kProven ? ", true, " : ", false, ") +
                    std::to_string(row.predicted_bytes) + "},\n";
        }
        text += "};\n}  // namespace\n\n";
    }
    return text + "extern \"C\" constexpr cprime::BuiltInSizes cprime_built_in_sizes = {" +
           (rows.empty() ? "nullptr" : "kRows") + ", " + std::to_string(rows.size()) + ", " +
           literal(origin) + "};\n";
}

}  // namespace cprime::built_in_sizes
