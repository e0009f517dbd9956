// What the analysis of the binary says about the rows of its table.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <variant>

#include "cprime/size_class.h"
#include "runtime/built_in_sizes/tool.h"
#include "runtime/stacks/pool_plan.h"

namespace cprime::built_in_sizes {

using coroscope::base::ErrorCode;
using coroscope::base::Result;
using coroscope::wire::SizeClass;
using detail::JsonValue;

namespace {

constexpr std::size_t kNamedMax = 8;
constexpr std::uint8_t kClasses = coroscope::wire::kSizeClassesCount;

// What a coroutine of the class can use.
std::uint64_t usable_bytes(SizeClass size_class) {
    const detail::PoolGeometry& geometry = detail::kPoolPlans[static_cast<std::size_t>(size_class)].geometry;
    return geometry.slot_bytes - (geometry.colour_steps - 1ULL) * coroscope::wire::kCacheLineBytes -
           geometry.canary_bytes;
}

std::optional<SizeClass> class_in(const JsonValue& object, const char* name) {
    const JsonValue* value = object.member(name);
    for (std::uint8_t i = 0; value != nullptr && value->string() != nullptr && i < kClasses; ++i) {
        if (*value->string() == detail::kPoolPlans[i].name) return static_cast<SizeClass>(i);
    }
    return std::nullopt;
}

// What the analysis says of a site; of several bodies that are spawned there the most.
struct Proven {
    std::uint64_t bound_bytes = 0;    // the largest that is proven; 0 = none is
    std::optional<SizeClass> wished;  // the smallest that the code names, by a wish or by what it declares of the function
    bool in_micro_pool = false;       // the slots are the program's own: no row changes their class
};

bool says(const JsonValue& object, const char* name) {
    const JsonValue* value = object.member(name);
    const bool* said = value != nullptr ? std::get_if<bool>(&value->value) : nullptr;
    return said != nullptr && *said;
}

std::uint64_t count_in(const JsonValue& object, const char* name) {
    const JsonValue* value = object.member(name);
    const double* count = value != nullptr ? value->number() : nullptr;
    return count != nullptr && *count > 0 && *count < 1e15 ? static_cast<std::uint64_t>(*count) : 0;
}

// The class that the runtime gives to what was declared (declared_class() of runtime/scheduler/spawn.cpp).
std::optional<SizeClass> declared_class(const JsonValue& site) {
    const JsonValue* declared = site.member("declared");
    if (declared == nullptr || declared->object() == nullptr) return std::nullopt;
    if (const auto named = class_in(*declared, "class")) return named;
    if (says(*declared, "recursive") && !says(*declared, "bounded")) return SizeClass::kLarge;
    const std::uint64_t frames = count_in(*declared, "max_stack_bytes");
    const std::uint64_t bytes = frames + count_in(site, "closure_bytes") + count_in(site, "closure_alignment") + detail::kRoomBesideClosure;
    auto fitting = says(*declared, "bounded") && !says(*declared, "calls_foreign") ? SizeClass::kMicro : SizeClass::kMedium;
    const auto holds = [&](SizeClass at) -> std::uint64_t {
        const detail::PoolGeometry& geometry = detail::kPoolPlans[static_cast<std::size_t>(at)].geometry;
        return geometry.slot_bytes - (frames != 0 && geometry.colour_steps > 1 ? detail::kColourBytesMax : 0);
    };
    while (fitting < SizeClass::kLarge && bytes > holds(fitting))
        fitting = static_cast<SizeClass>(static_cast<std::uint8_t>(fitting) + 1);
    return fitting;
}

std::optional<std::map<std::string, Proven>> proven_in(const JsonValue& analysis) {
    const JsonValue* sites = analysis.member("sites");
    if (sites == nullptr || sites->array() == nullptr) return std::nullopt;
    std::map<std::string, Proven> all;
    for (const JsonValue& found : *sites->array()) {
        const JsonValue* site = found.member("site");
        if (site == nullptr || site->string() == nullptr) return std::nullopt;
        Proven& proven = all[*site->string()];
        const JsonValue* bytes = found.member("bound_bytes");
        if (bytes != nullptr && bytes->number() != nullptr && *bytes->number() > 0 && *bytes->number() < 1e15)
            proven.bound_bytes = std::max(proven.bound_bytes, static_cast<std::uint64_t>(*bytes->number()));
        auto wished = class_in(found, "class_wished");
        if (!wished) wished = declared_class(found);
        if (says(found, "in_micro_pool")) {
            wished = SizeClass::kMicro;
            proven.in_micro_pool = true;
        }
        if (wished) proven.wished = proven.wished ? std::min(*proven.wished, *wished) : *wished;
    }
    return all;
}

// The class that the site's coroutines get, as the runtime's ladder of evidence has it: a row raises a wish and never lowers it.
std::optional<SizeClass> class_of(const Proven& proven, const detail::SizeRow* row, bool growable) {
    std::optional<SizeClass> chosen = proven.wished;
    if (row != nullptr && !proven.in_micro_pool) {
        const SizeClass by_row = class_built_in(*row, growable);
        chosen = chosen ? std::max(*chosen, by_row) : by_row;
    }
    return chosen;
}

// "a, b and 3 more"
class Named {
public:
    void add(const std::string& what) {
        if (++count_ <= kNamedMax) text_ += (text_.empty() ? "" : ", ") + what;
    }
    bool empty() const { return count_ == 0; }
    std::string text() const {
        return count_ <= kNamedMax ? text_ : text_ + " and " + std::to_string(count_ - kNamedMax) + " more";
    }

private:
    std::string text_;
    std::size_t count_ = 0;
};

}  // namespace

Result<Findings> check(const detail::SizeTable& table, const std::string& origin, const std::string& binary,
                       const JsonValue& analysis, bool growable) {
    const auto proven = proven_in(analysis);
    if (!proven) {
        return coroscope::base::error(
            ErrorCode::kCorrupt,
            "the analysis of " + binary + " has no list of sites; is coroscope of this version?");
    }
    Named stale, misfits;
    for (const auto& [site, row] : std::map(table.rows().begin(), table.rows().end())) {
        if (!proven->contains(site)) stale.add(site);
    }
    for (const auto& [site, known] : *proven) {
        const detail::SizeRow* row = table.find(site);
        const auto size_class = class_of(known, row, growable);
        if (!size_class || growable || known.bound_bytes <= usable_bytes(*size_class)) continue;
        misfits.add(site + " is proven to need up to " + std::to_string(known.bound_bytes) + " bytes and " +
                    detail::kPoolPlans[static_cast<std::size_t>(*size_class)].name +
                    (known.wished == size_class ? ", which the code wishes for, holds " : " holds ") +
                    std::to_string(usable_bytes(*size_class)));
    }
    Findings found;
    if (!stale.empty()) {
        found.stale = "the size table " + origin + " has stale rows, of sites that " + binary +
                      " does not have any more: " + stale.text() +
                      "; measure this build and write the table anew";
    }
    if (!misfits.empty()) {
        found.misfits = "stack sizes do not fit " + binary + ": " + misfits.text() +
                        "; name larger classes in " + origin +
                        " or in the code, or take none below a page there";
    }
    return found;
}

}  // namespace cprime::built_in_sizes
