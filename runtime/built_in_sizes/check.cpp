// What the analysis of the binary says about the rows of its table.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "runtime/built_in_sizes/tool.h"
#include "runtime/stacks/pool_plan.h"

namespace cprime::built_in_sizes {

using coroscope::base::ErrorCode;
using coroscope::base::Result;
using coroscope::wire::SizeClass;
using detail::JsonValue;

namespace {

constexpr std::size_t kNamedMax = 8;

// What a coroutine of the class can use.
std::uint64_t usable_bytes(SizeClass size_class) {
    const detail::PoolGeometry& geometry = detail::kPoolPlans[static_cast<std::size_t>(size_class)].geometry;
    return geometry.slot_bytes - (geometry.colour_steps - 1ULL) * coroscope::wire::kCacheLineBytes -
           geometry.canary_bytes;
}

// By site: the largest bound that is proven of what it spawns; 0 = none is.
std::optional<std::map<std::string, std::uint64_t>> bounds_of(const JsonValue& analysis) {
    const JsonValue* sites = analysis.member("sites");
    if (sites == nullptr || sites->array() == nullptr) return std::nullopt;
    std::map<std::string, std::uint64_t> bounds;
    for (const JsonValue& found : *sites->array()) {
        const JsonValue* site = found.member("site");
        if (site == nullptr || site->string() == nullptr) return std::nullopt;
        std::uint64_t& bound = bounds[*site->string()];
        const JsonValue* bytes = found.member("bound_bytes");
        if (bytes != nullptr && bytes->number() != nullptr && *bytes->number() > 0 && *bytes->number() < 1e15)
            bound = std::max(bound, static_cast<std::uint64_t>(*bytes->number()));
    }
    return bounds;
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
    const auto bounds = bounds_of(analysis);
    if (!bounds) {
        return coroscope::base::error(
            ErrorCode::kCorrupt,
            "the analysis of " + binary + " has no list of sites; is coroscope of this version?");
    }
    Named stale, misfits;
    for (const auto& [site, row] : std::map(table.rows().begin(), table.rows().end())) {
        const auto known = bounds->find(site);
        if (known == bounds->end()) {
            stale.add(site);
            continue;
        }
        const SizeClass size_class = class_built_in(row, growable);
        if (growable || known->second <= usable_bytes(size_class)) continue;
        misfits.add(site + " is proven to need up to " + std::to_string(known->second) + " bytes and " +
                    detail::kPoolPlans[static_cast<std::size_t>(size_class)].name + " holds " +
                    std::to_string(usable_bytes(size_class)));
    }
    Findings found;
    if (!stale.empty()) {
        found.stale = "the size table " + origin + " has stale rows, of sites that " + binary +
                      " does not have any more: " + stale.text() +
                      "; measure this build and write the table anew";
    }
    if (!misfits.empty()) {
        found.misfits = "the size table " + origin + " does not fit " + binary + ": " + misfits.text() +
                        "; measure or analyze this build and write the table anew";
    }
    return found;
}

}  // namespace cprime::built_in_sizes
