// Whether an unwound stack is the chain that the target wrote down.
//
// Frames of the chain's functions are those in the modules called chains…, but for __morestack, which stands between two of them where a stack
// goes on on a segment. Going outwards, each must be followed by the address that its function says it was called from, and there must be as many as
// the record has, before the coroutine's own function and the trampoline. Frames of libraries between them (qsort, ostreams) are nobody's here.
//
// Thread: one at a time. Blocks: reads symbols of what it is shown first.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "instrumentation/inspect/stack.h"
#include "instrumentation/inspect/symbols.h"
#include "shadow.h"

namespace chains {

class Judge {
public:
    explicit Judge(const std::vector<coroscope::inspect::Module>& modules) : symbols_(modules) {}

    // "" when they agree; otherwise what does not, in words.
    std::string verdict(const std::vector<std::uint64_t>& pcs, const Shadow& shadow);
    // Names of the frames, for people.
    std::string text(const std::vector<std::uint64_t>& pcs);

private:
    enum class Whose : std::uint8_t { kChain, kNobody };
    Whose whose(std::uint64_t pc);

    coroscope::inspect::Symbolizer symbols_;
    std::unordered_map<std::uint64_t, Whose> known_;
};

}  // namespace chains
