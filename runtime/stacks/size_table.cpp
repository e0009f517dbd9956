// From JSON to rows, with every surprise named.
#include "runtime/stacks/size_table.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "runtime/stacks/json_reader.h"

namespace cprime::detail {

using coroscope::base::ErrorCode;
using coroscope::base::Result;
using coroscope::wire::ClassEvidence;
using coroscope::wire::SizeClass;

namespace {

std::optional<SizeClass> class_named(std::string_view name) {
    constexpr std::string_view kNames[] = {"micro", "small", "medium", "large"};
    for (std::uint8_t i = 0; i < 4; ++i) {
        if (name == kNames[i]) return static_cast<SizeClass>(i);
    }
    return std::nullopt;
}

// What the table expects a stack to take: the bound of a proven row, or the deepest seen. Older tables say only what was predicted or seen.
std::uint32_t predicted_bytes(const JsonValue& row) {
    const JsonValue* bytes = row.member("expected_bytes");
    if (bytes == nullptr || bytes->number() == nullptr || *bytes->number() <= 0) bytes = row.member("predicted_bytes");
    if (bytes == nullptr || bytes->number() == nullptr || *bytes->number() <= 0) {
        const JsonValue* seen = row.member("high_water_bytes");
        bytes = seen != nullptr ? seen->member("max") : nullptr;
    }
    if (bytes == nullptr || bytes->number() == nullptr || !(*bytes->number() > 0) || *bytes->number() > 4e9)
        return 0;
    return static_cast<std::uint32_t>(*bytes->number());
}

}  // namespace

Result<SizeTable> SizeTable::parse(std::string_view text, const std::string& origin) {
    const auto bad = [&](const std::string& what) {
        return coroscope::base::error(ErrorCode::kCorrupt,
                                      "the size table " + origin + " cannot be used: " + what +
                                          "; write it anew with 'coroscope sizes TRACE -o " + origin + "'");
    };
    const Result<JsonValue> root = parse_json(text);
    if (!root) return bad(root.error().message);
    const JsonValue* sites = root->member("sites");
    if (sites == nullptr || sites->array() == nullptr) return bad("it has no list \"sites\"");
    SizeTable table;
    std::size_t number = 0;
    for (const JsonValue& row : *sites->array()) {
        ++number;
        const std::string where = "site " + std::to_string(number) + " of its list";
        const JsonValue* site = row.member("site");
        if (site == nullptr || site->string() == nullptr)
            return bad(where + " has no \"site\" (\"file:line\")");
        const JsonValue* advised = row.member("class_advised");
        const auto size_class = advised != nullptr && advised->string() != nullptr
                                    ? class_named(*advised->string())
                                    : std::nullopt;
        if (!size_class)
            return bad(where + " (" + *site->string() +
                       ") has no \"class_advised\" of micro, small, medium or large");
        SizeRow made;
        made.size_class = *size_class;
        if (const JsonValue* evidence = row.member("evidence");
            evidence != nullptr && evidence->string() != nullptr) {
            if (*evidence->string() == "unknown") continue;
            if (*evidence->string() == "proven") made.evidence = ClassEvidence::kProven;
        }
        made.predicted_bytes = predicted_bytes(row);
        table.rows_[*site->string()] = made;
    }
    return table;
}

Result<SizeTable> SizeTable::load(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return coroscope::base::error(ErrorCode::kUnreadable,
                                      "the size table " + path + " named by CPRIME_SIZES cannot be opened (" +
                                          std::strerror(errno) +
                                          "); name one that 'coroscope sizes' wrote, or unset CPRIME_SIZES");
    }
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return parse(text, path);
}

SizeTable SizeTable::of(const BuiltInSizes& sizes) {
    SizeTable table;
    for (std::size_t i = 0; i < sizes.rows_count; ++i) {
        const BuiltInSize& built_in = sizes.rows[i];
        if (built_in.size_class == size_class::unspecified) continue;
        SizeRow row;
        row.size_class = static_cast<SizeClass>(static_cast<std::uint8_t>(built_in.size_class) - 1);
        if (built_in.proven) row.evidence = ClassEvidence::kProven;
        row.predicted_bytes = built_in.predicted_bytes;
        table.rows_[built_in.site] = row;
    }
    return table;
}

}  // namespace cprime::detail
