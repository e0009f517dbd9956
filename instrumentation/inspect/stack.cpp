// The table of distinct stacks, and finding one coroutine's in a snapshot. Tested in tests/unit/inspect.
#include "instrumentation/inspect/stack.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

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

std::string module_place(const Frame& frame) {
    if (frame.module.empty() || frame.module_offset == 0) return "";
    char offset[32];
    std::snprintf(offset, sizeof offset, "+0x%llx", static_cast<unsigned long long>(frame.module_offset));
    return frame.module.substr(frame.module.rfind('/') + 1) + offset;
}

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

bool StackBytes::word(std::uint64_t at, std::uint64_t* to) const {
    if (at < address || size < sizeof *to || at - address > size - sizeof *to) return false;
    std::memcpy(to, bytes + (at - address), sizeof *to);
    return true;
}

std::size_t CopiedStack::piece_of(std::uint64_t at) const {
    const auto holds = [at](const StackBytes& piece) { return at - piece.address < piece.size; };
    if (holds(innermost_)) return 0;
    for (std::size_t i = 0; i < older_count_; ++i) {
        if (holds(older_[i])) return i + 1;
    }
    return older_count_ + 1;
}

bool CopiedStack::word(std::uint64_t at, std::uint64_t* to) const {
    if (innermost_.word(at, to)) return true;
    for (std::size_t i = 0; i < older_count_; ++i) {
        if (older_[i].word(at, to)) return true;
    }
    return false;
}

bool CopiedStack::goes_up(std::uint64_t rsp, std::uint64_t cfa) const {
    if (older_count_ == 0) return cfa > rsp;
    // Both are the ends of frames: the words below belong to those. Only where a thread stopped nothing below was copied.
    const auto ends_in = [this](std::uint64_t end) {
        const std::size_t piece = piece_of(end - sizeof(std::uint64_t));
        return piece <= older_count_ ? piece : piece_of(end);
    };
    const std::size_t from = ends_in(rsp);
    const std::size_t to = ends_in(cfa);
    return from == to ? cfa > rsp : to > from;
}

}  // namespace coroscope::inspect
