// The table of distinct stacks, and finding one coroutine's in a snapshot. Tested in tests/unit/inspect.
#include "instrumentation/inspect/stack.h"

#include <algorithm>

namespace coroscope::inspect {
namespace {

std::uint64_t hash_of(const std::vector<std::uint64_t>& pcs) {
    std::uint64_t hash = 0xcbf29ce484222325ULL ^ pcs.size();
    for (const std::uint64_t pc : pcs) {
        hash = (hash ^ pc) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 29;
    }
    return hash;
}

}  // namespace

const char* unwind_end_name(UnwindEnd end) {
    switch (end) {
        case UnwindEnd::kEntry:
            return "entry";
        case UnwindEnd::kNoRule:
            return "no unwind rule";
        case UnwindEnd::kBadMemory:
            return "outside the stack";
        case UnwindEnd::kTooDeep:
            return "too deep";
        case UnwindEnd::kNotUnwound:
            return "not unwound";
    }
    return "?";
}

std::uint32_t StackTable::add(const std::vector<std::uint64_t>& pcs) {
    const std::uint64_t hash = hash_of(pcs);
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
        if (stacks_[it->second] == pcs) return it->second;
    }
    const auto number = static_cast<std::uint32_t>(stacks_.size());
    stacks_.push_back(pcs);
    by_hash_.emplace(hash, number);
    return number;
}

const StackRef* StackSnapshot::find(std::uint64_t identity) const {
    const auto at = std::lower_bound(
        stacks.begin(), stacks.end(), identity,
        [](const StackRef& ref, std::uint64_t wanted) { return ref.identity < wanted; });
    return at != stacks.end() && at->identity == identity ? &*at : nullptr;
}

}  // namespace coroscope::inspect
